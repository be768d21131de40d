"""Reads an :class:`~harness.models.inspection.Inspection` from a TFLite file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

from harness.models.inspection import (
    Activation,
    Inspection,
    Operator,
    Port,
    Weight,
    bits_of,
    is_integer,
)

#: Operators that only change the type of a tensor.
CONVERTERS = ("QUANTIZE", "DEQUANTIZE", "CAST")
_TRANSPARENT = (*CONVERTERS, "TRANSPOSE", "RESHAPE")
#: Operators that multiply with stored weights, and the places of those among their inputs.
WEIGHTED = {
    "CONV_2D": (1,), "DEPTHWISE_CONV_2D": (1,), "FULLY_CONNECTED": (1,), "TRANSPOSE_CONV": (1,),
    "CONV_3D": (1,), "BATCH_MATMUL": (0, 1), "SVDF": (1, 2), "LSTM": tuple(range(1, 12)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tuple(range(1, 12)), "RNN": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
}  # fmt: skip
_FLOATS = ("float32", "float16", "float64")
_KINDS = {value: name.lower() for name, value in vars(flatbuffer_utils.TensorType).items()}


def inspect(path: Path) -> Inspection:
    """Look into a TFLite file, all of its subgraphs."""
    model = flatbuffer_utils.read_model(str(path))
    readers = [_Reader(model, graph) for graph in model.subgraphs]
    first = readers[0]
    return Inspection(
        weights=tuple(item for reader in readers for item in reader.weights()),
        activations=tuple(item for reader in readers for item in reader.activations()),
        operators=tuple(item for reader in readers for item in reader.operators()),
        inputs=tuple(first.port(index) for index in first.graph.inputs),
        outputs=tuple(first.port(index) for index in first.graph.outputs),
    )


class _Reader:
    def __init__(self, model: Any, graph: Any) -> None:
        self._model, self.graph = model, graph
        self._readers: dict[int, list[tuple[Any, int]]] = {}
        self._maker: dict[int, Any] = {}
        for operator in graph.operators:
            for place, index in enumerate(_indices(operator.inputs)):
                self._readers.setdefault(index, []).append((operator, place))
            for index in _indices(operator.outputs):
                self._maker[index] = operator

    def port(self, index: int) -> Port:
        tensor = self.graph.tensors[index]
        declared = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
        sizes = () if declared is None else declared
        shape = tuple(None if size < 0 else int(size) for size in sizes)
        scale, zero_point = _scale(tensor)
        return Port(_text(tensor.name), _KINDS[tensor.type], shape, scale, zero_point)

    def weights(self) -> Iterator[Weight]:
        for index, tensor in enumerate(self.graph.tensors):
            data = self._model.buffers[tensor.buffer].data
            if data is None or not len(data):
                continue
            operator, place = self._final_reader(index)
            if operator is None:
                continue
            shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
            kind, name = _KINDS[tensor.type], self._type(operator)
            role = _role(name, place, shape)
            size_bytes = math.ceil(math.prod(shape) * bits_of(kind) / 8)
            layer = self._layer(operator)
            yield Weight(_text(tensor.name), kind, shape, size_bytes, layer, name, role)

    def activations(self) -> Iterator[Activation]:
        for index, tensor in enumerate(self.graph.tensors):
            if not self._is_constant(index) and not self._holds_weights(index):
                yield Activation(_text(tensor.name), _KINDS[tensor.type])

    def operators(self) -> Iterator[Operator]:
        for operator in self.graph.operators:
            name = self._type(operator)
            if name in CONVERTERS or not self._computes(operator):
                continue
            yield Operator(self._layer(operator), name, self._kind(operator))

    # --- helpers ------------------------------------------------------------------------------

    def _type(self, operator: Any) -> str:
        return str(flatbuffer_utils.opcode_to_name(self._model, operator.opcodeIndex))

    def _layer(self, operator: Any) -> str:
        return _text(self.graph.tensors[operator.outputs[0]].name)

    def _kind_of(self, index: int) -> str:
        return str(_KINDS[self.graph.tensors[index].type])

    def _is_constant(self, index: int) -> bool:
        data = self._model.buffers[self.graph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def _holds_weights(self, index: int) -> bool:
        """Whether a tensor is nothing but a stored constant in another type or shape."""
        operator = self._maker.get(index)
        while operator is not None and self._type(operator) in _TRANSPARENT:
            source = int(operator.inputs[0])
            if self._is_constant(source):
                return True
            operator = self._maker.get(source)
        return False

    def _final_reader(self, index: int) -> tuple[Any, int]:
        """The operator that computes with a constant, and at which place it reads it."""
        operator, place = self._readers.get(index, [(None, 0)])[0]
        while operator is not None and place == 0 and self._type(operator) in _TRANSPARENT:
            operator, place = self._readers.get(int(operator.outputs[0]), [(None, 0)])[0]
        return operator, place

    def _computes(self, operator: Any) -> bool:
        """Whether numbers flow through it, rather than shapes and indices."""
        tensors = (*_indices(operator.inputs), *_indices(operator.outputs))
        return any(
            self._kind_of(index) in _FLOATS or self._is_quantized(index) for index in tensors
        )

    def _is_quantized(self, index: int) -> bool:
        return _scale(self.graph.tensors[index])[0] is not None

    def _kind(self, operator: Any) -> str:
        inputs = _indices(operator.inputs)
        given = [index for index in inputs if not self._is_constant(index)]
        given = [index for index in given if not self._holds_weights(index)]
        kinds = {self._kind_of(index) for index in given or _indices(operator.outputs)}
        if not kinds & set(_FLOATS):
            return "integer"
        constants = [index for index in inputs if self._is_constant(index)]
        if any(is_integer(self._kind_of(i)) and self._is_quantized(i) for i in constants):
            return "dynamic"
        if any(self._holds_weights(index) for index in inputs):
            return "weights"
        return "float16" if "float16" in kinds else "float"


def _role(operator: str, place: int, shape: tuple[int, ...]) -> str:
    places = WEIGHTED.get(operator, ())
    if place in places and len(shape) > 1:
        return "weight"
    return "bias" if places and len(shape) == 1 else "other"


def _indices(values: Any) -> list[int]:
    """Tensor numbers; -1 stands for an input that was left out."""
    return [int(value) for value in values if value >= 0] if values is not None else []


def _scale(tensor: Any) -> tuple[float | None, int | None]:
    """Scale and zero point of a tensor; the first ones where each channel has its own."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None, None
    zero_points = quantization.zeroPoint
    has_zero = zero_points is not None and len(zero_points) > 0
    return float(quantization.scale[0]), int(zero_points[0]) if has_zero else 0


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")
