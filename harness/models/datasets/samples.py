"""Samples for a family: from its dataset, from a user's data, or random where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models.convert.feeds import Feeds, digest_of, sample_count
from harness.models.convert.inputs import random_feeds
from harness.models.datasets.dataset import TEST, TRAIN, Dataset, dataset
from harness.models.datasets.preprocessing import preprocess
from harness.models.datasets.user import read_user
from harness.models.declaration import TensorDeclaration

if TYPE_CHECKING:
    from harness.models.family import Family

#: Fewer samples say little about the range of an activation.
LEAST_CALIBRATION = 8


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """Inputs that activation ranges are measured on, by name; ``random`` makes it a finding."""

    inputs: Feeds
    random: bool
    source: str  #: ``random``, the dataset's name or the user's file name

    @property
    def digest(self) -> str:
        """SHA-256 over names, types, shapes and values."""
        return digest_of(self.inputs)

    def __len__(self) -> int:
        return sample_count(self.inputs)


def samples_for(family: Family, split: str = TEST, source: Path | None = None) -> Dataset:
    """Samples with labels, ready for the inputs of ``family``.

    They come from the family's dataset or from the user's ``source`` (``split`` is then ``given``).
    Raises :class:`CatalogueError` where there are none.
    """
    if source is not None:
        return read_user(source, family.inputs)
    if family.dataset is None:
        raise CatalogueError(f"{family.name} has no dataset; give your own as an .npz with labels")
    return prepared(dataset(family.dataset, split), family.inputs)


def calibration_for(
    family: Family,
    count: int,
    seed: int,
    source: Path | None = None,
    *,
    random: bool = False,
) -> CalibrationSet:
    """``count`` samples for measuring the activation ranges of ``family``, chosen by ``seed``.

    They come from ``source`` (a user's .npz or folder), else from the training split of the
    family's dataset; they are random where it has none, or when ``random`` asks for it. Raises
    :class:`CatalogueError` when there are not enough.
    """
    return calibration_set(family.inputs, family.dataset, count, seed, source=source, random=random)


def calibration_set(
    inputs: Sequence[TensorDeclaration],
    dataset_name: str | None,
    count: int,
    seed: int,
    *,
    source: Path | None = None,
    random: bool = False,
) -> CalibrationSet:
    """:func:`calibration_for` without a family, as for a user's own model."""
    if source is not None:
        given = read_user(
            source, inputs, LEAST_CALIBRATION, lambda total: _drawn(total, count, seed)
        )
        return CalibrationSet(given.inputs, False, given.name)
    if dataset_name is None or random:
        return CalibrationSet(random_feeds(inputs, seed, count), True, "random")
    known = prepared(dataset(dataset_name, TRAIN), inputs)
    if count > len(known):
        raise CatalogueError(
            f"{dataset_name} has {len(known)} samples for calibration, not {count}; ask for fewer"
        )
    return CalibrationSet(_chosen(known, count, seed), False, known.name)


def proof_feeds(
    inputs: Sequence[TensorDeclaration], dataset_name: str | None, count: int, seed: int
) -> Feeds:
    """A few inputs to compare a built file's outputs on; of the test split where there are data."""
    if dataset_name is None:
        return random_feeds(inputs, seed, count)
    return _chosen(prepared(dataset(dataset_name, TEST), inputs), count, seed)


def prepared(raw: Dataset, inputs: Sequence[TensorDeclaration]) -> Dataset:
    """A dataset's raw images as the tensors of a family's only input.

    Raises :class:`CatalogueError` when the dataset is not made for such inputs.
    """
    (images,) = raw.inputs.values()
    item = inputs[0]
    if len(inputs) != 1 or item.preprocessing is None or item.shape[-1] != images.shape[-1]:
        raise CatalogueError(
            f"{raw.name} holds images with {images.shape[-1]} channels and one input takes them; "
            "choose another dataset for this family"
        )
    _, height, width, _ = item.shape
    try:
        tensors = preprocess(images, item.preprocessing, height, width)
    except ValueError as error:
        raise CatalogueError(f"{raw.name}: {error}; choose another dataset or resize") from None
    steps = item.preprocessing
    told = f"{steps.resize} resize, (pixel / {steps.divide:g} - {steps.mean}) / {steps.std}"
    return Dataset(raw.name, raw.split, {item.name: tensors}, raw.labels, raw.licence, told)


def _chosen(known: Dataset, count: int, seed: int) -> Feeds:
    order = _drawn(len(known), count, seed)
    return {name: array[order] for name, array in known.inputs.items()}


def _drawn(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """``count`` of ``total`` places in the order that ``seed`` draws them; all if fewer."""
    return np.random.Generator(np.random.PCG64(seed)).permutation(total)[:count]
