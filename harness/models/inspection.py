"""What a model file really is: the types of its weights and tensors, and what runs in integers.

Plain data: :mod:`harness.models.convert.inspect_onnx` and ``inspect_tflite`` read it from the file
itself, because quantizers sometimes leave a model as it was and say nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

#: How an operator computes: ``integer`` on stored types, ``dynamic`` with activations quantized
#: while it runs, ``weights`` in float after its weights were turned back, ``float16``, ``float``.
CLASSES = ("integer", "dynamic", "weights", "float16", "float")


@dataclass(frozen=True, slots=True)
class Weight:
    """A stored constant. ``layer`` and ``operator`` are name and type of what reads it.

    ``role`` is ``weight`` for what a layer multiplies with, ``bias``, or ``other`` (look-up tables,
    shapes, axes). ``size_bytes`` is as stored, without scales and zero points.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int
    layer: str
    operator: str
    role: str

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor between operators; ``dtype`` is the type it is stored in while the model runs."""

    name: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Operator:
    """A layer: what policies call it, its type, and how it computes (one of CLASSES)."""

    name: str
    type: str
    kind: str


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the model; None stands for a dimension that is free."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """Contents of one file. Types are numpy's names, and int4, uint4, int2, uint2.

    Operators that only convert types (QuantizeLinear, CAST...) or compute shapes are left out.
    """

    weights: tuple[Weight, ...]
    activations: tuple[Activation, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    notes: tuple[str, ...] = ()

    @property
    def weight_bytes(self) -> dict[str, int]:
        """Bytes of stored constants by type."""
        sizes: Counter[str] = Counter()
        for weight in self.weights:
            sizes[weight.dtype] += weight.size_bytes
        return dict(sorted(sizes.items()))

    @property
    def weight_shares(self) -> dict[str, float]:
        """Share of the constants' bytes by type."""
        total = sum(self.weight_bytes.values())
        return {kind: round(size / total, 4) for kind, size in self.weight_bytes.items() if total}

    @property
    def activation_counts(self) -> dict[str, int]:
        """Tensors between operators by type."""
        return counted(item.dtype for item in self.activations)

    def operator_counts(self, kind: str) -> dict[str, int]:
        """Operators that compute in one way, by type."""
        return counted(item.type for item in self.operators if item.kind == kind)

    def layer_weights(self) -> tuple[Weight, ...]:
        """The weights that layers multiply with; biases, tables and shapes are left out."""
        return tuple(weight for weight in self.weights if weight.role == "weight")

    def share_of_bits(self, most: int) -> float:
        """Share of the layers' weights (counted as numbers) in integers of at most so many bits."""
        weights = self.layer_weights()
        total = sum(weight.elements for weight in weights)
        few = sum(w.elements for w in weights if is_integer(w.dtype) and bits_of(w.dtype) <= most)
        return few / total if total else 0.0

    def share_of_type(self, dtype: str) -> float:
        """Share of the layers' weights (counted as numbers) that have one type."""
        weights = self.layer_weights()
        total = sum(weight.elements for weight in weights)
        return sum(w.elements for w in weights if w.dtype == dtype) / total if total else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data for a manifest: the summary first, then every tensor and operator."""
        return {
            "weight_bytes": self.weight_bytes,
            "weight_shares": self.weight_shares,
            "activation_types": self.activation_counts,
            "operators_by_kind": {
                kind: self.operator_counts(kind) for kind in CLASSES if self.operator_counts(kind)
            },
            **asdict(self),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Inspection:
        """The inverse of :meth:`to_json`."""
        return cls(
            weights=tuple(
                Weight(**{**item, "shape": tuple(item["shape"])}) for item in data["weights"]
            ),
            activations=tuple(Activation(**item) for item in data["activations"]),
            operators=tuple(Operator(**item) for item in data["operators"]),
            inputs=tuple(_port(item) for item in data["inputs"]),
            outputs=tuple(_port(item) for item in data["outputs"]),
            notes=tuple(data["notes"]),
        )


def _port(item: dict[str, Any]) -> Port:
    return Port(**{**item, "shape": tuple(item["shape"])})


def counted(names: Iterable[str]) -> dict[str, int]:
    """How often each name comes, in alphabetical order."""
    return dict(sorted(Counter(names).items()))


def is_integer(dtype: str) -> bool:
    """Whether a type's name is that of an integer type."""
    return dtype.startswith(("int", "uint"))


def bits_of(dtype: str) -> int:
    """Bits of one number: 4 for ``uint4``; 8 where the name has no number, as for ``bool``."""
    match = re.search(r"\d+$", dtype)
    return int(match[0]) if match else 8
