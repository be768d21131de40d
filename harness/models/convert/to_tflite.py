"""Writes a network as a TFLite file: NHWC, batch 1 (resizable), with a signature.

The signature is there because static quantization calibrates through it. No operator bakes the
batch into a constant, so an engine may resize the input to any batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from harness.models.convert.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalMean,
    Layer,
    Network,
    Shape,
)

SIGNATURE = "serving_default"
_SCHEMA_VERSION = 3
_ALIGNMENT = 16  #: bytes; the schema's ``force_align`` of Buffer.data

_Op = schema.BuiltinOperator
_RELU6 = schema.ActivationFunctionType.RELU6
_NO_ACTIVATION = schema.ActivationFunctionType.NONE


def write(network: Network, path: Path) -> None:
    """Write ``network`` to ``path``; the bytes depend on nothing but the network."""
    writer = _Writer(network)
    for layer in network.layers:
        writer.add(layer)
    builder = flatbuffers.Builder(1024)
    builder.Finish(writer.model().Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(builder.Output())


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the schema has no types
    """A buffer whose data starts at a multiple of 16 bytes.

    The generated code aligns it to one byte, which engines that map the file may not accept.
    """

    def Pack(self, builder: Any) -> Any:  # noqa: N802  # the generated code's name
        data = self.data.tobytes()
        builder.StartVector(1, len(data), _ALIGNMENT)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class _Writer:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._shapes = network.shapes()
        self._buffers: list[Any] = [schema.BufferT()]  # by convention the first one is empty
        self._tensors: list[Any] = []
        self._index: dict[str, int] = {}
        self._codes: list[int] = []
        self._operators: list[Any] = []
        self._activation_tensor(network.input_name)

    def add(self, layer: Layer) -> None:
        match layer:
            case Conv():
                weights = layer.weights.transpose(3, 0, 1, 2)
                self._operator(_Op.CONV_2D, self._weighted(layer, weights), layer, _conv(layer))
            case Depthwise():
                inputs = self._weighted(layer, layer.weights[np.newaxis])
                self._operator(_Op.DEPTHWISE_CONV_2D, inputs, layer, _depthwise(layer))
            case Add():
                inputs = [self._index[layer.left], self._index[layer.right]]
                self._operator(_Op.ADD, inputs, layer, schema.AddOptionsT())
            case GlobalMean():
                axes = self._constant(f"{layer.name}_axes", np.array([1, 2], np.int32))
                self._operator(
                    _Op.MEAN, [self._index[layer.source], axes], layer, schema.ReducerOptionsT()
                )
            case Dense():
                inputs = self._weighted(layer, layer.weights.T)
                options = schema.FullyConnectedOptionsT()
                self._operator(_Op.FULLY_CONNECTED, inputs, layer, options)

    def model(self) -> Any:
        model = schema.ModelT()
        model.version = _SCHEMA_VERSION
        model.description = f"{self._network.name}, made by benchfarm"
        model.operatorCodes = [_operator_code(code) for code in self._codes]
        model.subgraphs = [self._subgraph()]
        model.buffers = self._buffers
        model.signatureDefs = [self._signature()]
        return model

    def _subgraph(self) -> Any:
        graph = schema.SubGraphT()
        graph.name = "main"
        graph.tensors = self._tensors
        graph.inputs = [self._index[self._network.input_name]]
        graph.outputs = [self._index[self._network.output_name]]
        graph.operators = self._operators
        return graph

    def _signature(self) -> Any:
        signature = schema.SignatureDefT()
        signature.signatureKey = SIGNATURE
        signature.subgraphIndex = 0
        signature.inputs = [self._tensor_map(self._network.input_name)]
        signature.outputs = [self._tensor_map(self._network.output_name)]
        return signature

    def _tensor_map(self, name: str) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, self._index[name]
        return entry

    def _operator(self, code: int, inputs: list[int], layer: Layer, options: Any) -> None:
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs = inputs
        operator.outputs = [self._activation_tensor(layer.name)]
        operator.builtinOptions = options
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self._operators.append(operator)

    def _weighted(self, layer: Conv | Depthwise | Dense, weights: Any) -> list[int]:
        """Input, weights and bias of a layer, as tensor indices."""
        return [
            self._index[layer.source],
            self._constant(f"{layer.name}_weights", weights),
            self._constant(f"{layer.name}_bias", layer.bias),
        ]

    def _activation_tensor(self, name: str) -> int:
        return self._tensor(name, (1, *self._shapes[name]), schema.TensorType.FLOAT32, 0)

    def _constant(self, name: str, values: Any) -> int:
        buffer = _AlignedBuffer()
        buffer.data = np.ascontiguousarray(values)
        self._buffers.append(buffer)
        is_float = values.dtype == np.float32
        kind = schema.TensorType.FLOAT32 if is_float else schema.TensorType.INT32
        return self._tensor(name, values.shape, kind, len(self._buffers) - 1)

    def _tensor(self, name: str, shape: Shape, kind: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, buffer
        self._tensors.append(tensor)
        self._index[name] = len(self._tensors) - 1
        return self._index[name]


def _operator_code(code: int) -> Any:
    entry = schema.OperatorCodeT()
    entry.builtinCode = entry.deprecatedBuiltinCode = code  # all codes used here are below 127
    return entry


def _conv(layer: Conv) -> Any:
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.fusedActivationFunction = _RELU6 if layer.relu6 else _NO_ACTIVATION
    return options


def _depthwise(layer: Depthwise) -> Any:
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.depthMultiplier = 1
    options.fusedActivationFunction = _RELU6 if layer.relu6 else _NO_ACTIVATION
    return options
