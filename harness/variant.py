"""Variants: one model artefact each, named by the SHA-256 of its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class ModelFormat(StrEnum):
    """The file formats that engines load."""

    TFLITE = "tflite"
    ONNX = "onnx"


#: Which engines load which format.
ENGINE_FORMATS: dict[str, ModelFormat] = {
    "tflite": ModelFormat.TFLITE,
    "onnxruntime": ModelFormat.ONNX,
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output as the engine reports it after load.

    ``shape`` is concrete (no dynamic dimension is left); ``dtype`` is numpy's name for the element
    type (``"float32"``, ``"int8"``); ``scale`` and ``zero_point`` are set for quantized tensors.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One model file, known by digest.

    ``model`` is the family's name or, for a user's own file, its stem; ``name`` is the variant
    within the family (``"int8-static"``) or ``"file"``. ``precision`` is what the catalogue claims
    (``"fp32"``, ``"int8"``...), ``"unknown"`` for a user's file. ``origin`` says how it was made.
    """

    model: str
    name: str
    format: ModelFormat
    digest: str
    size_bytes: int
    precision: str = "unknown"
    origin: dict[str, object] = field(default_factory=dict)
    findings: tuple[str, ...] = ()  #: IDs of findings that every trial of this variant carries

    @property
    def label(self) -> str:
        """What tables call it: ``mobilenet_v2/int8-static`` or the file's stem."""
        return self.model if self.name == "file" else f"{self.model}/{self.name}"


@dataclass(frozen=True, slots=True)
class LocalVariant:
    """A variant together with where its bytes lie on this host."""

    variant: Variant
    path: Path
