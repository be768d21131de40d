"""Policy files: which layer of a model gets which method, in YAML that people read and edit.

::

    schema: 1
    default: int8-static            # a method, or {method: ..., parameters: {...}}
    keep: [first, "op:Softmax"]     # stay float: first, last, a type of operator, a name pattern
    layers:                         # the first rule that matches a layer counts; keep wins over all
      - {match: "block1*", method: int4-weights, parameters: {block_size: 64}}

A pattern is a shell pattern over the layers' names (``benchfarm models layers FILE`` lists them).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.methods import (
    KEEP,
    LAYER_METHODS,
    METHODS,
    Parameters,
    check_parameters,
    complete,
)
from harness.scenario_file.kinds import Choice, Integer, Schema, Text
from harness.scenario_file.nodes import Node, Origin, dump, parse, read_file
from harness.scenario_file.structures import Key, Many, Misfit, Record, entries
from harness.variant import ModelFormat

_SCHEMA_VERSION = 1
_PATTERN = Text(limit=300)


@dataclass(frozen=True, slots=True)
class Setting:
    """A method with every parameter; ``keep`` has none."""

    method: str
    parameters: Parameters

    def to_json(self) -> dict[str, Any]:
        """Plain data for a recipe."""
        return {"method": self.method, "parameters": self.parameters}


@dataclass(frozen=True, slots=True)
class Rule:
    """The setting of all layers that a pattern matches."""

    match: str
    setting: Setting


@dataclass(frozen=True, slots=True)
class Policy:
    """What each layer of a model gets; see the module's text."""

    default: Setting
    keep: tuple[str, ...] = ()
    layers: tuple[Rule, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for a recipe."""
        return {
            "default": self.default.to_json(),
            "keep": list(self.keep),
            "layers": [{"match": rule.match, **rule.setting.to_json()} for rule in self.layers],
        }

    def to_yaml(self) -> str:
        """A policy file; parameters at their defaults are left out."""
        plain: dict[str, Any] = {"schema": _SCHEMA_VERSION, "default": _short(self.default)}
        if self.keep:
            plain["keep"] = list(self.keep)
        if self.layers:
            plain["layers"] = [
                {"match": rule.match, **_mapping(rule.setting)} for rule in self.layers
            ]
        return dump(plain)

    def calibrated(self) -> bool:
        """Whether any layer needs activation ranges."""
        settings = (self.default, *(rule.setting for rule in self.layers))
        return any(s.method != KEEP and METHODS[s.method].calibrated for s in settings)

    def check(self, fmt: ModelFormat) -> None:
        """Raise :class:`CatalogueError` for a method that a format does not have."""
        for setting in (self.default, *(rule.setting for rule in self.layers)):
            if setting.method != KEEP:
                check_parameters(setting.method, setting.parameters, fmt)


def read_policy(path: Path) -> Policy:
    """The policy of a file; :class:`ScenarioError` with file, line and key of a mistake."""
    return parse_policy(read_file(path), Origin(str(path), path.parent))


def parse_policy(text: str, origin: Origin) -> Policy:
    """The policy of a YAML text."""
    values = _POLICY.read(parse(text, origin))
    values.pop("schema")
    return Policy(**values)


def setting_of(method: str, parameters: dict[str, Any] | None = None) -> Setting:
    """A setting; Misfit for parameters that the method does not have."""
    if method == KEEP:
        if parameters:
            raise Misfit("parameters", f"{KEEP} has no parameters; remove them")
        return Setting(KEEP, {})
    try:
        return Setting(method, complete(method, parameters or {}))
    except CatalogueError as error:
        raise Misfit("parameters", str(error)) from None


class _Parameters:
    """A mapping of names to plain values; the method checks them."""

    def read(self, node: Node) -> dict[str, Any]:
        return {name: child.plain() for name, child in entries(node).items()}

    def schema(self) -> Schema:
        return {"type": "object"}


PARAMETERS = _Parameters()
_METHOD = Choice((KEEP, *LAYER_METHODS))
_SETTING_KEYS = {
    "method": Key(_METHOD, "how these layers are quantized, or keep", required=True),
    "parameters": Key(PARAMETERS, "settings of the method"),
}
_SETTING = Record(setting_of, _SETTING_KEYS, shorthand="method")


def _rule(match: str, method: str, parameters: dict[str, Any] | None = None) -> Rule:
    return Rule(match, setting_of(method, parameters))


_RULE = Record(_rule, {"match": Key(_PATTERN, "which layers", required=True), **_SETTING_KEYS})
_POLICY: Record[dict[str, Any]] = Record(
    dict,
    {
        "schema": Key(Integer(1, _SCHEMA_VERSION), f"write schema: {_SCHEMA_VERSION}", True),
        "default": Key(_SETTING, "what every other layer gets", required=True),
        "keep": Key(Many(_PATTERN), "layers that stay float"),
        "layers": Key(Many(_RULE, strict=True), "layers that differ, the first match counts"),
    },
)


def _short(setting: Setting) -> Any:
    plain = _mapping(setting)
    return plain if "parameters" in plain else setting.method


def _mapping(setting: Setting) -> dict[str, Any]:
    known = METHODS[setting.method].parameters if setting.method != KEEP else {}
    special = {
        key: value for key, value in setting.parameters.items() if value != known[key].default
    }
    return {"method": setting.method, **({"parameters": special} if special else {})}
