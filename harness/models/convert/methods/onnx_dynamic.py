"""Dynamic quantization for ONNX: integer operators that quantize their input as they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic

from harness.models.convert.job import Call

_CONVOLUTIONS = ("Conv",)


def apply(
    source: Path, target: Path, call: Call, layers: Sequence[str], types: Sequence[str]
) -> None:
    """Quantize ``layers``, whose operators are ``types``, of a prepared file."""
    # onnxruntime's ConvInteger takes unsigned weights only; for matrices signed ones are better.
    unsigned = any(kind in _CONVOLUTIONS for kind in types)
    quantize_dynamic(
        source,
        target,
        per_channel=call["granularity"] == "channel",
        weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        nodes_to_quantize=list(layers),
    )
