"""Inputs and outputs as a catalogue declares them, and how raw data become an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NONE, NEAREST, BILINEAR = "none", "nearest", "bilinear"
RESIZES = (NONE, NEAREST, BILINEAR)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an 8-bit image becomes an input: resized, then ``(pixel / divide - mean) / std``.

    ``mean`` and ``std`` have one number for all channels or one for each. ``resize`` is the kind of
    interpolation to the input's height and width, or ``none`` where the image must have them.
    :mod:`harness.models.datasets.preprocessing` is the reference that every runner and app matches.
    """

    divide: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: str = NONE


@dataclass(frozen=True, slots=True)
class TensorDeclaration:
    """An input or output of a family.

    ``shape`` includes the batch; images are NHWC here, whatever a file format makes of it.
    ``range`` is the least and greatest value that preprocessing produces; inputs have one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str | None = None
    range: tuple[float, ...] | None = None
    preprocessing: Preprocessing | None = None

    @property
    def is_image(self) -> bool:
        """Whether this is an image (NHWC)."""
        return self.layout is not None


def declaration_of(plain: dict[str, Any]) -> TensorDeclaration:
    """A declaration from its ``asdict`` after a way through JSON."""
    steps = plain.get("preprocessing")
    if steps is not None:
        steps = Preprocessing(
            steps["divide"], tuple(steps["mean"]), tuple(steps["std"]), steps["resize"]
        )
    limits = plain.get("range")
    return TensorDeclaration(
        name=plain["name"],
        shape=tuple(plain["shape"]),
        dtype=plain["dtype"],
        layout=plain["layout"],
        range=None if limits is None else tuple(limits),
        preprocessing=steps,
    )
