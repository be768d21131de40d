"""Weights in 8, 4 or 2 bits for ONNX: a DequantizeLinear in front of each layer turns them back.

Rounding is symmetric: ``scale = max|w| / (2**(bits - 1) - 1)`` over a channel or a tensor, and
``q = round(w / scale)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from harness.models.convert.onnx_file import at_least_opset, weight_places

#: The first opset whose DequantizeLinear has an axis, and those where it takes fewer bits.
_OPSET = {8: 13, 4: 21, 2: 25}
_TYPES = {8: np.int8, 4: ml_dtypes.int4, 2: ml_dtypes.int2}


def apply(model: Any, layers: Sequence[str], bits: int, *, per_channel: bool) -> Any:
    """The model with the weights of ``layers`` in ``bits`` bits."""
    model = at_least_opset(model, _OPSET[bits])
    graph, wanted = model.graph, set(layers)
    stored = {tensor.name: tensor for tensor in graph.initializer}
    replaced: dict[str, str] = {}
    converters = []
    for node in graph.node:
        if node.name not in wanted:
            continue
        for place in weight_places(node, stored):
            name = node.input[place]
            if name not in replaced:
                axis = _channel_axis(node, place, len(stored[name].dims)) if per_channel else None
                converters.append(_quantize(graph, stored[name], bits, axis))
                replaced[name] = converters[-1].output[0]
            node.input[place] = replaced[name]
    nodes = [*converters, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph, replaced)
    return model


def _quantize(graph: Any, tensor: Any, bits: int, axis: int | None) -> Any:
    """Store the quantized tensor and its scales; returns the node that turns them back."""
    weights = numpy_helper.to_array(tensor)
    numbers, scales = quantized(weights, bits, axis)
    names = [f"{tensor.name}_quantized", f"{tensor.name}_scale"]
    for name, array in zip(names, (numbers, scales), strict=True):
        graph.initializer.append(numpy_helper.from_array(array, name))
    output = f"{tensor.name}_dequantized"
    extra: dict[str, Any] = {} if axis is None else {"axis": axis}
    return helper.make_node("DequantizeLinear", names, [output], name=output, **extra)


def quantized(
    weights: NDArray[Any], bits: int, axis: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Integers and scales; one scale for each index of ``axis``, or one for all."""
    limit = 2 ** (bits - 1) - 1
    others = None if axis is None else tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(axis=others, keepdims=axis is not None)
    scales = np.where(largest == 0, 1, largest / np.float32(limit)).astype(np.float32)
    rounded = np.clip(np.round(weights / scales), -limit, limit)
    return rounded.astype(_TYPES[bits]), scales.reshape(-1) if axis is not None else scales.reshape(
        ()
    )


def _channel_axis(node: Any, place: int, rank: int) -> int:
    """Which axis of a weight counts the layer's outputs."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose":
        return 1
    if node.op_type == "Gemm":
        turned = any(
            item.name == ("transB" if place == 1 else "transA") and item.i
            for item in node.attribute
        )
        return (0 if turned else 1) if place == 1 else (1 if turned else 0)
    if node.op_type == "MatMul":
        return rank - 1 if place == 1 else rank - 2
    return 1  # recurrent layers: (directions, outputs, inputs)


def _drop_unused(graph: Any, names: dict[str, str]) -> None:
    used = {name for node in graph.node for name in node.input}
    kept = [t for t in graph.initializer if t.name not in names or t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
