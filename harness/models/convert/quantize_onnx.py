"""Static INT8 for ONNX through onnxruntime.quantization: QDQ, weights per channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from harness.models.convert.layers import Floats


def quantize(source: Path, target: Path, images: Floats) -> None:
    """Write ``source`` with int8 weights and uint8 activations to ``target``.

    Activation ranges are the minimum and maximum over ``images`` (NHWC). Unsigned activations with
    signed weights are what onnxruntime advises for x86 processors and what its ARM kernels take.
    """
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared)
    input_name = onnx.load(source, load_external_data=False).graph.input[0].name
    quantize_static(
        prepared,
        target,
        _Images(input_name, images),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    prepared.unlink()


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands the calibration images out one by one, channels first."""

    def __init__(self, input_name: str, images: Floats) -> None:
        self._feeds: Iterator[dict[str, Any]] = (
            {input_name: image[None].transpose(0, 3, 1, 2)} for image in images
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
