"""What each layer is made of in TensorFlow Lite: operators, their options and their constants."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from harness.models.convert.layers import (
    Add,
    ArithmeticLayer,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Embedding,
    GlobalMean,
    ImageLayer,
    Input,
    Layer,
    LayerNorm,
    MatMul,
    MaxPool,
    Rearrangement,
    Reshape,
    Shape,
    Shift,
    Take,
    Transpose,
    Unary,
)

_Op = schema.BuiltinOperator
_Activation = schema.ActivationFunctionType


class Writer(Protocol):
    """The file that is being written."""

    shapes: dict[str, Shape]

    def operator(
        self, code: int, inputs: list[str], output: Input, options: Any, *, batched: bool = True
    ) -> None:
        """One operator that makes ``output``, with a batch of one in front, from known tensors."""

    def constant(self, name: str, values: Any) -> str:
        """Store values; returns ``name``."""


def add(writer: Writer, layer: Layer) -> None:
    """Write one layer as the operators that compute it."""
    output = Input(layer.name, writer.shapes[layer.name])
    if isinstance(layer, ImageLayer):
        _image(writer, layer, output)
    elif isinstance(layer, ArithmeticLayer):
        _arithmetic(writer, layer, output)
    else:
        _rearrange(writer, layer, output)


def _image(writer: Writer, layer: ImageLayer, output: Input) -> None:
    match layer:
        case Conv():
            weights = layer.weights.transpose(3, 0, 1, 2)
            writer.operator(_Op.CONV_2D, _weighted(writer, layer, weights), output, _conv(layer))
        case Depthwise():
            inputs = _weighted(writer, layer, layer.weights[np.newaxis])
            writer.operator(_Op.DEPTHWISE_CONV_2D, inputs, output, _depthwise(layer))
        case MaxPool():
            writer.operator(_Op.MAX_POOL_2D, [layer.source], output, _pool(layer))
        case GlobalMean():
            axes = writer.constant(f"{layer.name}_axes", np.array([1, 2], np.int32))
            writer.operator(_Op.MEAN, [layer.source, axes], output, schema.ReducerOptionsT())


def _arithmetic(writer: Writer, layer: ArithmeticLayer, output: Input) -> None:
    match layer:
        case Add():
            options = schema.AddOptionsT()
            options.fusedActivationFunction = _activation(layer)
            writer.operator(_Op.ADD, [layer.left, layer.right], output, options)
        case Shift():
            inputs = [layer.source, writer.constant(f"{layer.name}_values", layer.values)]
            writer.operator(_Op.ADD, inputs, output, schema.AddOptionsT())
        case Dense():
            inputs = _weighted(writer, layer, layer.weights.T)
            options = schema.FullyConnectedOptionsT()
            options.keepNumDims = len(output.shape) > 1
            writer.operator(_Op.FULLY_CONNECTED, inputs, output, options)
        case Embedding():
            _embedding(writer, layer)
        case LayerNorm():
            _layer_norm(writer, layer)
        case MatMul():
            options = schema.BatchMatMulOptionsT()
            options.adjY = layer.transposed
            writer.operator(_Op.BATCH_MATMUL, [layer.left, layer.right], output, options)
        case Unary():
            _unary(writer, layer, output)


def _rearrange(writer: Writer, layer: Rearrangement, output: Input) -> None:
    match layer:
        case Reshape():
            _reshape(writer, layer.source, output, (-1, *layer.shape))
        case Transpose():
            order = np.array([0, *(axis + 1 for axis in layer.order)], np.int32)
            inputs = [layer.source, writer.constant(f"{layer.name}_order", order)]
            writer.operator(_Op.TRANSPOSE, inputs, output, schema.TransposeOptionsT())
        case Take():
            index = writer.constant(f"{layer.name}_index", np.array(layer.index, np.int32))
            options = schema.GatherOptionsT()
            options.axis = 1
            writer.operator(_Op.GATHER, [layer.source, index], output, options)
        case Concat():
            options = schema.ConcatenationOptionsT()
            options.axis = layer.axis + 1
            writer.operator(_Op.CONCATENATION, list(layer.sources), output, options)


def _weighted(writer: Writer, layer: Conv | Depthwise | Dense, weights: Any) -> list[str]:
    """Input, weights and bias of a layer."""
    return [
        layer.source,
        writer.constant(f"{layer.name}_weights", weights),
        writer.constant(f"{layer.name}_bias", layer.bias),
    ]


def _reshape(
    writer: Writer, source: str, output: Input, shape: Shape, *, batched: bool = True
) -> None:
    """A shape with -1 for the batch, so that an engine may resize the input to any batch."""
    constant = writer.constant(f"{output.name}_shape", np.array(shape, np.int32))
    options = schema.ReshapeOptionsT()
    options.newShape = list(shape)
    writer.operator(_Op.RESHAPE, [source, constant], output, options, batched=batched)


def _embedding(writer: Writer, layer: Embedding) -> None:
    """EMBEDDING_LOOKUP takes a plain list of integers, so batch and time are flattened around it.

    GATHER would take them as they are, but quantizers keep its table in float.
    """
    length, features = writer.shapes[layer.name]
    flat = Input(f"{layer.name}_flat", (length,), "int32")
    rows = Input(f"{layer.name}_rows", (length, features))
    _reshape(writer, layer.source, flat, (-1,), batched=False)
    table = writer.constant(f"{layer.name}_table", layer.table)
    writer.operator(_Op.EMBEDDING_LOOKUP, [flat.name, table], rows, None, batched=False)
    _reshape(writer, rows.name, Input(layer.name, rows.shape), (-1, *rows.shape))


def _layer_norm(writer: Writer, layer: LayerNorm) -> None:
    """There is no operator for it: mean, variance, reciprocal root, then scale and shift."""
    shape = writer.shapes[layer.name]
    narrow = (*shape[:-1], 1)
    axis = writer.constant("last_axis", np.array([-1], np.int32))
    epsilon = writer.constant(f"{layer.name}_epsilon", np.array([layer.epsilon], np.float32))
    scale = writer.constant(f"{layer.name}_gamma", layer.scale)
    shift = writer.constant(f"{layer.name}_beta", layer.shift)

    def step(code: int, part: str, inputs: list[str], wanted: Shape, options: Any) -> str:
        name = f"{layer.name}_{part}" if part else layer.name
        writer.operator(code, inputs, Input(name, wanted), options)
        return name

    def mean(part: str, source: str) -> str:
        options = schema.ReducerOptionsT()
        options.keepDims = True
        return step(_Op.MEAN, part, [source, axis], narrow, options)

    centre = mean("mean", layer.source)
    options = schema.SquaredDifferenceOptionsT()
    squares = step(_Op.SQUARED_DIFFERENCE, "squares", [layer.source, centre], shape, options)
    variance = mean("variance", squares)
    safe = step(_Op.ADD, "safe", [variance, epsilon], narrow, schema.AddOptionsT())
    root = step(_Op.RSQRT, "root", [safe], narrow, None)
    centred = step(_Op.SUB, "centred", [layer.source, centre], shape, schema.SubOptionsT())
    normal = step(_Op.MUL, "normal", [centred, root], shape, schema.MulOptionsT())
    scaled = step(_Op.MUL, "scaled", [normal, scale], shape, schema.MulOptionsT())
    step(_Op.ADD, "", [scaled, shift], shape, schema.AddOptionsT())


def _unary(writer: Writer, layer: Unary, output: Input) -> None:
    if layer.kind == "softmax":
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        writer.operator(_Op.SOFTMAX, [layer.source], output, options)
    elif layer.kind == "tanh":
        writer.operator(_Op.TANH, [layer.source], output, None)
    else:
        writer.operator(_Op.GELU, [layer.source], output, schema.GeluOptionsT())


def _conv(layer: Conv) -> Any:
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.fusedActivationFunction = _activation(layer)
    return options


def _depthwise(layer: Depthwise) -> Any:
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.depthMultiplier = 1
    options.fusedActivationFunction = _activation(layer)
    return options


def _pool(layer: MaxPool) -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.filterHeight = options.filterWidth = layer.kernel
    return options


def _activation(layer: Conv | Depthwise | Add) -> Any:
    if isinstance(layer, Conv | Depthwise) and layer.relu6:
        return _Activation.RELU6
    relu = isinstance(layer, Conv | Add) and layer.relu
    return _Activation.RELU if relu else _Activation.NONE
