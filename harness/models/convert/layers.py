"""The small representation every built-in network is written in, and what both writers read.

Images are NHWC without the batch dimension: a tensor's shape is ``(height, width, channels)``, or
``(features,)`` after :class:`GlobalMean`. Padding is always TensorFlow's SAME, which ONNX can
express with explicit pads. Weights are float32 with batch normalisation already folded in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Conv:
    """2-D convolution; ``weights`` are ``(kernel, kernel, in, out)``, ``bias`` is ``(out,)``."""

    name: str
    source: str
    weights: Floats
    bias: Floats
    stride: int = 1
    relu6: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Depthwise:
    """One filter per channel; ``weights`` are ``(kernel, kernel, channels)``."""

    name: str
    source: str
    weights: Floats
    bias: Floats
    stride: int = 1
    relu6: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Add:
    """Element-wise sum of two tensors of one shape."""

    name: str
    left: str
    right: str


@dataclass(frozen=True, slots=True, eq=False)
class GlobalMean:
    """Mean over height and width: ``(h, w, c)`` becomes ``(c,)``."""

    name: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """Fully connected layer; ``weights`` are ``(in, out)``."""

    name: str
    source: str
    weights: Floats
    bias: Floats


Layer = Conv | Depthwise | Add | GlobalMean | Dense


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers in the order they run; the last one's output is the network's."""

    name: str
    input_name: str
    input_shape: Shape
    layers: tuple[Layer, ...]

    @property
    def output_name(self) -> str:
        """Name of the network's output tensor."""
        return self.layers[-1].name

    def shapes(self) -> dict[str, Shape]:
        """The shape of every tensor, by name, without the batch dimension."""
        shapes = {self.input_name: self.input_shape}
        for layer in self.layers:
            shapes[layer.name] = _output_shape(layer, shapes)
        return shapes


def _output_shape(layer: Layer, shapes: dict[str, Shape]) -> Shape:
    match layer:
        case Conv() | Depthwise():
            height, width, _ = shapes[layer.source]
            stride = layer.stride
            return (-(-height // stride), -(-width // stride), len(layer.bias))
        case Add():
            return shapes[layer.left]
        case GlobalMean():
            return shapes[layer.source][-1:]
        case Dense():
            return (len(layer.bias),)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one spatial dimension under TensorFlow's SAME rule.

    The output has ``ceil(size / stride)`` elements; an odd zero goes to the end.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
