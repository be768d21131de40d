"""What sensitivity and search work on: a family's float variant, or a user's float file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models import derived
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.models.datasets.samples import calibration_set, samples_for
from harness.models.derived import Order
from harness.models.family import Family
from harness.models.inference import Outputs
from harness.models.methods import FLOAT_METHODS
from harness.models.proving import ProofInputs, declarations, native
from harness.models.search import Found
from harness.models.sensitivity import Bench, LayerLoss, Metric, Subject
from harness.variant import ModelFormat

_RANDOM = "random"
_LABELLED = 512  #: how many labelled samples a metric looks at


@dataclass(frozen=True, slots=True)
class FloatModel:
    """A float file; ``family`` is None for a user's own."""

    label: str
    path: Path
    format: ModelFormat
    family: Family | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Calibration data (a path, ``random`` or None for the family's own) and free shapes."""

    calibration: str | None
    samples: int
    seed: int
    shapes: Mapping[str, tuple[int, ...]]


def float_model(
    cache: ModelCache,
    name: str,
    format_name: str,
    catalogue_file: Path | None,
    progress: Callable[[str], None],
) -> FloatModel:
    """The file behind a name: a user's model file, a family, or ``family/variant``.

    Raises :class:`CatalogueError` for a variant that is not float.
    """
    if Path(name).suffix.lower() in (".onnx", ".tflite"):
        local = cache.import_file(Path(name))
        return FloatModel(Path(name).name, local.path, local.variant.format, None)
    catalogue = Catalogue.load([catalogue_file] if catalogue_file else [])
    family_name, _, variant = name.partition("/")
    family = catalogue.family(family_name)
    plain = [key for key, spec in family.variants.items() if spec.method in FLOAT_METHODS]
    chosen = variant or plain[0]
    fmt = ModelFormat(format_name)
    local = cache.materialise(catalogue, family_name, chosen, fmt, progress)
    if family.variants[chosen].precision != "fp32":
        raise CatalogueError(f"{name} is quantized already; use one of {', '.join(plain)}")
    return FloatModel(f"{family_name}/{chosen}", local.path, fmt, family)


def subject_of(model: FloatModel, wanted: Wanted, workspace: Path) -> Subject:
    """The model with calibration and checking inputs, and a metric where there are labels."""
    family, fmt = model.family, model.format
    source = None if wanted.calibration in (None, _RANDOM) else Path(str(wanted.calibration))
    if family is None:
        ports = derived.inspect(model.label, model.path, fmt, workspace).inputs
        inputs, dataset = declarations(ports, wanted.shapes), None
        if source is None and wanted.calibration != _RANDOM:
            raise CatalogueError("give --calibration data.npz, or ask for --calibration random")
    else:
        inputs, dataset = family.inputs, family.dataset
    is_random = wanted.calibration == _RANDOM
    count = wanted.samples
    chosen = calibration_set(inputs, dataset, count, wanted.seed, source=source, random=is_random)
    feeds = chosen.inputs if family is None else native(chosen.inputs, fmt)
    order = Order(model.label, model.path, fmt, feeds)
    if family is not None and family.dataset is not None:
        labelled = samples_for(family)
        if labelled.labels is not None:
            first = {name: array[:_LABELLED] for name, array in labelled.inputs.items()}
            metric = top1(labelled.labels[:_LABELLED])
            return Subject(order, native(first, fmt), wanted.shapes, metric)
    checks = ProofInputs(inputs, dataset, source, images=family is not None).feeds(fmt)
    return Subject(order, checks, wanted.shapes)


def top1(labels: NDArray[np.int64]) -> Metric:
    """Share of samples whose largest output is the label's."""

    def metric(outputs: Outputs) -> float:
        guesses = [int(sample[0].argmax()) for sample in outputs]
        return float(np.mean(np.asarray(guesses) == labels))

    return metric


def policy_text(bench: Bench, losses: list[LayerLoss], found: Found) -> str:
    """A policy file that says how it came about, with each layer's figure beside it."""
    tried = found.tried
    ratio = f"{-10 * log10(tried.noise):.1f} dB" if tried.noise > 0 else "no noise"
    score = "" if tried.score is None else f", accuracy {tried.score:.2%}"
    float_score = "" if bench.float_score is None else f" (float {bench.float_score:.2%})"
    head = [
        f"# Found for {bench.subject.order.label} ({bench.subject.order.format}) by benchfarm.",
        f"# The whole file: {tried.size_bytes} bytes, {ratio}{score}{float_score}.",
        "# Signal-to-noise ratio with one layer quantized alone:",
        *(
            f"#   {loss.layer}: {loss.setting.method}: {_text(loss)}"
            for loss in sorted(losses, key=lambda item: -item.noise)
        ),
    ]
    return "\n".join(head) + "\n" + found.policy.to_yaml()


def _text(loss: LayerLoss) -> str:
    if loss.refused:
        return loss.refused
    return f"{-10 * log10(loss.noise):.1f} dB" if loss.noise > 0 else "no change"
