"""What a model is asked to get its accuracy, and the figures of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models.convert.feeds import digest_of
from harness.models.convert.inputs import random_feeds
from harness.models.datasets.dataset import DATASETS, TEST, Dataset, dataset
from harness.models.datasets.samples import prepared
from harness.models.datasets.user import read_user
from harness.models.declaration import TensorDeclaration
from harness.models.family import Family
from harness.models.inference import Feeds, sample_count
from harness.models.proving import native
from harness.record import Accuracy
from harness.scenario import ACCURACY_METRICS, RANDOM_DATASET, AccuracyPass
from harness.scenario_file.kinds import suggestion
from harness.stats import accuracy as stats
from harness.stats.interval import Estimate
from harness.variant import ModelFormat, TensorSpec

_RANDOM_SAMPLES = 64
_RANDOM_SEED = 0x61636375  #: apart from the seeds of calibration and proof
#: With so many classes, chance alone would be among the five best half of the time.
_LEAST_CLASSES = 11


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Samples in the file's own layout, with labels where there are any.

    ``digest`` is that of inputs and labels before the layout, so that it is the same for ONNX and
    TFLite.
    """

    dataset: str
    split: str
    digest: str
    feeds: Feeds
    labels: NDArray[np.int64] | None
    metrics: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sample_count(self.feeds)


#: Makes the task once the engine has told the model's inputs.
TaskFor = Callable[[Sequence[TensorSpec]], Task]


@dataclass(frozen=True, slots=True)
class Score:
    """The figures by metric's stored name, and what was answered."""

    metrics: dict[str, float]
    accuracy: Accuracy


def check_dataset(wanted: AccuracyPass) -> None:
    """Raise :class:`CatalogueError` for an unknown dataset."""
    known = (*DATASETS, RANDOM_DATASET)
    if not isinstance(wanted.dataset, Path) and wanted.dataset not in known:
        hint = suggestion(wanted.dataset, known)
        raise CatalogueError(
            f"unknown dataset {wanted.dataset!r}; {hint} (a file of your own ends in .npz)"
        )


def objection(family: Family | None, wanted: AccuracyPass) -> str | None:
    """Why a family, or a user's file (None), cannot be asked for its accuracy; None if it can.

    Raises :class:`CatalogueError` for an unknown dataset.
    """
    check_dataset(wanted)
    name = wanted.dataset
    if isinstance(name, Path) or name == RANDOM_DATASET:
        return None
    if family is None:
        return f"nothing says how {name} becomes this file's input; give a .npz of its tensors"
    if family.dataset != name:
        own = f"its dataset is {family.dataset}" if family.dataset else "it has no dataset"
        return f"{family.name} is not made for {name}: {own}; give a .npz with labels"
    return None


def family_task(family: Family, fmt: ModelFormat, wanted: AccuracyPass) -> Task:
    """The task of a catalogue family; :class:`CatalogueError` where the data do not fit."""
    return _task(_samples(family.inputs, wanted), wanted, lambda feeds: native(feeds, fmt))


def file_task(specs: Sequence[TensorSpec], wanted: AccuracyPass) -> Task:
    """The task of a user's own file, whose samples are tensors as the file takes them."""
    declared = tuple(
        TensorDeclaration(
            spec.name, _with_batch(spec.shape), "float32" if spec.scale else spec.dtype
        )
        for spec in specs
    )
    return _task(_samples(declared, wanted), wanted, lambda feeds: feeds)


def score(outputs: Sequence[Sequence[NDArray[np.float64]]], task: Task) -> Score:
    """The figures that the task asks for, from the first output of each sample.

    Raises :class:`CatalogueError` where the outputs or the labels do not allow them.
    """
    scores = _scores(outputs)
    answers = stats.answers(scores)
    labels = None if task.labels is None else _labels(task, scores)
    metrics = _wanted(task, scores.shape[1])
    if labels is None and set(metrics) - {"agreement"}:
        raise CatalogueError(
            f"{task.dataset} has no labels for {', '.join(metrics)}; add an array labels, "
            "or ask for agreement only"
        )
    found: dict[str, Estimate] = {}
    for name in metrics:
        figure = None if labels is None else _figure(name, scores, answers, labels)
        if figure is not None:
            found[f"accuracy_{name}"] = figure
    accuracy = Accuracy(
        dataset=task.dataset,
        split=task.split,
        digest=task.digest,
        samples=len(task),
        intervals={
            name: (item.low, item.high)
            for name, item in found.items()
            if item.low is not None and item.high is not None
        },
        answers=" ".join(map(str, answers.tolist())),
        correct="" if labels is None else "".join("01"[int(hit)] for hit in answers == labels),
    )
    return Score({name: item.value for name, item in found.items()}, accuracy)


def _samples(inputs: Sequence[TensorDeclaration], wanted: AccuracyPass) -> Dataset:
    if isinstance(wanted.dataset, Path):
        return read_user(wanted.dataset, inputs)
    if wanted.dataset == RANDOM_DATASET:
        made = random_feeds(inputs, _RANDOM_SEED, _RANDOM_SAMPLES)
        return Dataset(RANDOM_DATASET, "made up", made, None)
    return prepared(dataset(wanted.dataset, TEST), inputs)


def _task(samples: Dataset, wanted: AccuracyPass, layout: Callable[[Feeds], Feeds]) -> Task:
    return Task(
        samples.name,
        samples.split,
        _digest(samples),
        layout(samples.inputs),
        samples.labels,
        wanted.metrics,
    )


def _digest(samples: Dataset) -> str:
    labels: Mapping[str, NDArray[np.int64]] = (
        {} if samples.labels is None else {"labels": samples.labels}
    )
    return digest_of({**samples.inputs, **labels})


def _with_batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if shape[:1] == (1,) else (1, *shape)


def _scores(outputs: Sequence[Sequence[NDArray[np.float64]]]) -> stats.Scores:
    """One row per sample, or per sample and position: the last axis counts classes."""
    first = [sample[0] for sample in outputs]
    if not first or first[0].ndim == 0 or first[0].shape[-1] < 2:
        shape = list(first[0].shape) if first else []
        raise CatalogueError(
            f"the first output, of shape {shape}, holds no scores of classes; accuracy is for "
            "classifiers and language models"
        )
    return np.concatenate([each.reshape(-1, each.shape[-1]) for each in first])


def _labels(task: Task, scores: stats.Scores) -> NDArray[np.int64]:
    labels = np.asarray(task.labels, np.int64).reshape(-1)
    if len(labels) != len(scores):
        raise CatalogueError(
            f"{task.dataset} has {len(labels)} labels, the model gives {len(scores)} answers"
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise CatalogueError(
            f"{task.dataset} has the labels {labels.min()} to {labels.max()}, the model tells "
            f"{scores.shape[1]} classes apart"
        )
    return labels


def _wanted(task: Task, classes: int) -> tuple[str, ...]:
    """What is asked for, or else what the data allow."""
    if task.metrics or task.labels is None:
        return task.metrics or ("agreement",)
    return tuple(
        name
        for name in ACCURACY_METRICS
        if name in ("top1", "f1") or (name == "top5" and classes >= _LEAST_CLASSES)
    )


def _figure(
    name: str, scores: stats.Scores, answers: stats.Classes, labels: stats.Classes
) -> Estimate | None:
    match name:
        case "top1":
            return stats.share_of(answers == labels)
        case "top5":
            return stats.share_of(stats.in_top(scores, labels, 5))
        case "f1":
            return stats.f1_estimate(answers, labels)
        case "perplexity":
            return stats.perplexity(scores, labels)
    return None  # agreement is between two models
