"""Static quantization for ONNX: QuantizeLinear and DequantizeLinear around every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from harness.models.convert.feeds import Feeds
from harness.models.convert.job import Call
from harness.models.convert.methods import onnx_channels, onnx_ranges, onnx_widths
from harness.models.convert.onnx_file import save

#: Unsigned activations with a zero point are what onnxruntime advises for x86 processors and what
#: its ARM kernels take too; without one they are signed.
_ACTIVATIONS = {
    (8, False): QuantType.QUInt8,
    (8, True): QuantType.QInt8,
    (16, False): QuantType.QUInt16,
    (16, True): QuantType.QInt16,
}


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers to quantize, and those of them whose activations have 16 bits, not the call's."""

    chosen: Sequence[str]
    wide: Sequence[str] = ()


def apply(
    source: Path, target: Path, call: Call, layers: Layers, feeds: Feeds, ranges: Path
) -> None:
    """Quantize ``layers`` of a prepared file: int8 weights, activations as ``call`` says.

    ``ranges`` keeps what was measured, so that the same model is calibrated once.
    """
    if not ranges.exists():
        onnx_ranges.measure(source, call, feeds, ranges)
    for adjusts_weights in (True, False):
        try:
            _quantize(source, target, call, layers, ranges, adjusts_weights=adjusts_weights)
            break
        except ValueError:  # the tool trips over some biases when it adjusts weights to them
            if not adjusts_weights:
                raise
    save(onnx_channels.widen_images(onnx.load(target)), target)


def _quantize(
    source: Path,
    target: Path,
    call: Call,
    layers: Layers,
    ranges: Path,
    *,
    adjusts_weights: bool,
) -> None:
    narrow = _ACTIVATIONS[call["activation_bits"], call["symmetric"]]
    wide = _ACTIVATIONS[16, call["symmetric"]]
    quantize_static(
        source,
        target,
        quant_format=QuantFormat.QDQ,
        per_channel=call["granularity"] == "channel",
        activation_type=narrow,
        weight_type=QuantType.QInt8,
        nodes_to_quantize=list(layers.chosen),
        calibrate_method=onnx_ranges.METHODS[call["calibration"]],
        calibration_cache_path=ranges,
        extra_options={
            "ActivationSymmetric": call["symmetric"],
            "QDQDisableWeightAdjustForInt32Bias": not adjusts_weights,
            "TensorQuantOverrides": _widths(source, layers, (narrow, wide)),
        },
    )


def _widths(source: Path, layers: Layers, types: tuple[Any, Any]) -> onnx_widths.Overrides:
    if not layers.wide:
        return {}
    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    return onnx_widths.overrides(model, layers.chosen, layers.wide, types)
