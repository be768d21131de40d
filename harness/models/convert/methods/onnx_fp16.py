"""16-bit floats in ONNX: weights and activations, inputs and outputs stay float32."""

from __future__ import annotations

from typing import Any

from onnxruntime.transformers.float16 import convert_float_to_float16


def apply(model: Any) -> Any:
    """The model in float16; what float16 cannot hold is cut off at its largest number."""
    return convert_float_to_float16(model, keep_io_types=True)
