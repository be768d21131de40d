"""How the catalogue's file writes inputs, outputs and preprocessing."""

from __future__ import annotations

from typing import Any

from harness.models.convert import BUILDERS
from harness.models.declaration import RESIZES, Preprocessing, TensorDeclaration
from harness.models.family import Family
from harness.scenario_file.kinds import Choice, Integer, Number, Text
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Key, Many, Misfit, Record, entries

_LIMIT = 1e6
_VALUE = Number(-_LIMIT, _LIMIT)
_DIVISOR = Number(0, _LIMIT, above=True)

_PREPROCESSING = Record(
    Preprocessing,
    {
        "resize": Key(Choice(RESIZES), "interpolation to the input's height and width"),
        "divide": Key(_DIVISOR, "what pixels are divided by first"),
        "mean": Key(Many(_VALUE), "subtracted next, for all channels or for each"),
        "std": Key(Many(_DIVISOR), "divided by last, for all channels or for each"),
    },
)


def _tensor(**values: Any) -> TensorDeclaration:
    made = TensorDeclaration(**values)
    limits = made.range
    if limits is not None and (len(limits) != 2 or limits[0] >= limits[1]):
        raise Misfit("range", "must be two numbers, the lower one first, such as [-1, 1]")
    if made.shape[0] != 1:
        raise Misfit("shape", f"starts with the batch, which is 1 here, not {made.shape[0]}")
    _check_preprocessing(made)
    return made


def _check_preprocessing(made: TensorDeclaration) -> None:
    steps = made.preprocessing
    if steps is None:
        return
    if not made.is_image or made.dtype != "float32":
        raise Misfit("preprocessing", "is for float32 images; give the input layout: NHWC")
    channels = made.shape[-1]
    for name in ("mean", "std"):
        count = len(getattr(steps, name))
        if count not in (1, channels):
            raise Misfit("preprocessing", f"{name} has {count} numbers; give 1 or {channels}")


TENSOR = Record(
    _tensor,
    {
        "name": Key(Text(limit=120), "the tensor's name in the file", required=True),
        "shape": Key(Many(Integer(1, 2**20)), "dimensions, the batch first", required=True),
        "dtype": Key(Choice(("float32", "int32")), "numpy's name of the element type"),
        "layout": Key(Choice(("NHWC",)), "order of an image's dimensions"),
        "range": Key(Many(_VALUE), "least and greatest value"),
        "preprocessing": Key(_PREPROCESSING, "how an 8-bit image becomes this input"),
    },
)


def check_tensors(family: Family, key: str, node: Node) -> None:
    """Number and rank of the inputs or outputs are the builder's, and inputs have a range."""
    builder = BUILDERS[family.builder]
    ranks = builder.inputs if key == "input" else builder.outputs
    tensors = family.inputs if key == "input" else family.outputs
    nodes = node.value if isinstance(node.value, list) else [node]
    if len(tensors) != len(ranks):
        raise node.error(f"{family.builder} has {len(ranks)} of them, not {len(tensors)}")
    for tensor, rank, child in zip(tensors, ranks, nodes, strict=True):
        if key == "input" and tensor.range is None:
            raise child.error("the key 'range' is missing: least and greatest value")
        if len(tensor.shape) != rank:
            raise entries(child)["shape"].error(
                f"needs {rank} dimensions for the builder {family.builder}"
            )
        if tensor.is_image and rank != 4:
            raise entries(child)["layout"].error("only images have a layout; remove it")
