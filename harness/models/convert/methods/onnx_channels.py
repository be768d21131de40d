"""A fourth, empty channel for RGB images, because integer kernels take channels in fours.

onnxruntime's 8-bit convolution reads four input channels at a time and falls back to a far slower
one, which copies every window of the image, where their number is no multiple of four. A fourth
channel whose weights are all zero changes no output, and the first layer takes half of the time.
The float kernels have no such rule; there the empty channel would only cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

_RGB, _WIDE = 3, 4
_CONV_RANK = 4  #: batch, channels, height, width


def widen_images(model: Any) -> Any:
    """The model with a fourth channel for each quantized RGB input of convolutions."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for image in _images(graph, stored):
        pairs = _readers(graph, image)
        convolutions = [node for pair in pairs for node in _readers(graph, pair.output[0])]
        if convolutions and all(_takes_four(graph, node, makers, stored) for node in convolutions):
            _widen(graph, image, pairs)
            for node in convolutions:
                _widen_weights(stored[makers[node.input[1]].input[0]])
    return model


def _images(graph: Any, stored: dict[str, Any]) -> list[str]:
    """The graph's RGB inputs once they are unsigned 8-bit numbers."""
    sizes = {info.name: info.type.tensor_type.shape.dim for info in graph.input}
    rgb = {
        name
        for name, shape in sizes.items()
        if len(shape) == _CONV_RANK and shape[1].dim_value == _RGB
    }
    return [
        node.output[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear"
        and node.input[0] in rgb
        and numpy_helper.to_array(stored[node.input[2]]).dtype == np.uint8
    ]


def _readers(graph: Any, name: str) -> list[Any]:
    return [node for node in graph.node if name in node.input]


def _takes_four(graph: Any, node: Any, makers: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether it is a convolution over all channels with 8-bit weights of its own."""
    if node.op_type != "Conv" or any(
        item.name == "group" and item.i != 1 for item in node.attribute
    ):
        return False
    weights = makers.get(node.input[1])
    if weights is None or weights.op_type != "DequantizeLinear":
        return False
    own = _readers(graph, weights.input[0]) == [weights]
    return own and _readers(graph, node.input[1]) == [node] and weights.input[0] in stored


def _widen(graph: Any, image: str, pairs: list[Any]) -> None:
    """Pad the quantized image with its zero point."""
    wide = f"{image}_wide"
    pads = np.zeros(2 * _CONV_RANK, np.int64)
    pads[_CONV_RANK + 1] = _WIDE - _RGB  # behind the last channel
    graph.initializer.append(numpy_helper.from_array(pads, f"{wide}_pads"))
    pad = helper.make_node("Pad", [image, f"{wide}_pads", pairs[0].input[2]], [wide], name=wide)
    place = next(i for i, node in enumerate(graph.node) if image in node.output) + 1
    graph.node.insert(place, pad)
    for pair in pairs:
        pair.input[0] = wide


def _widen_weights(tensor: Any) -> None:
    weights = numpy_helper.to_array(tensor)
    empty = np.zeros((len(weights), _WIDE - _RGB, *weights.shape[2:]), weights.dtype)
    tensor.CopyFrom(numpy_helper.from_array(np.concatenate([weights, empty], 1), tensor.name))
