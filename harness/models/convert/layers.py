"""The small representation every built-in network is written in, and what both writers read.

Shapes are without the batch dimension. Images are NHWC: a tensor's shape is ``(height, width,
channels)``, or ``(features,)`` after :class:`GlobalMean`. Padding is always TensorFlow's SAME,
which ONNX can express with explicit pads. Weights are float32 with batch normalisation already
folded in.

A network's inputs and outputs of rank three are images, which an ONNX file wants with the channels
first. Networks of attention layers use rank three only inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

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
    relu: bool = False


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
class MaxPool:
    """Largest value in each window, channel by channel; the padding never wins."""

    name: str
    source: str
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True, eq=False)
class Add:
    """Element-wise sum; ``right`` has ``left``'s shape, or one that broadcasts to it."""

    name: str
    left: str
    right: str
    relu: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class GlobalMean:
    """Mean over height and width: ``(h, w, c)`` becomes ``(c,)``."""

    name: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """Fully connected layer over the last axis; ``weights`` are ``(in, out)``."""

    name: str
    source: str
    weights: Floats
    bias: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Rows of ``table`` for integers: ``(t,)`` becomes ``(t, features)``."""

    name: str
    source: str
    table: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """Sum with constants of the source's shape, such as the embedding of fixed positions."""

    name: str
    source: str
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
    """A function of one tensor; GELU is the exact one (erf), softmax goes over the last axis."""

    name: str
    source: str
    kind: Literal["gelu", "tanh", "softmax"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerNorm:
    """Zero mean and unit variance over the last axis, then ``scale`` and ``shift`` per feature."""

    name: str
    source: str
    scale: Floats
    shift: Floats
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class MatMul:
    """Product of two tensors over their last two axes, ``right`` turned over if ``transposed``."""

    name: str
    left: str
    right: str
    transposed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Reshape:
    """The same elements in another shape."""

    name: str
    source: str
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Transpose:
    """Axes in another order: ``order[i]`` is the source's axis that becomes axis ``i``."""

    name: str
    source: str
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One element along the first axis, which goes away: ``(t, features)`` to ``(features,)``."""

    name: str
    source: str
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """Tensors one behind the other along ``axis``."""

    name: str
    sources: tuple[str, ...]
    axis: int


ImageLayer = Conv | Depthwise | MaxPool | GlobalMean
ArithmeticLayer = Add | Shift | Dense | Embedding | Unary | LayerNorm | MatMul
Rearrangement = Reshape | Transpose | Take | Concat
Layer = ImageLayer | ArithmeticLayer | Rearrangement


@dataclass(frozen=True, slots=True)
class Input:
    """An input tensor; ``dtype`` is numpy's name, ``float32`` or ``int32``."""

    name: str
    shape: Shape
    dtype: str = "float32"


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers in the order they run; the last one's output is the network's (first) output."""

    name: str
    input_name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    input_dtype: str = "float32"
    further_inputs: tuple[Input, ...] = ()
    further_outputs: tuple[str, ...] = ()  #: tensors that are given out beside the last layer's

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Every input, in order."""
        return (Input(self.input_name, self.input_shape, self.input_dtype), *self.further_inputs)

    @property
    def output_name(self) -> str:
        """Name of the network's (first) output tensor."""
        return self.layers[-1].name

    @property
    def outputs(self) -> tuple[str, ...]:
        """The name of every output, in order."""
        return (self.output_name, *self.further_outputs)

    def shapes(self) -> dict[str, Shape]:
        """The shape of every tensor, by name, without the batch dimension."""
        shapes = {item.name: item.shape for item in self.inputs}
        for layer in self.layers:
            shapes[layer.name] = _output_shape(layer, shapes)
        return shapes


def sources(layer: Layer) -> tuple[str, ...]:
    """Names of the tensors that a layer reads."""
    match layer:
        case Add() | MatMul():
            return (layer.left, layer.right)
        case Concat():
            return layer.sources
        case _:
            return (layer.source,)


def _output_shape(layer: Layer, shapes: dict[str, Shape]) -> Shape:
    first = shapes[sources(layer)[0]]
    if isinstance(layer, ImageLayer):
        return _image_shape(layer, first)
    if isinstance(layer, ArithmeticLayer):
        return _arithmetic_shape(layer, first, shapes)
    return _rearranged_shape(layer, first, shapes)


def _image_shape(layer: ImageLayer, source: Shape) -> Shape:
    match layer:
        case Conv() | Depthwise():
            return (*_strided(source, layer.stride), len(layer.bias))
        case MaxPool():
            return (*_strided(source, layer.stride), source[-1])
        case GlobalMean():
            return source[-1:]


def _arithmetic_shape(layer: ArithmeticLayer, first: Shape, shapes: dict[str, Shape]) -> Shape:
    match layer:
        case Add() | Shift() | Unary() | LayerNorm():
            return first
        case Dense():
            return (*first[:-1], len(layer.bias))
        case Embedding():
            return (*first, layer.table.shape[1])
        case MatMul():
            right = shapes[layer.right]
            return (*first[:-1], right[-2] if layer.transposed else right[-1])


def _rearranged_shape(layer: Rearrangement, first: Shape, shapes: dict[str, Shape]) -> Shape:
    match layer:
        case Reshape():
            if math.prod(layer.shape) != math.prod(first):
                raise ValueError(f"{layer.name}: {first} cannot become {layer.shape}")
            return layer.shape
        case Transpose():
            return tuple(first[axis] for axis in layer.order)
        case Take():
            return first[1:]
        case Concat():
            length = sum(shapes[name][layer.axis] for name in layer.sources)
            return (*first[: layer.axis], length, *first[layer.axis + 1 :])


def _strided(shape: Shape, stride: int) -> tuple[int, int]:
    """Height and width after a SAME window with that stride."""
    height, width, _ = shape
    return (-(-height // stride), -(-width // stride))


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one spatial dimension under TensorFlow's SAME rule.

    The output has ``ceil(size / stride)`` elements; an odd zero goes to the end.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
