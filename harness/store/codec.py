"""Dataclasses to JSON and back, driven by their type annotations.

Supported annotations: ``str``, ``int``, ``float``, ``bool``, ``None``, ``object`` (any JSON),
``StrEnum``, ``Literal``, ``tuple[X, ...]``, ``dict[str, X]``, unions of scalars, ``X | None``,
dataclasses, and unions of dataclasses told apart by their ``kind`` field. A field with a default
may be absent; an unknown key, a missing key and a wrong type are errors that name their place.
"""

from __future__ import annotations

import json
import numbers
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

from harness.errors import StoreError

T = TypeVar("T")
Decoder = Callable[[Any], Any]


class _Wrong(Exception):
    """A value does not fit; ``place`` grows from the inside out while it travels up."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.place: list[str] = []

    def __str__(self) -> str:
        place = ".".join(reversed(self.place))
        return f"{place}: {self.problem}" if place else self.problem


# --- writing ------------------------------------------------------------------------------------


def to_json(value: object) -> Any:
    """``value`` as plain dicts, lists and scalars; StoreError for what JSON has no form for."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_json(getattr(value, name)) for name in _field_names(type(value))}
    return _number(value)


def _number(value: object) -> int | float:
    """A foreign number, as numpy's, as Python's own."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise StoreError(f"a {type(value).__name__} cannot be stored as JSON")


def dump(document: Any, indent: int | None = None) -> bytes:
    """JSON text in UTF-8. Floats are written as the shortest text that reads back the same.

    NaN and infinities are refused with a StoreError: a number that was not measured is left out.
    """
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=indent)
    except ValueError as error:
        raise StoreError(f"a number that is not finite cannot be stored: {error}") from error
    return (text + "\n").encode("utf-8", "backslashreplace")


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind))


# --- reading ------------------------------------------------------------------------------------


def from_json(kind: type[T], document: Any) -> T:
    """The dataclass of type ``kind`` that ``document`` describes; StoreError where it does not."""
    try:
        decoded: T = _decoder(cast("Any", kind))(document)
    except _Wrong as wrong:
        raise StoreError(str(wrong)) from None
    return decoded


@cache
def _decoder(kind: Any) -> Decoder:
    """How to read one annotation; built once per annotation."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum(kind)
    if is_dataclass(kind):
        return _dataclass(cast("type", kind))
    return _generic(get_origin(kind), get_args(kind))


def _generic(origin: Any, arguments: tuple[Any, ...]) -> Decoder:
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _literal(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _tuple(arguments[0])
    if origin is dict and arguments[0] is str:
        return _dict(arguments[1])
    raise TypeError(f"records cannot hold {origin} of {arguments}")


def _anything(value: Any) -> Any:
    return value


def _float(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise _Wrong(f"should be a number, not {_shown(value)}")
    return float(value)


def _scalar(kind: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise _Wrong(f"should be {_named(kind)}, not {_shown(value)}")
        return value

    return decode


#: ``object`` fields hold the evidence of engines as it came: any JSON.
_SCALARS: dict[Any, Decoder] = {
    object: _anything,
    float: _float,
    **{kind: _scalar(kind) for kind in (str, int, bool)},
}


def _enum(kind: type[StrEnum]) -> Decoder:
    members = {member.value: member for member in kind}

    def decode(value: Any) -> StrEnum:
        try:
            return members[value]
        except (KeyError, TypeError):
            raise _Wrong(f"should be one of {', '.join(members)}, not {_shown(value)}") from None

    return decode


def _literal(allowed: tuple[Any, ...]) -> Decoder:
    def decode(value: Any) -> Any:
        if value not in allowed:
            raise _Wrong(f"should be one of {', '.join(map(str, allowed))}, not {_shown(value)}")
        return value

    return decode


def _tuple(item_kind: Any) -> Decoder:
    item = _decoder(item_kind)

    def decode(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _Wrong(f"should be a list, not {_shown(value)}")
        return tuple(_inside(str(index), item, element) for index, element in enumerate(value))

    return decode


def _dict(item_kind: Any) -> Decoder:
    item = _decoder(item_kind)

    def decode(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _Wrong(f"should be an object, not {_shown(value)}")
        return {key: _inside(key, item, element) for key, element in value.items()}

    return decode


def _union(members: tuple[Any, ...]) -> Decoder:
    """``X | None``, a union of scalars, or a union of dataclasses with a ``kind``."""
    rest = tuple(member for member in members if member is not type(None))
    optional = len(rest) < len(members)
    if len(rest) == 1:
        present = _decoder(rest[0])
    elif all(is_dataclass(member) for member in rest):
        present = _by_kind(rest)
    else:
        present = _one_of(rest)

    def decode(value: Any) -> Any:
        return None if optional and value is None else present(value)

    return decode


def _one_of(scalars: tuple[type, ...]) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) in scalars:
            return value
        if float in scalars and type(value) is int:
            return float(value)
        raise _Wrong(f"should be {' or '.join(map(_named, scalars))}, not {_shown(value)}")

    return decode


def _by_kind(kinds: tuple[Any, ...]) -> Decoder:
    decoders: dict[str, Decoder] = {
        str(item.default): _decoder(kind)
        for kind in kinds
        for item in fields(kind)
        if item.name == "kind"
    }

    def decode(value: Any) -> Any:
        kind = value.get("kind") if type(value) is dict else None
        if kind not in decoders:
            raise _Wrong(f"kind should be one of {', '.join(decoders)}, not {_shown(kind)}")
        return decoders[kind](value)

    return decode


def _dataclass(kind: type) -> Decoder:
    hints = typing.get_type_hints(kind)
    decoders = {item.name: _decoder(hints[item.name]) for item in fields(kind)}
    required = {item.name for item in fields(kind) if not _has_default(item)}

    def decode(value: Any) -> Any:
        if type(value) is not dict:
            raise _Wrong(f"should be an object, not {_shown(value)}")
        if unknown := value.keys() - decoders.keys():
            raise _Wrong(f"unknown key {min(unknown)!r}")
        if missing := required - value.keys():
            raise _Wrong(f"{min(missing)!r} is missing")
        return kind(**{key: _inside(key, decoders[key], element) for key, element in value.items()})

    return decode


def _has_default(item: Field[Any]) -> bool:
    return item.default is not MISSING or item.default_factory is not MISSING


def _inside(place: str, decode: Decoder, value: Any) -> Any:
    try:
        return decode(value)
    except _Wrong as wrong:
        wrong.place.append(place)
        raise


def _named(kind: type) -> str:
    return {str: "text", int: "an integer", bool: "true or false", float: "a number"}[kind]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."
