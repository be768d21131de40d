"""16-bit activations for single layers of an 8-bit ONNX file.

A layer computes with inputs and outputs of one width. Where layers of both widths meet, the tensor
has its maker's width and is converted for the readers of the other one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from onnx import TensorProto

#: What follows a layer and is a part of it: engines compute both at once.
_ACTIVATIONS = ("Relu", "Clip")

Overrides = dict[str, list[dict[str, Any]]]


def overrides(
    model: Any,
    quantized: Collection[str],
    wide: Collection[str],
    types: tuple[Any, Any],
) -> Overrides:
    """What the quantizer must be told of tensors, so that the ``wide`` layers compute in 16 bits.

    ``model`` has the types of all tensors, ``quantized`` are all layers that are not left in float,
    ``types`` the quantizer's own names for 8 and 16 bits.
    """
    nodes = list(model.graph.node)
    readers = {name: [node for node in nodes if name in node.input] for name in _floats(model)}
    chosen = _with_activations(nodes, readers, set(wide))
    makers = {name: node.name for node in nodes for name in node.output}
    found: Overrides = {}
    for name, given in readers.items():
        names = {node.name for node in given}.intersection(quantized)
        here, others = names & chosen, names - chosen
        # What no quantized layer makes has the width that all of its readers want.
        made = makers.get(name) in quantized
        is_wide = makers[name] in chosen if made else bool(here) and not others
        unlike = others if is_wide else here
        if is_wide or unlike:
            entry: dict[str, Any] = {"quant_type": types[is_wide]}
            if unlike:
                entry["convert"] = {"quant_type": types[not is_wide], "recv_nodes": unlike}
            found[name] = [entry]
    return found


def _floats(model: Any) -> Iterator[str]:
    """The float tensors between layers, without the stored ones."""
    stored = {tensor.name for tensor in model.graph.initializer}
    for info in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        kind = info.type.tensor_type.elem_type
        if kind == TensorProto.FLOAT and info.name not in stored:
            yield info.name


def _with_activations(nodes: list[Any], readers: dict[str, list[Any]], wide: set[str]) -> set[str]:
    """The layers with the activation functions that are the only reader of one."""
    found = set(wide)
    for node in nodes:
        following = readers.get(node.output[0], [])
        if node.name in wide and len(following) == 1 and following[0].op_type in _ACTIVATIONS:
            found.add(following[0].name)
    return found
