"""Inference on behalf of this room: who proves a file asks a runner, never an engine.

Values are real numbers on both sides. A file may keep its inputs and outputs as integers with a
scale and a zero point (``real = (integer - zero_point) * scale``); :func:`stored_inputs` and
:func:`real_outputs` go between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.variant import ModelFormat, TensorSpec

#: Inputs by name in the file's own layout; the first axis counts samples, each a batch of one.
Feeds = Mapping[str, NDArray[Any]]
#: Whole shapes, batch included, of inputs with free dimensions.
Shapes = Mapping[str, tuple[int, ...]]
#: For each sample the model's outputs in order, as float64.
Outputs = list[list[NDArray[np.float64]]]


class Infer(Protocol):
    """Runs a model file in a process of its own."""

    def __call__(
        self, path: Path, fmt: ModelFormat, feeds: Feeds, shapes: Shapes = MappingProxyType({})
    ) -> Outputs:
        """The outputs for each sample; ``shapes`` fixes inputs with free dimensions.

        Raises a :class:`~harness.errors.HarnessError` when the engine refuses the file or dies.
        """


def sample_count(feeds: Feeds) -> int:
    """How many samples there are."""
    return min((len(array) for array in feeds.values()), default=0)


def stored_inputs(specs: Sequence[TensorSpec], feeds: Feeds) -> list[NDArray[Any]]:
    """For each input of a loaded model all samples one after another, in the type it stores.

    Inputs are found by name, or by order where no name is known. Raises :class:`CatalogueError`
    where shapes or the number of inputs do not fit.
    """
    by_name = all(spec.name in feeds for spec in specs)
    if not by_name and len(feeds) != len(specs):
        wanted = ", ".join(spec.name for spec in specs)
        raise CatalogueError(f"the samples have {len(feeds)} inputs, the model wants {wanted}")
    arrays = [feeds[spec.name] for spec in specs] if by_name else list(feeds.values())
    return [_stored(spec, array) for spec, array in zip(specs, arrays, strict=True)]


def real_outputs(specs: Sequence[TensorSpec], values: Sequence[NDArray[Any]]) -> Any:
    """One sample's outputs as real numbers in float64."""
    return [_real(spec, value) for spec, value in zip(specs, values, strict=True)]


def _stored(spec: TensorSpec, array: NDArray[Any]) -> NDArray[Any]:
    shape = (len(array), *spec.shape)
    if _without_ones(array.shape[1:]) != _without_ones(spec.shape):
        raise CatalogueError(
            f"input {spec.name!r} wants the shape {list(spec.shape)}, "
            f"the samples have {list(array.shape[1:])} each"
        )
    kind = np.dtype(spec.dtype)
    if spec.scale and kind.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(kind)
        steps = np.round(array / spec.scale) + (spec.zero_point or 0)
        array = np.clip(steps, limits.min, limits.max)
    return np.ascontiguousarray(array.reshape(shape).astype(kind))


def _real(spec: TensorSpec, value: NDArray[Any]) -> NDArray[np.float64]:
    real = np.asarray(value, np.float64)
    return (real - (spec.zero_point or 0)) * spec.scale if spec.scale else real


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]
