"""Reads an :class:`~harness.models.inspection.Inspection` from an ONNX file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from harness.models.inspection import (
    Activation,
    Inspection,
    Operator,
    Port,
    Weight,
    bits_of,
    is_integer,
)

#: Operators that only change the type of a tensor, or pass it on.
CONVERTERS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast", "Identity")
#: What a weight may pass through on its way to the layer that multiplies with it.
_TRANSPARENT = (*CONVERTERS, "Transpose", "Reshape", "Unsqueeze", "Squeeze")
#: Operators that multiply with stored weights, and the places of those among their inputs.
WEIGHTED = {
    "Conv": (1,), "ConvTranspose": (1,), "Gemm": (0, 1), "MatMul": (0, 1), "FusedConv": (1,),
    "MatMulInteger": (0, 1), "ConvInteger": (1,), "QLinearConv": (3,), "QLinearMatMul": (0, 3),
    "QGemm": (0, 3), "MatMulNBits": (1,), "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2),
    "DynamicQuantizeLSTM": (1, 2), "DynamicQuantizeMatMul": (1,), "MatMulIntegerToFloat": (1,),
    "Gather": (0,), "GatherBlockQuantized": (0,), "Attention": (1,), "QAttention": (1,),
}  # fmt: skip
#: Look-ups: big tables, but nothing is multiplied.
_TABLES = ("Gather", "GatherBlockQuantized")
_DYNAMIC = (
    "MatMulInteger", "ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul",
    "MatMulIntegerToFloat", "QAttention",
)  # fmt: skip
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def inspect(path: Path) -> Inspection:
    """Look into an ONNX file, the inner graphs of If and Loop too."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    readers = [_Reader(graph) for graph in _graphs(model.graph)]
    stored = {name for reader in readers for name in reader.stored}
    given = [info for info in model.graph.input if info.name not in stored]
    inner = len(readers) - 1
    return Inspection(
        weights=tuple(item for reader in readers for item in reader.weights()),
        activations=tuple(item for reader in readers for item in reader.activations()),
        operators=tuple(item for reader in readers for item in reader.operators()),
        inputs=tuple(map(_port, given)),
        outputs=tuple(map(_port, model.graph.output)),
        notes=(f"{inner} inner graphs (If, Loop) are included",) if inner else (),
    )


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and all graphs inside it."""
    yield graph
    for node in graph.node:
        for item in node.attribute:
            if item.HasField("g"):
                yield from _graphs(item.g)


class _Reader:
    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.stored[node.output[0]] = node.attribute[0].t
        self._readers: dict[str, list[tuple[Any, int]]] = {}
        for node in (node for inner in _graphs(graph) for node in inner.node):
            for place, name in enumerate(node.input):
                self._readers.setdefault(name, []).append((node, place))
        self._maker = {name: node for node in graph.node for name in node.output}
        self._types = {
            info.name: info.type.tensor_type.elem_type
            for info in (*graph.input, *graph.value_info, *graph.output)
        }

    # --- weights ------------------------------------------------------------------------------

    def weights(self) -> Iterator[Weight]:
        for name, tensor in self.stored.items():
            reader, place = self._final_reader(name)
            if reader is None or self._is_parameter(name):
                continue
            dtype, shape = _type_name(tensor.data_type), tuple(tensor.dims)
            if reader.op_type == "MatMulNBits" and place == 1:
                sizes = _integers(reader)
                dtype, shape = f"uint{sizes['bits']}", (sizes["K"], sizes["N"])
            size_bytes = math.ceil(math.prod(shape) * bits_of(dtype) / 8)
            role = self._role(reader, place, shape)
            layer = reader.name or reader.output[0]
            yield Weight(name, dtype, shape, size_bytes, layer, reader.op_type, role)

    def _final_reader(self, name: str) -> tuple[Any, int]:
        """The operator that computes with a constant, and at which place it reads it."""
        node, place = self._readers.get(name, [(None, 0)])[0]
        while node is not None and node.op_type in _TRANSPARENT:
            node, place = self._readers.get(node.output[0], [(None, 0)])[0]
        return node, place

    def _is_parameter(self, name: str) -> bool:
        """Whether a constant is a scale, a zero point or the like."""
        return all(
            (node.op_type in CONVERTERS and place > 0)
            or (node.op_type in _PARAMETERS_FROM_2 and place > 1)
            or (node.op_type.startswith("QLinear") and place in _QLINEAR_PARAMETERS)
            for node, place in self._readers[name]
        )

    def _role(self, reader: Any, place: int, shape: tuple[int, ...]) -> str:
        places = WEIGHTED.get(reader.op_type, ())
        if place in places and reader.op_type not in _TABLES and len(shape) > 1:
            return "weight"
        if reader.op_type in WEIGHTED and place not in places and len(shape) == 1:
            return "bias"
        return "other"

    # --- activations --------------------------------------------------------------------------

    def activations(self) -> Iterator[Activation]:
        """Tensors in the type they are kept in: a QDQ pair's float sides are not kept at all."""
        inputs = [info.name for info in self._graph.input if info.name not in self.stored]
        for name in (*inputs, *(out for node in self._graph.node for out in node.output)):
            if not name or name in self.stored or self._holds_weights(name):
                continue
            if not self._is_float_side(name):
                kind = self._types.get(name, TensorProto.UNDEFINED)
                yield Activation(name, _type_name(kind))

    def _holds_weights(self, name: str) -> bool:
        """Whether a tensor is nothing but a stored constant in another type."""
        node = self._maker.get(name)
        while node is not None and node.op_type in _TRANSPARENT and node.input:
            if node.input[0] in self.stored:
                return True
            node = self._maker.get(node.input[0])
        return False

    def _is_float_side(self, name: str) -> bool:
        maker, readers = self._maker.get(name), self._readers.get(name, [])
        if maker is not None and maker.op_type == "DequantizeLinear":
            return bool(readers)
        return bool(readers) and all(node.op_type == "QuantizeLinear" for node, _ in readers)

    # --- operators ----------------------------------------------------------------------------

    def operators(self) -> Iterator[Operator]:
        for node in self._graph.node:
            if node.op_type in (*CONVERTERS, "Constant") or not self._computes(node):
                continue
            yield Operator(node.name or node.output[0], node.op_type, self._kind(node))

    def _computes(self, node: Any) -> bool:
        """Whether numbers flow through it, rather than shapes and indices."""
        if node.op_type in WEIGHTED and node.op_type not in _TABLES:
            return True
        kinds = [self._type_of(name) for name in (*node.input, *node.output) if name]
        known = [kind for kind in kinds if kind]
        return not known or any(kind in _FLOATS for kind in known)

    def _type_of(self, name: str) -> int:
        stored = self.stored.get(name)
        return int(stored.data_type if stored is not None else self._types.get(name, 0))

    def _kind(self, node: Any) -> str:
        if node.op_type in _DYNAMIC:
            return "dynamic"
        if node.op_type.startswith(("QLinear", "QGemm")):
            return "integer"
        if node.op_type in ("MatMulNBits", "GatherBlockQuantized"):
            level = _integers(node).get("accuracy_level", 0)
            return "dynamic" if level == 4 else "weights"
        given = [name for name in node.input if name and not self._is_constant(name)]
        if given and all(map(self._is_dequantized, given)) and self._is_quantized_after(node):
            return "integer"
        if any(self._is_small_constant(name) for name in node.input):
            return "weights"
        halves = (self._type_of(name) == TensorProto.FLOAT16 for name in (*given, *node.output))
        return "float16" if any(halves) else "float"

    def _is_constant(self, name: str) -> bool:
        return name in self.stored or self._holds_weights(name)

    def _is_dequantized(self, name: str) -> bool:
        maker = self._maker.get(name)
        return maker is not None and maker.op_type == "DequantizeLinear"

    def _is_quantized_after(self, node: Any) -> bool:
        """Whether nothing reads a node's outputs but what quantizes them again."""
        readers = [reader for name in node.output for reader, _ in self._readers.get(name, [])]
        return bool(readers) and all(reader.op_type == "QuantizeLinear" for reader in readers)

    def _is_small_constant(self, name: str) -> bool:
        """Whether a tensor is a constant that is stored in few bits and turned back to float."""
        maker = self._maker.get(name)
        while maker is not None and maker.op_type in _TRANSPARENT:
            source = maker.input[0]
            if maker.op_type == "DequantizeLinear" and source in self.stored:
                return is_integer(_type_name(self.stored[source].data_type))
            maker = self._maker.get(source)
        return False


#: Places of scales and zero points among the inputs of integer operators.
_QLINEAR_PARAMETERS = (1, 2, 4, 5, 6, 7)
_PARAMETERS_FROM_2 = ("MatMulNBits", "GatherBlockQuantized", "MatMulInteger", "ConvInteger")


def _port(info: Any) -> Port:
    tensor = info.type.tensor_type
    shape = tuple(
        item.dim_value if item.HasField("dim_value") and item.dim_value > 0 else None
        for item in tensor.shape.dim
    )
    return Port(info.name, _type_name(tensor.elem_type), shape)


def _integers(node: Any) -> dict[str, int]:
    return {item.name: item.i for item in node.attribute}


def _type_name(kind: int) -> str:
    """The name that numpy has for an ONNX element type."""
    if kind == TensorProto.UNDEFINED:
        return "unknown"
    if kind == TensorProto.STRING:
        return "str"
    return str(helper.tensor_dtype_to_np_dtype(kind).name)
