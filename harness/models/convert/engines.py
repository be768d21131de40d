"""Runs a freshly built file, one sample at a time on one thread, to see what it computes.

Only the process that builds calls this; measurements are the runners' business.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.convert.feeds import Feeds, channels_first, each_sample
from harness.models.convert.layers import Floats
from harness.variant import ModelFormat

#: The outputs of one sample, in the file's order.
Outputs = Sequence[NDArray[Any]]


def run(path: Path, fmt: ModelFormat, samples: Feeds | Floats) -> Floats:
    """The outputs as floats, whatever types the file computes in: ``(samples, values)``.

    The outputs of a file with several stand one behind the other in each row. A bare array feeds
    the only input; images are NHWC.
    """
    feeds = samples if isinstance(samples, dict) else {"": samples}
    batches = each_sample(feeds)
    made = _run_onnx(path, batches) if fmt is ModelFormat.ONNX else _run_tflite(path, batches)
    return joined_outputs(made)


def joined_outputs(samples: Iterable[Outputs]) -> Floats:
    """One row per sample: its outputs flat, one behind the other."""
    return np.stack(
        [np.concatenate([part.ravel() for part in sample]) for sample in samples]
    ).astype(np.float32)


def _run_onnx(path: Path, batches: Iterable[Feeds]) -> list[Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]
    return [
        session.run(None, dict(zip(names, channels_first(feeds).values(), strict=True)))
        for feeds in batches
    ]


def _run_tflite(path: Path, batches: Iterable[Feeds]) -> list[Outputs]:
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    sources, targets = interpreter.get_input_details(), interpreter.get_output_details()
    outputs: list[Outputs] = []
    for feeds in batches:
        for source, values in zip(sources, feeds.values(), strict=True):
            interpreter.set_tensor(source["index"], _quantized(values, source))
        interpreter.invoke()
        outputs.append(
            [_dequantized(interpreter.get_tensor(item["index"]), item) for item in targets]
        )
    return outputs


def _quantized(values: NDArray[Any], details: dict[str, Any]) -> Any:
    """``round(value / scale) + zero_point``, where the tensor is an integer one."""
    kind = details["dtype"]
    if not np.issubdtype(kind, np.integer) or np.issubdtype(values.dtype, np.integer):
        return values
    scale, zero_point = details["quantization"]
    limits = np.iinfo(kind)
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(kind)


def _dequantized(values: Any, details: dict[str, Any]) -> Any:
    if not np.issubdtype(details["dtype"], np.integer):
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - zero_point) * scale
