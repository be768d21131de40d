"""Writes a network as an ONNX file: NCHW, batch free, opset 17."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.models.convert.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalMean,
    Layer,
    Network,
    Shape,
    same_padding,
)

#: Opset 17 (IR 8) is read by every ONNX Runtime since 1.12, also by older phone packages.
_OPSET = 17
_IR_VERSION = 8


def write(network: Network, path: Path) -> None:
    """Write ``network`` to ``path``; the bytes depend on nothing but the network."""
    writer = _Writer(network.shapes())
    for layer in network.layers:
        writer.add(layer)
    graph = helper.make_graph(
        writer.nodes,
        network.name,
        [_value_info(network.input_name, network.input_shape)],
        [_value_info(network.output_name, writer.shapes[network.output_name])],
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
        match layer:
            case Conv():
                self._conv(layer, layer.weights.transpose(3, 2, 0, 1), groups=1)
            case Depthwise():
                filters = layer.weights.transpose(2, 0, 1)[:, np.newaxis]
                self._conv(layer, filters, groups=len(layer.bias))
            case Add():
                self._node("Add", [layer.left, layer.right], layer.name)
            case GlobalMean():
                self._node("GlobalAveragePool", [layer.source], f"{layer.name}_mean")
                self._node("Flatten", [f"{layer.name}_mean"], layer.name, axis=1)
            case Dense():
                weights = self._constant(f"{layer.name}_weights", layer.weights.T)
                bias = self._constant(f"{layer.name}_bias", layer.bias)
                self._node("Gemm", [layer.source, weights, bias], layer.name, transB=1)

    def _conv(self, layer: Conv | Depthwise, weights: Any, groups: int) -> None:
        kernel = weights.shape[-1]
        height, width, _ = self.shapes[layer.source]
        top, bottom = same_padding(height, kernel, layer.stride)
        left, right = same_padding(width, kernel, layer.stride)
        inputs = [
            layer.source,
            self._constant(f"{layer.name}_weights", weights),
            self._constant(f"{layer.name}_bias", layer.bias),
        ]
        output = f"{layer.name}_conv" if layer.relu6 else layer.name
        self._node(
            "Conv",
            inputs,
            output,
            kernel_shape=[kernel, kernel],
            strides=[layer.stride, layer.stride],
            pads=[top, left, bottom, right],
            group=groups,
        )
        if layer.relu6:
            self._node("Clip", [output, *self._relu6_limits()], layer.name)

    def _relu6_limits(self) -> list[str]:
        limits = {"relu6_min": 0.0, "relu6_max": 6.0}
        known = {item.name for item in self.initializers}
        for name, value in limits.items():
            if name not in known:
                self._constant(name, np.array(value, np.float32))
        return list(limits)

    def _constant(self, name: str, values: Any) -> str:
        array = np.ascontiguousarray(values) if values.ndim else values
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))


def _value_info(name: str, shape: Shape) -> Any:
    """Declare a tensor; images turn from NHWC to NCHW, the batch stays free."""
    channels_first = (shape[-1], *shape[:-1])
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *channels_first])
