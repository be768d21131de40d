"""Writes a network as an ONNX file: images NCHW, batch free, opset 17."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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
    Network,
    Rearrangement,
    Reshape,
    Shape,
    Shift,
    Take,
    Transpose,
    Unary,
    same_padding,
)

#: Opset 17 (IR 8) is read by every ONNX Runtime since 1.12, also by older phone packages.
_OPSET = 17
_IR_VERSION = 8
_IMAGE_RANK = 3
_TYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}


def write(network: Network, path: Path) -> None:
    """Write ``network`` to ``path``; the bytes depend on nothing but the network."""
    writer = _Writer(network.shapes())
    for layer in network.layers:
        writer.add(layer)
    outputs = (Input(name, writer.shapes[name]) for name in network.outputs)
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [_value_info(item) for item in network.inputs],
        [_value_info(item) for item in outputs],
        writer.initializers,
    )
    model = helper.make_model(
        graph,
        producer_name="benchfarm",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


class _Writer:
    def __init__(self, shapes: dict[str, Shape]) -> None:
        self.shapes = shapes
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def add(self, layer: Layer) -> None:
        if isinstance(layer, ImageLayer):
            self._image(layer)
        elif isinstance(layer, ArithmeticLayer):
            self._arithmetic(layer)
        else:
            self._rearrange(layer)

    def _image(self, layer: ImageLayer) -> None:
        match layer:
            case Conv():
                self._conv(layer, layer.weights.transpose(3, 2, 0, 1), groups=1)
            case Depthwise():
                filters = layer.weights.transpose(2, 0, 1)[:, np.newaxis]
                self._conv(layer, filters, groups=len(layer.bias))
            case MaxPool():
                window = self._window(layer.source, layer.kernel, layer.stride)
                self._node("MaxPool", [layer.source], layer.name, **window)
            case GlobalMean():
                self._node("GlobalAveragePool", [layer.source], f"{layer.name}_mean")
                self._node("Flatten", [f"{layer.name}_mean"], layer.name, axis=1)

    def _arithmetic(self, layer: ArithmeticLayer) -> None:
        match layer:
            case Add():
                self._add(layer)
            case Shift():
                values = self._constant(f"{layer.name}_values", layer.values)
                self._node("Add", [layer.source, values], layer.name)
            case Dense():
                self._dense(layer)
            case Embedding():
                table = self._constant(f"{layer.name}_table", layer.table)
                self._node("Gather", [table, layer.source], layer.name)
            case LayerNorm():  # quantizers make tensors of their own with names in _scale
                gamma = self._constant(f"{layer.name}_gamma", layer.scale)
                beta = self._constant(f"{layer.name}_beta", layer.shift)
                inputs = [layer.source, gamma, beta]
                self._node("LayerNormalization", inputs, layer.name, epsilon=layer.epsilon)
            case MatMul():
                self._matmul(layer)
            case Unary():
                self._unary(layer)

    def _rearrange(self, layer: Rearrangement) -> None:
        match layer:
            case Reshape():  # a zero keeps the batch as it is
                shape = np.array([0, *layer.shape], np.int64)
                inputs = [layer.source, self._constant(f"{layer.name}_shape", shape)]
                self._node("Reshape", inputs, layer.name)
            case Transpose():
                order = [0, *(axis + 1 for axis in layer.order)]
                self._node("Transpose", [layer.source], layer.name, perm=order)
            case Take():
                index = self._constant(f"{layer.name}_index", np.array(layer.index, np.int64))
                self._node("Gather", [layer.source, index], layer.name, axis=1)
            case Concat():
                self._node("Concat", list(layer.sources), layer.name, axis=layer.axis + 1)

    def _add(self, layer: Add) -> None:
        output = f"{layer.name}_sum" if layer.relu else layer.name
        self._node("Add", [layer.left, layer.right], output)
        if layer.relu:
            self._node("Relu", [output], layer.name)

    def _conv(self, layer: Conv | Depthwise, weights: Any, groups: int) -> None:
        kernel = weights.shape[-1]
        inputs = [
            layer.source,
            self._constant(f"{layer.name}_weights", weights),
            self._constant(f"{layer.name}_bias", layer.bias),
        ]
        relu = isinstance(layer, Conv) and layer.relu
        output = f"{layer.name}_conv" if layer.relu6 or relu else layer.name
        window = self._window(layer.source, kernel, layer.stride)
        self._node("Conv", inputs, output, **window, group=groups)
        if layer.relu6:
            self._node("Clip", [output, *self._relu6_limits()], layer.name)
        elif relu:
            self._node("Relu", [output], layer.name)

    def _window(self, source: str, kernel: int, stride: int) -> dict[str, list[int]]:
        height, width, _ = self.shapes[source]
        top, bottom = same_padding(height, kernel, stride)
        left, right = same_padding(width, kernel, stride)
        return {
            "kernel_shape": [kernel, kernel],
            "strides": [stride, stride],
            "pads": [top, left, bottom, right],
        }

    def _dense(self, layer: Dense) -> None:
        """Gemm for features; over the last axis of more dimensions ONNX has only MatMul and Add."""
        if len(self.shapes[layer.source]) == 1:
            weights = self._constant(f"{layer.name}_weights", layer.weights.T)
            bias = self._constant(f"{layer.name}_bias", layer.bias)
            self._node("Gemm", [layer.source, weights, bias], layer.name, transB=1)
            return
        weights = self._constant(f"{layer.name}_weights", layer.weights)
        bias = self._constant(f"{layer.name}_bias", layer.bias)
        self._node("MatMul", [layer.source, weights], f"{layer.name}_matmul")
        self._node("Add", [f"{layer.name}_matmul", bias], layer.name)

    def _matmul(self, layer: MatMul) -> None:
        right = layer.right
        if layer.transposed:
            rank = len(self.shapes[right]) + 1
            right = f"{layer.name}_right"
            order = [*range(rank - 2), rank - 1, rank - 2]
            self._node("Transpose", [layer.right], right, perm=order)
        self._node("MatMul", [layer.left, right], layer.name)

    def _unary(self, layer: Unary) -> None:
        if layer.kind == "softmax":
            self._node("Softmax", [layer.source], layer.name, axis=-1)
        elif layer.kind == "tanh":
            self._node("Tanh", [layer.source], layer.name)
        else:
            self._gelu(layer)

    def _gelu(self, layer: Unary) -> None:
        """GELU is an operator only from opset 20 on; engines know this pattern of it."""
        root = self._shared("gelu_root", math.sqrt(2))
        one, half = self._shared("gelu_one", 1.0), self._shared("gelu_half", 0.5)
        divided, erf, sum_, product = (
            f"{layer.name}_{part}" for part in ("div", "erf", "sum", "mul")
        )
        self._node("Div", [layer.source, root], divided)
        self._node("Erf", [divided], erf)
        self._node("Add", [erf, one], sum_)
        self._node("Mul", [layer.source, sum_], product)
        self._node("Mul", [product, half], layer.name)

    def _relu6_limits(self) -> list[str]:
        return [self._shared("relu6_min", 0.0), self._shared("relu6_max", 6.0)]

    def _shared(self, name: str, value: float) -> str:
        """A number that several layers use, stored once."""
        if all(item.name != name for item in self.initializers):
            self._constant(name, np.array(value, np.float32))
        return name

    def _constant(self, name: str, values: Any) -> str:
        array = np.ascontiguousarray(values) if values.ndim else values
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))


def _value_info(item: Input) -> Any:
    """Declare a tensor; images turn from NHWC to NCHW, the batch stays free."""
    shape = item.shape
    if len(shape) == _IMAGE_RANK:
        shape = (shape[-1], *shape[:-1])
    return helper.make_tensor_value_info(item.name, _TYPES[item.dtype], ["batch", *shape])
