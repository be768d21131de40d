"""The catalogue of model families: the built-in file and the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models import grid
from harness.models.builtin import builtin_folder
from harness.models.convert import BUILDERS
from harness.models.datasets.names import DATASET_NAMES
from harness.models.family import Family
from harness.models.tensor_kinds import TENSOR, check_tensors
from harness.models.variant_rules import NUMBERS, SEED, VARIANT, WORD, check_variant
from harness.scenario_file.kinds import Choice, Integer, Number, Text, suggestion
from harness.scenario_file.nodes import Node, Origin, parse, read_file
from harness.scenario_file.structures import Key, Many, Record, Table, entries
from harness.variant import ModelFormat

_SCHEMA_VERSION = 1
_NAME_LIMIT = 120
_SEEDED, _TRAINED = "seeded", "trained"


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
                for family in _families(name, node):
                    known = families.get(family.name)
                    if known is not None:
                        raise node.error(_taken(family.name, name, known))
                    families[family.name] = family
        return cls(families)

    def family(self, name: str) -> Family:
        """The family of that name, or :class:`CatalogueError` with the nearest known one."""
        if name not in self.families:
            hint = suggestion(name, tuple(self.families))
            raise CatalogueError(f"unknown model family {name!r}; {hint}")
        return self.families[name]

    def grid(self, name: str) -> tuple[Family, ...]:
        """Every family of the grid that ``name`` belongs to; itself alone where there is none."""
        base = self.family(name).base
        return tuple(family for family in self.families.values() if family.base == base)

    def bases(self) -> tuple[str, ...]:
        """The families that the files define, without the other points of their grids."""
        return tuple(name for name, family in self.families.items() if family.base == name)

    def variant_names(self, family: str) -> tuple[str, ...]:
        """The variants of a family, in the order of the file."""
        return tuple(self.family(family).variants)

    def check_variant(self, family: str, variant: str) -> Family:
        """The family, once it is certain that it has this variant."""
        found = self.family(family)
        if variant not in found.variants:
            hint = suggestion(variant, tuple(found.variants))
            raise CatalogueError(f"{family} has no variant {variant!r}; {hint}")
        return found

    def check(self, family: str, variant: str, fmt: ModelFormat) -> Family:
        """The family, once it is certain that it has this variant in this format."""
        found = self.check_variant(family, variant)
        if fmt not in found.formats:
            known = ", ".join(found.formats)
            raise CatalogueError(f"{family} is not made as {fmt}; use one of {known}")
        reason = found.refusal(variant, fmt)
        if reason is not None:
            raise CatalogueError(f"{family}/{variant}: {reason}")
        return found

    def variant_formats(self, family: str, variant: str) -> tuple[ModelFormat, ...]:
        """The formats in which a variant can be made."""
        found = self.family(family)
        return tuple(fmt for fmt in found.formats if found.refusal(variant, fmt) is None)


class _Formats:
    """A model format by its name."""

    _choice = Choice(tuple(fmt.value for fmt in ModelFormat))

    def read(self, node: Node) -> ModelFormat:
        return ModelFormat(self._choice.read(node))

    def schema(self) -> dict[str, Any]:
        return self._choice.schema()


_AXIS = Number(0, 1e6, above=True)

_FAMILY: Record[dict[str, Any]] = Record(
    dict,
    {
        "task": Key(WORD, "what the model does, such as image-classification", required=True),
        "licence": Key(WORD, "SPDX name of the weights' licence", required=True),
        "note": Key(Text(limit=2000), "what a reader should know"),
        "builder": Key(Choice(tuple(BUILDERS)), "what makes the layers", required=True),
        "parameters": Key(NUMBERS, "numbers for the builder"),
        "weights": Key(Choice((_SEEDED, _TRAINED)), "where the weights come from", required=True),
        "seed": Key(SEED, "start of the random weights", required=True),
        "dataset": Key(Choice(DATASET_NAMES), "real data for training, calibration and accuracy"),
        "input": Key(Many(TENSOR), "the input tensor, or several", required=True),
        "output": Key(Many(TENSOR), "the output tensor, or several", required=True),
        "grid": Key(Table(Many(_AXIS)), "further families: a parameter or resolution, and values"),
        "formats": Key(Many(_Formats()), "file formats: onnx, tflite", required=True),
        "variants": Key(Table(VARIANT), "the variants by name", required=True),
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


def _families(name: str, node: Node) -> tuple[Family, ...]:
    """The family of one entry, and those of its grid."""
    values = _FAMILY.read(node)
    axes = values.pop("grid", {})
    family = _family(name, node, values)
    for axis, child in entries(entries(node)["grid"]).items() if axes else ():
        _check_axis(family, axis, child, axes[axis])
    return tuple(grid.expand(family, axes))


def _family(name: str, node: Node, values: dict[str, Any]) -> Family:
    _check_name(name, node)
    inputs, outputs = values.pop("input"), values.pop("output")
    origin = f"{node.origin.name}:{node.line}"
    family = Family(name=name, origin=origin, inputs=inputs, outputs=outputs, **values)
    keys = entries(node)
    _check_parameters(family, keys.get("parameters", node))
    for key in ("input", "output"):
        check_tensors(family, key, keys[key])
    _check_data(family, node)
    for variant, child in entries(keys["variants"]).items():
        _check_name(variant, child)
        check_variant(family, variant, child)
    return replace(family, formats=tuple(dict.fromkeys(family.formats)))


def _taken(name: str, defined_as: str, known: Family) -> str:
    what = "this family" if name == defined_as else f"the grid's family {name!r}"
    return f"{what} is defined in {known.origin} already; rename it"


def _check_data(family: Family, node: Node) -> None:
    """Networks that learn are trained on a dataset, and a dataset is preprocessed."""
    keys, learns = entries(node), BUILDERS[family.builder].teachable
    right = _TRAINED if learns else _SEEDED
    if family.weights != right:
        raise keys["weights"].error(f"{family.builder} has {right} weights; write {right}")
    if learns and family.dataset is None:
        raise node.error("the key 'dataset' is missing: the data to train on")
    if family.dataset is not None and family.input.preprocessing is None:
        raise keys["dataset"].error("needs preprocessing at the input to become tensors")


def _check_axis(family: Family, axis: str, node: Node, values: tuple[float, ...]) -> None:
    """An axis is a parameter of the builder, or the resolution of an image input."""
    known = (*family.parameters, *((grid.RESOLUTION,) if family.input.is_image else ()))
    if axis not in known:
        raise node.error(f"unknown axis of the grid; {suggestion(axis, known)}")
    if axis == grid.RESOLUTION and not all(value.is_integer() for value in values):
        raise node.error("a resolution is a whole number of pixels")


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
