"""What a model file really is: the types of its weights and tensors, and what runs in integers.

Read from the file itself, because quantizers sometimes leave a model as it was and say nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.variant import ModelFormat

_BIAS = "int32"
_INTEGERS = ("int4", "uint4", "int8", "uint8")
_CONVERTERS = ("QuantizeLinear", "DequantizeLinear", "QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True, slots=True)
class Inspection:
    """Contents of one file. Types are numpy's names.

    ``weight_bytes`` counts the bytes of stored constants by type, without scales and zero points;
    ``activations`` counts the tensors in between; the operators (except conversions) are counted
    by what they compute in.
    """

    weight_bytes: dict[str, int]
    activations: dict[str, int]
    quantized_operators: dict[str, int]
    float_operators: dict[str, int]

    @property
    def integer_share(self) -> float:
        """Share of the weights' bytes that is 8 bit or less; biases, which stay int32, left out."""
        weights = {kind: size for kind, size in self.weight_bytes.items() if kind != _BIAS}
        total = sum(weights.values())
        return sum(weights.get(kind, 0) for kind in _INTEGERS) / total if total else 0.0


def inspect(path: Path, fmt: ModelFormat) -> Inspection:
    """Look into a model file."""
    return _inspect_onnx(path) if fmt is ModelFormat.ONNX else _inspect_tflite(path)


def _inspect_onnx(path: Path) -> Inspection:
    import onnx
    from onnx import helper

    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    graph = model.graph
    parameters = {
        name for node in graph.node if node.op_type in _CONVERTERS for name in node.input[1:]
    }
    weights: Counter[str] = Counter()
    for tensor in graph.initializer:
        if tensor.name in parameters:
            continue
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
        weights[kind.name] += int(np.prod(tensor.dims)) * kind.itemsize
    activations: Counter[str] = Counter()
    for info in (*graph.input, *graph.value_info, *graph.output):
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type))
        activations[kind.name] += 1
    dequantized = {
        name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output
    }
    operators = [(node.op_type, node.input[0] in dequantized) for node in graph.node]
    return _inspection(weights, activations, operators)


def _inspect_tflite(path: Path) -> Inspection:
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(path)
    kinds = {value: name.lower() for name, value in vars(flatbuffer_utils.TensorType).items()}
    weights: Counter[str] = Counter()
    activations: Counter[str] = Counter()
    operators: list[tuple[str, bool]] = []
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is None:
                activations[kinds[tensor.type]] += 1
            else:
                weights[kinds[tensor.type]] += len(data)
        for operator in graph.operators:
            name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
            kind = kinds[graph.tensors[operator.inputs[0]].type]
            operators.append((name, kind in _INTEGERS))
    return _inspection(weights, activations, operators)


def _inspection(
    weights: Counter[str], activations: Counter[str], operators: list[tuple[str, bool]]
) -> Inspection:
    def counted(in_integers: bool) -> dict[str, int]:
        names = (n for n, quantized in operators if quantized is in_integers)
        return _sorted(Counter(name for name in names if name not in _CONVERTERS))

    return Inspection(_sorted(weights), _sorted(activations), counted(True), counted(False))


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
