"""How the catalogue writes a variant, and which of its keys go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.claims import check_precision_name
from harness.models.convert import BUILDERS
from harness.models.family import Calibration, Family, VariantSpec
from harness.models.methods import (
    DISTIL,
    FLOAT_METHODS,
    METHODS,
    MIXED,
    NETWORK_METHODS,
    PRUNE,
    complete,
)
from harness.models.policy import PARAMETERS, Policy, read_policy
from harness.scenario_file.accuracy import DatasetName
from harness.scenario_file.kinds import Choice, FilePath, Integer, Number, Schema, Text, suggestion
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Key, Misfit, Record, Table, entries

SEED = Integer(0, 2**53)
WORD = Text(limit=120)
NUMBERS = Table(Number(0, 1e6, above=True))


class _PolicyFile:
    """A policy by the path of its file."""

    _path = FilePath(suffixes=(".yaml", ".yml"))

    def read(self, node: Node) -> Policy:
        return read_policy(self._path.read(node))

    def schema(self) -> Schema:
        return self._path.schema()


def _variant(**values: Any) -> VariantSpec:
    try:
        check_precision_name(values["precision"])
    except CatalogueError as error:
        raise Misfit("precision", str(error)) from None
    try:
        parameters = complete(values["method"], values.get("parameters", {}))
    except CatalogueError as error:
        raise Misfit("parameters", str(error)) from None
    return VariantSpec(**{**values, "parameters": parameters})


class _CalibrationData:
    """``dataset``, ``random``, or a path as datasets have one."""

    _path = DatasetName()
    _words = ("dataset", "random")

    def read(self, node: Node) -> str | Path:
        found = self._path.read(node)
        if isinstance(found, str) and found not in self._words:
            hint = suggestion(found, self._words)
            raise node.error(f"{hint} (data of your own are an .npz, or a folder with a slash)")
        return found

    def schema(self) -> Schema:
        return self._path.schema()


_CALIBRATION = Record(
    Calibration,
    {
        "data": Key(_CalibrationData(), "dataset, random, or your own .npz or folder", True),
        "samples": Key(Integer(1, 10_000), "how many inputs", required=True),
        "seed": Key(SEED, "start of the random numbers", required=True),
    },
)

VARIANT = Record(
    _variant,
    {
        "precision": Key(WORD, "what the file must prove to be, such as int8", required=True),
        "method": Key(Choice(tuple(METHODS)), "how it is made", required=True),
        "source": Key(WORD, "the variant it is made from"),
        "parameters": Key(PARAMETERS, "settings of the method, such as granularity: tensor"),
        "policy": Key(_PolicyFile(), "which layer gets which method, for the method mixed"),
        "calibration": Key(_CALIBRATION, "what activation ranges are measured on"),
        "teacher": Key(NUMBERS, "the builder's numbers for the larger network to learn from"),
    },
)


def check_variant(family: Family, name: str, node: Node) -> None:
    """Raise :class:`ScenarioError` for keys that do not fit the method or the family."""
    spec, keys = family.variants[name], entries(node)
    _check_teacher(family, spec, node)
    _check_policy(spec, node)
    if spec.method in FLOAT_METHODS:
        _refuse(("source", "calibration"), spec.method, keys)
        return
    if spec.source is None:
        raise node.error(f"the method {spec.method} needs the key 'source'")
    _check_source(family, spec, keys["source"])
    if not is_calibrated(spec):
        _refuse(("calibration",), spec.method, keys)
    elif spec.calibration is None:
        raise node.error(f"the method {spec.method} needs the key 'calibration'")
    elif spec.calibration.data == "dataset" and family.dataset is None:
        raise keys["calibration"].error("this family has no dataset; write data: random")


def is_calibrated(spec: VariantSpec) -> bool:
    """Whether a variant's method measures activation ranges."""
    return spec.policy.calibrated() if spec.policy else METHODS[spec.method].calibrated


def _refuse(names: tuple[str, ...], method: str, keys: dict[str, Node]) -> None:
    for key in names:
        if key in keys:
            raise keys[key].error(f"the method {method} takes no {key}; remove it")


def _check_source(family: Family, spec: VariantSpec, node: Node) -> None:
    allowed = FLOAT_METHODS if spec.method == PRUNE else NETWORK_METHODS
    plain = [key for key, other in family.variants.items() if other.method in allowed]
    if spec.source not in plain:
        hint = suggestion(str(spec.source), plain) if plain else "add one with method: construct"
        raise node.error(f"{spec.source!r} is no float variant of this family; {hint}")


def _check_policy(spec: VariantSpec, node: Node) -> None:
    if spec.method == MIXED and spec.policy is None:
        raise node.error("the key 'policy' is missing: the file that names each layer's method")
    if spec.method != MIXED and spec.policy is not None:
        raise entries(node)["policy"].error(f"only the method {MIXED} has one; remove it")


def _check_teacher(family: Family, spec: VariantSpec, node: Node) -> None:
    """``distil`` needs a teacher that its builder knows, other methods have none."""
    builder = BUILDERS[family.builder]
    if spec.method != DISTIL:
        if spec.teacher is not None:
            raise entries(node)["teacher"].error(f"only the method {DISTIL} has one; remove it")
        return
    if not builder.teachable:
        raise node.error(f"the builder {family.builder} cannot learn from a teacher")
    if spec.teacher is None:
        raise node.error("the key 'teacher' is missing: the builder's numbers for the larger one")
    for key in spec.teacher:
        if key not in builder.parameters:
            raise entries(entries(node)["teacher"])[key].error(
                f"unknown parameter of {family.builder}; {suggestion(key, builder.parameters)}"
            )
