"""Static quantization for ONNX: QuantizeLinear and DequantizeLinear around every layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from harness.models.convert.feeds import Feeds, each_sample
from harness.models.convert.job import Call

_CALIBRATION = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
#: Unsigned activations with a zero point are what onnxruntime advises for x86 processors and what
#: its ARM kernels take too; without one they are signed.
_ACTIVATIONS = {
    (8, False): QuantType.QUInt8,
    (8, True): QuantType.QInt8,
    (16, False): QuantType.QUInt16,
    (16, True): QuantType.QInt16,
}


def apply(
    source: Path, target: Path, call: Call, layers: Sequence[str], feeds: Feeds, ranges: Path
) -> None:
    """Quantize ``layers`` of a prepared file: int8 weights, activations as ``call`` says.

    ``ranges`` keeps what was measured, so that the same model is calibrated once.
    """
    quantize_static(
        source,
        target,
        _Reader(feeds),
        quant_format=QuantFormat.QDQ,
        per_channel=call["granularity"] == "channel",
        activation_type=_ACTIVATIONS[call["activation_bits"], call["symmetric"]],
        weight_type=QuantType.QInt8,
        nodes_to_quantize=list(layers),
        calibrate_method=_CALIBRATION[call["calibration"]],
        calibration_cache_path=ranges,
        extra_options={
            "ActivationSymmetric": call["symmetric"],
            "CalibPercentile": call["percentile"],
        },
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands the samples out one by one."""

    def __init__(self, feeds: Feeds) -> None:
        self._samples: Iterator[dict[str, Any]] = each_sample(feeds)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)
