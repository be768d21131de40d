"""Static INT8 for TFLite through ai-edge-quantizer: weights and activations, inputs and outputs."""

from __future__ import annotations

from pathlib import Path

from ai_edge_quantizer import quantizer, recipe

from harness.models.convert.layers import Floats
from harness.models.convert.to_tflite import SIGNATURE


def quantize(source: Path, target: Path, images: Floats) -> None:
    """Write ``source`` with int8 weights (per channel) and int8 activations to ``target``.

    Activation ranges come from ``images`` (NHWC). The tool turns the model's input and output
    into int8 too; their scale and zero point are in the file.
    """
    tool = quantizer.Quantizer(str(source))
    tool.load_quantization_recipe(recipe.static_wi8_ai8())
    name = _input_name(source)
    ranges = tool.calibrate({SIGNATURE: [{name: image[None]} for image in images]})
    tool.quantize(ranges).export_model(str(target))


def _input_name(source: Path) -> str:
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(str(source)).get_signature_list()
    return str(signatures[SIGNATURE]["inputs"][0])
