"""Runs a freshly built file, one image at a time on one thread, to see what it computes.

Only the process that builds calls this; measurements are the runners' business.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from harness.models.convert.layers import Floats
from harness.variant import ModelFormat


def run(path: Path, fmt: ModelFormat, images: Floats) -> Floats:
    """The model's outputs for images (NHWC) as floats, whatever types the file computes in."""
    outputs = _run_onnx(path, images) if fmt is ModelFormat.ONNX else _run_tflite(path, images)
    return np.concatenate(outputs).astype(np.float32)


def _run_onnx(path: Path, images: Floats) -> list[Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [session.run(None, {name: image[None].transpose(0, 3, 1, 2)})[0] for image in images]


def _run_tflite(path: Path, images: Floats) -> list[Any]:
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for image in images:
        interpreter.set_tensor(source["index"], _quantized(image[None], source))
        interpreter.invoke()
        outputs.append(_dequantized(interpreter.get_tensor(target["index"]), target))
    return outputs


def _quantized(values: Floats, details: dict[str, Any]) -> Any:
    """``round(value / scale) + zero_point``, where the tensor is an integer one."""
    kind = details["dtype"]
    if not np.issubdtype(kind, np.integer):
        return values
    scale, zero_point = details["quantization"]
    limits = np.iinfo(kind)
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(kind)


def _dequantized(values: Any, details: dict[str, Any]) -> Any:
    if not np.issubdtype(details["dtype"], np.integer):
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - zero_point) * scale
