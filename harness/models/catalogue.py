"""The catalogue of model families: the built-in file and the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.builtin import builtin_folder
from harness.models.convert import BUILDERS, CONSTRUCT, METHODS
from harness.models.family import Calibration, Family, TensorDeclaration, VariantSpec
from harness.scenario_file.kinds import Choice, Integer, Number, Text, suggestion
from harness.scenario_file.nodes import Node, Origin, parse, read_file
from harness.scenario_file.structures import Key, Many, Misfit, Record, Table, entries
from harness.variant import ModelFormat

_SCHEMA_VERSION = 1
_SEED = Integer(0, 2**53)
_NAME_LIMIT = 120
_WORD = Text(limit=_NAME_LIMIT)
_RANK = {"input": 4, "output": 2}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The families at hand, in the order of their files."""

    families: Mapping[str, Family]

    @classmethod
    def load(cls, paths: Sequence[Path] = ()) -> Catalogue:
        """The built-in families plus those of the user's catalogue files.

        Raises :class:`~harness.errors.ScenarioError` with file, line and key of the first mistake.
        """
        families: dict[str, Family] = {}
        for path in (builtin_folder() / "catalogue.yaml", *paths):
            for name, node in _family_nodes(path).items():
                if name in families:
                    known = families[name].origin
                    raise node.error(f"this family is defined in {known} already; rename it")
                families[name] = _family(name, node)
        return cls(families)

    def family(self, name: str) -> Family:
        """The family of that name, or :class:`CatalogueError` with the nearest known one."""
        if name not in self.families:
            hint = suggestion(name, tuple(self.families))
            raise CatalogueError(f"unknown model family {name!r}; {hint}")
        return self.families[name]

    def variant_names(self, family: str) -> tuple[str, ...]:
        """The variants of a family, in the order of the file."""
        return tuple(self.family(family).variants)

    def check(self, family: str, variant: str, fmt: ModelFormat) -> Family:
        """The family, once it is certain that it has this variant in this format."""
        found = self.family(family)
        if variant not in found.variants:
            hint = suggestion(variant, tuple(found.variants))
            raise CatalogueError(f"{family} has no variant {variant!r}; {hint}")
        if fmt not in found.formats:
            known = ", ".join(found.formats)
            raise CatalogueError(f"{family} is not made as {fmt}; use one of {known}")
        return found


class _Formats:
    """A model format by its name."""

    _choice = Choice(tuple(fmt.value for fmt in ModelFormat))

    def read(self, node: Node) -> ModelFormat:
        return ModelFormat(self._choice.read(node))

    def schema(self) -> dict[str, Any]:
        return self._choice.schema()


def _tensor(**values: Any) -> TensorDeclaration:
    made = TensorDeclaration(**values)
    limits = made.range
    if limits is not None and (len(limits) != 2 or limits[0] >= limits[1]):
        raise Misfit("range", "must be two numbers, the lower one first, such as [-1, 1]")
    if made.shape[0] != 1:
        raise Misfit("shape", f"starts with the batch, which is 1 here, not {made.shape[0]}")
    return made


_TENSOR = Record(
    _tensor,
    {
        "name": Key(_WORD, "the tensor's name in the file", required=True),
        "shape": Key(Many(Integer(1, 2**20)), "dimensions, the batch first", required=True),
        "dtype": Key(Choice(("float32",)), "numpy's name of the element type"),
        "layout": Key(Choice(("NHWC",)), "order of an image's dimensions"),
        "range": Key(Many(Number(-1e6, 1e6)), "least and greatest value"),
    },
)

_CALIBRATION = Record(
    Calibration,
    {
        "data": Key(Choice(("random",)), "where the inputs come from", required=True),
        "samples": Key(Integer(1, 10_000), "how many inputs", required=True),
        "seed": Key(_SEED, "start of the random numbers", required=True),
    },
)

_VARIANT = Record(
    VariantSpec,
    {
        "precision": Key(_WORD, "what reports call it, such as int8", required=True),
        "method": Key(Choice(tuple(METHODS)), "how it is made", required=True),
        "source": Key(_WORD, "the variant it is made from"),
        "calibration": Key(_CALIBRATION, "what activation ranges are measured on"),
    },
)

_FAMILY: Record[dict[str, Any]] = Record(
    dict,
    {
        "task": Key(_WORD, "what the model does, such as image-classification", required=True),
        "licence": Key(_WORD, "SPDX name of the weights' licence", required=True),
        "note": Key(Text(limit=2000), "what a reader should know"),
        "builder": Key(Choice(tuple(BUILDERS)), "what makes the layers", required=True),
        "parameters": Key(Table(Number(0, 1e6, above=True)), "numbers for the builder"),
        "weights": Key(Choice(("seeded",)), "where the weights come from", required=True),
        "seed": Key(_SEED, "start of the random weights", required=True),
        "input": Key(_TENSOR, "the input tensor", required=True),
        "output": Key(_TENSOR, "the output tensor", required=True),
        "formats": Key(Many(_Formats()), "file formats: onnx, tflite", required=True),
        "variants": Key(Table(_VARIANT), "the variants by name", required=True),
    },
)


def _family_nodes(path: Path) -> dict[str, Node]:
    """The families of one file, not yet read."""
    root = parse(read_file(path), Origin(str(path), path.parent))
    top: Record[dict[str, Any]] = Record(
        dict,
        {
            "schema": Key(Integer(1, _SCHEMA_VERSION), f"write schema: {_SCHEMA_VERSION}", True),
            "families": Key(_Raw(), "the families by name", True),
        },
    )
    families: dict[str, Node] = top.read(root)["families"]
    return families


class _Raw:
    """A mapping whose values are read later."""

    def read(self, node: Node) -> dict[str, Node]:
        return entries(node)

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


def _family(name: str, node: Node) -> Family:
    _check_name(name, node)
    family = Family(name=name, origin=f"{node.origin.name}:{node.line}", **_FAMILY.read(node))
    keys = entries(node)
    _check_parameters(family, keys.get("parameters", node))
    if family.input.range is None:
        raise keys["input"].error("the key 'range' is missing: least and greatest value")
    for key, rank in _RANK.items():
        if len(getattr(family, key).shape) != rank:
            raise entries(keys[key])["shape"].error(
                f"needs {rank} dimensions for the builder {family.builder}"
            )
    for variant, child in entries(keys["variants"]).items():
        _check_name(variant, child)
        _check_variant(family, variant, child)
    return replace(family, formats=tuple(dict.fromkeys(family.formats)))


def _check_name(name: str, node: Node) -> None:
    """Names become labels of the form ``family/variant``."""
    if "/" in name or name != name.strip() or len(name) > _NAME_LIMIT:
        raise node.error(f"a name has no slash, no outer spaces and at most {_NAME_LIMIT} letters")


def _check_parameters(family: Family, node: Node) -> None:
    wanted = BUILDERS[family.builder].parameters
    for name in family.parameters:
        if name not in wanted:
            raise entries(node)[name].error(
                f"unknown parameter of {family.builder}; {suggestion(name, wanted)}"
            )
    missing = [name for name in wanted if name not in family.parameters]
    if missing:
        raise node.error(f"{family.builder} needs parameters: {{{missing[0]}: NUMBER}}")


def _check_variant(family: Family, name: str, node: Node) -> None:
    spec = family.variants[name]
    keys = entries(node)
    if spec.method == CONSTRUCT:
        for key in ("source", "calibration"):
            if key in keys:
                raise keys[key].error(f"the method {CONSTRUCT} takes no {key}; remove it")
        return
    if spec.source is None or spec.calibration is None:
        missing = "source" if spec.source is None else "calibration"
        raise node.error(f"the method {spec.method} needs the key {missing!r}")
    plain = [key for key, other in family.variants.items() if other.method == CONSTRUCT]
    if spec.source not in plain:
        hint = suggestion(spec.source, plain) if plain else f"add one with method: {CONSTRUCT}"
        raise keys["source"].error(f"{spec.source!r} is no float variant of this family; {hint}")
