"""Dynamic quantization for ONNX: integer operators that quantize their input as they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic

from harness.models.convert.job import Call, Layer

_CONVOLUTIONS = ("Conv",)


def apply(
    source: Path, target: Path, call: Call, layers: Sequence[Layer], others: Sequence[Layer]
) -> None:
    """Quantize ``layers`` of a prepared file and leave ``others`` alone.

    The tool turns Gemm into MatMul and Add before it looks at names, so both names are excluded.
    """
    # onnxruntime's ConvInteger takes unsigned weights only; for matrices signed ones are better.
    unsigned = any(layer.type in _CONVOLUTIONS for layer in layers)
    excluded = [name for layer in others for name in (layer.name, f"{layer.name}_MatMul")]
    quantize_dynamic(
        source,
        target,
        per_channel=call["granularity"] == "channel",
        weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        nodes_to_exclude=excluded,
    )
