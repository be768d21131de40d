"""Opening an ONNX file for a quantizer: prepared, every layer with a name, float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, version_converter

from harness.models.convert import ConvertError
from harness.models.convert.inspect_onnx import CONVERTERS, WEIGHTED
from harness.models.convert.job import Layer

_PER_CHANNEL_OPSET = 13  #: the first one whose DequantizeLinear has an axis
_LEAST_IR = 4  #: the first version whose weights need not be inputs
_QUANTIZED = ("QLinear", "MatMulInteger", "ConvInteger", "MatMulNBits", "QuantizeLinear")


def prepare(source: Path, target: Path) -> None:
    """Write ``source`` with shapes inferred, constants folded and every layer named.

    Raises :class:`ConvertError` for a model that is quantized already.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = at_least_opset(load_float(source), _PER_CHANNEL_OPSET)
    name_layers(model)
    # Symbolic shapes are the tool's weak side, and quantizing weights does not need them.
    for skip in (False, True):
        try:
            quant_pre_process(model, target, skip_symbolic_shape=skip)
            break
        except OSError:
            raise  # a full disk is not the model's fault
        except Exception as error:
            if skip:
                raise ConvertError(
                    f"onnxruntime cannot prepare the model ({_line(error)}); simplify the graph"
                ) from error
    prepared = onnx.load(target)
    name_layers(prepared)
    onnx.save(prepared, target)


def load_float(source: Path) -> Any:
    """A float model whose weights are no inputs, as they are in files of IR version 3.

    Tools take such weights for data that the caller feeds. Raises :class:`ConvertError` for a model
    that is quantized already.
    """
    model = onnx.load(source)
    check_float(model)
    stored = {tensor.name for tensor in model.graph.initializer}
    real = [info for info in model.graph.input if info.name not in stored]
    del model.graph.input[:]
    model.graph.input.extend(real)
    model.ir_version = max(model.ir_version, _LEAST_IR)
    return model


def at_least_opset(model: Any, wanted: int) -> Any:
    """The model in an opset that has the operators' newer forms; itself if it has it already."""
    versions = {item.domain: item.version for item in model.opset_import}
    if versions.get("", wanted) >= wanted:
        return model
    try:
        return version_converter.convert_version(model, wanted)
    except Exception as error:
        raise ConvertError(
            f"opset {versions['']} cannot be converted to {wanted} ({_line(error)}); export the "
            "model in a newer opset"
        ) from error


def layers(path: Path) -> tuple[Layer, ...]:
    """The layers of a prepared file in the order they run."""
    graph = onnx.load(path).graph
    stored = {tensor.name for tensor in graph.initializer}
    return tuple(
        Layer(node.name, node.op_type, _is_weighted(node, stored))
        for node in graph.node
        if node.op_type not in (*CONVERTERS, "Constant")
    )


def check_float(model: Any) -> None:
    """Raise :class:`ConvertError` when a quantizer has been at work already."""
    marks = sorted({n.op_type for n in model.graph.node if n.op_type.startswith(_QUANTIZED)})
    if marks:
        raise ConvertError(
            f"the model is quantized already (it has {', '.join(marks)}); give its float32 original"
        )
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    if TensorProto.FLOAT16 in kinds and TensorProto.FLOAT not in kinds:
        raise ConvertError("the model's weights are float16 already; give its float32 original")


def name_layers(model: Any) -> None:
    """Give nodes without a name, or with one that is taken, a name after their first output."""
    taken: set[str] = set()
    for node in model.graph.node:
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{node.output[0]}"
        taken.add(node.name)


def save(model: Any, target: Path) -> None:
    """Write a model so that equal models give equal bytes."""
    target.write_bytes(model.SerializeToString(deterministic=True))


def weight_places(node: Any, stored: set[str] | dict[str, Any]) -> Sequence[int]:
    """At which of its inputs a node reads stored weights."""
    places = WEIGHTED.get(node.op_type, ())
    return [place for place in places if place < len(node.input) and node.input[place] in stored]


def _is_weighted(node: Any, stored: set[str]) -> bool:
    return node.op_type != "Gather" and bool(weight_places(node, stored))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
