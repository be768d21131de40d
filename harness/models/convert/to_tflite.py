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

from harness.models.convert import tflite_operators
from harness.models.convert.layers import Input, Network, Shape

SIGNATURE = "serving_default"
_SCHEMA_VERSION = 3
_ALIGNMENT = 16  #: bytes; the schema's ``force_align`` of Buffer.data
_LAST_OLD_CODE = 127  #: newer operators have their code in the wider field only
_TYPES = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}


def write(network: Network, path: Path) -> None:
    """Write ``network`` to ``path``; the bytes depend on nothing but the network."""
    writer = _Writer(network)
    for layer in network.layers:
        tflite_operators.add(writer, layer)
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
    """Collects the parts of the file; :mod:`.tflite_operators` says what a layer is made of."""

    def __init__(self, network: Network) -> None:
        self.shapes = network.shapes()
        self._network = network
        self._buffers: list[Any] = [schema.BufferT()]  # by convention the first one is empty
        self._tensors: list[Any] = []
        self._index: dict[str, int] = {}
        self._codes: list[int] = []
        self._operators: list[Any] = []
        for item in network.inputs:
            self._activation(item)

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
        graph.inputs = [self._index[item.name] for item in self._network.inputs]
        graph.outputs = [self._index[name] for name in self._network.outputs]
        graph.operators = self._operators
        return graph

    def _signature(self) -> Any:
        signature = schema.SignatureDefT()
        signature.signatureKey = SIGNATURE
        signature.subgraphIndex = 0
        signature.inputs = [self._tensor_map(item.name) for item in self._network.inputs]
        signature.outputs = [self._tensor_map(name) for name in self._network.outputs]
        return signature

    def _tensor_map(self, name: str) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, self._index[name]
        return entry

    def operator(
        self, code: int, inputs: list[str], output: Input, options: Any, *, batched: bool = True
    ) -> None:
        """One operator that makes ``output`` from known tensors; ``options`` may be None.

        A batch of one stands in front of its shape unless ``batched`` is off.
        """
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs = [self._index[name] for name in inputs]
        operator.outputs = [self._activation(output, batched=batched)]
        if options is not None:
            operator.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self._operators.append(operator)

    def constant(self, name: str, values: Any) -> str:
        """Store float32 or int32 values; returns ``name``."""
        if name not in self._index:
            buffer = _AlignedBuffer()
            buffer.data = np.ascontiguousarray(values) if values.ndim else values
            self._buffers.append(buffer)
            self._tensor(name, values.shape, _TYPES[values.dtype.name], len(self._buffers) - 1)
        return name

    def _activation(self, item: Input, *, batched: bool = True) -> int:
        shape = (1, *item.shape) if batched else item.shape
        return self._tensor(item.name, shape, _TYPES[item.dtype], 0)

    def _tensor(self, name: str, shape: Shape, kind: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, buffer
        self._tensors.append(tensor)
        self._index[name] = len(self._tensors) - 1
        return self._index[name]


def _operator_code(code: int) -> Any:
    entry = schema.OperatorCodeT()
    entry.builtinCode = code
    entry.deprecatedBuiltinCode = min(code, _LAST_OLD_CODE)
    return entry
