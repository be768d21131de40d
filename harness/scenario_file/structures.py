"""Lists, mappings and choices between mappings, made of the kinds of :mod:`.kinds`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from harness.scenario_file.kinds import Choice, Kind, Schema, suggestion
from harness.scenario_file.nodes import Node

T = TypeVar("T")


class Misfit(Exception):
    """Values that are right one by one do not go together; ``key`` is the one to change."""

    def __init__(self, key: str, problem: str) -> None:
        self.key, self.problem = key, problem
        super().__init__(problem)


def entries(node: Node) -> dict[str, Node]:
    """The children of a mapping by name."""
    if not isinstance(node.value, dict):
        raise node.error(f"expected a mapping (key: value), got {node.described()}")
    return node.value


@dataclass(frozen=True, slots=True)
class Many(Generic[T]):
    """A list; a single item may stand for a list of one unless ``strict``."""

    item: Kind[T]
    strict: bool = False
    least: int = 1

    def read(self, node: Node) -> tuple[T, ...]:
        """The items in order."""
        if not isinstance(node.value, list):
            if self.strict:
                raise node.error(f"expected a list, got {node.described()}")
            return (self.item.read(node),)
        if len(node.value) < self.least:
            raise node.error("the list is empty; give at least one item")
        return tuple(self.item.read(item) for item in node.value)

    def schema(self) -> Schema:
        """A list, or an item."""
        item = self.item.schema()
        array: Schema = {"type": "array", "items": item, "minItems": self.least}
        return array if self.strict else {"anyOf": [item, array]}


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """A mapping from names of the user's own to one kind of value."""

    value: Kind[T]

    def read(self, node: Node) -> dict[str, T]:
        """The values by name."""
        return {name: self.value.read(child) for name, child in entries(node).items()}

    def schema(self) -> Schema:
        """An object with free keys."""
        return {"type": "object", "additionalProperties": self.value.schema(), "minProperties": 1}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record: what it holds, and a sentence for people and editors."""

    kind: Kind[Any]
    help: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """A mapping with known keys, handed to ``build`` as keyword arguments.

    Keys that are left out are not passed, so that the defaults are those of ``build``. A single
    value that is no mapping stands for the key ``shorthand`` where there is one.
    """

    build: Callable[..., T]
    keys: Mapping[str, Key]
    shorthand: str | None = None
    extra: Schema = field(default_factory=dict)  #: what else the JSON schema can say

    def read(self, node: Node) -> T:
        """What ``build`` makes of the values."""
        if self.shorthand is not None and not isinstance(node.value, dict):
            return self._built(node, {self.shorthand: self.keys[self.shorthand].kind.read(node)})
        children = entries(node)
        for name, child in children.items():
            if name not in self.keys:
                raise child.error(f"unknown key; {suggestion(name, self.keys)}")
        missing = next((k for k, v in self.keys.items() if v.required and k not in children), None)
        if missing is not None:
            raise node.error(f"the key {missing!r} is missing: {self.keys[missing].help}")
        return self._built(
            node, {name: self.keys[name].kind.read(child) for name, child in children.items()}
        )

    def _built(self, node: Node, values: dict[str, Any]) -> T:
        try:
            return self.build(**values)
        except Misfit as misfit:
            place = node.value.get(misfit.key, node) if isinstance(node.value, dict) else node
            raise place.error(misfit.problem) from None

    def schema(self) -> Schema:
        """An object, or the shorthand."""
        made: Schema = {
            "type": "object",
            "properties": {
                name: {**key.kind.schema(), "description": key.help}
                for name, key in self.keys.items()
            },
            "additionalProperties": False,
            **self.extra,
        }
        required = [name for name, key in self.keys.items() if key.required]
        if required:
            made["required"] = required
        if self.shorthand is None:
            return made
        return {"anyOf": [self.keys[self.shorthand].kind.schema(), made]}


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """A kind that the JSON schema defines once, under ``$defs``, and refers to by name."""

    name: str
    kind: Kind[T]

    def read(self, node: Node) -> T:
        """What the kind reads."""
        return self.kind.read(node)

    def schema(self) -> Schema:
        """A reference."""
        return {"$ref": f"#/$defs/{self.name}"}


@dataclass(frozen=True, slots=True)
class Tagged(Generic[T]):
    """One of several records, named by its key ``kind``; the bare name stands for its defaults."""

    cases: Mapping[str, Record[T]]
    not_yet: tuple[str, ...] = ()

    def read(self, node: Node) -> T:
        """What the record of that kind makes of the other keys."""
        names = Choice(tuple(self.cases), self.not_yet)
        if isinstance(node.value, str):
            return self.cases[names.read(node)].read(replace(node, value={}))
        children = dict(entries(node))
        kind = children.pop("kind", None)
        if kind is None:
            raise node.error(f"the key 'kind' is missing: one of {', '.join(self.cases)}")
        return self.cases[names.read(kind)].read(replace(node, value=children))

    def schema(self) -> Schema:
        """The names, or one of the objects."""
        made: list[Schema] = [{"enum": list(self.cases)}]
        for name, record in self.cases.items():
            one = record.schema()
            one["properties"] = {"kind": {"const": name}, **one["properties"]}
            one["required"] = ["kind", *one.get("required", [])]
            made.append(one)
        return {"anyOf": made}


@dataclass(frozen=True, slots=True)
class ByKey(Generic[T]):
    """One of several records, told apart by the key that only it has."""

    cases: Mapping[str, Record[T]]

    def read(self, node: Node) -> T:
        """What the record with the telling key makes of the mapping."""
        children = entries(node)
        told = [key for key in self.cases if key in children]
        if len(told) > 1:
            raise children[told[1]].error(f"goes not together with {told[0]!r}; keep one of them")
        if not told:
            given = next(iter(children), "")
            hint = suggestion(given, self.cases) if given else ""
            raise node.error(f"needs one of the keys {', '.join(self.cases)}; {hint}".rstrip("; "))
        return self.cases[told[0]].read(node)

    def schema(self) -> Schema:
        """One of the objects."""
        return {"anyOf": [record.schema() for record in self.cases.values()]}
