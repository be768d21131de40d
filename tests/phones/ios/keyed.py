"""NSKeyedArchiver for plain values: what developer services pack their arguments and results in.

An archive is a binary plist with a flat table of objects that point at each other by number. This
is written here, not taken from the library that clients use, so that faults do not cancel out.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass, field
from plistlib import UID
from typing import Any

_BASES = {
    "NSArray": ["NSArray", "NSObject"],
    "NSDictionary": ["NSDictionary", "NSObject"],
    "NSError": ["NSError", "NSObject"],
}
_LISTS = frozenset({"NSArray", "NSMutableArray", "NSSet", "NSMutableSet"})
_DICTS = frozenset({"NSDictionary", "NSMutableDictionary"})


@dataclass(frozen=True)
class Instance:
    """An object of a class that is none of the plain ones."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)


def error(domain: str, code: int, text: str) -> Instance:
    """An NSError."""
    about = {"NSLocalizedDescription": text}
    return Instance("NSError", {"NSCode": code, "NSDomain": domain, "NSUserInfo": about})


def archive(value: Any) -> bytes:
    """The archive of a value of plain types and instances."""
    table = _Table()
    top = table.add(value)
    content = {
        "$archiver": "NSKeyedArchiver",
        "$version": 100000,
        "$top": {"root": top},
        "$objects": table.objects,
    }
    return plistlib.dumps(content, fmt=plistlib.FMT_BINARY)


class _Table:
    def __init__(self) -> None:
        self.objects: list[Any] = ["$null"]
        self._classes: dict[str, UID] = {}

    def add(self, value: Any) -> UID:
        match value:
            case None:
                return UID(0)
            case bool() | int() | float() | str() | bytes():
                return self._append(value)
            case list() | tuple():
                uid = self._append(None)
                items = [self.add(item) for item in value]
                return self._fill(uid, "NSArray", {"NS.objects": items})
            case dict():
                uid = self._append(None)
                keys = [self.add(key) for key in value]
                items = [self.add(item) for item in value.values()]
                return self._fill(uid, "NSDictionary", {"NS.keys": keys, "NS.objects": items})
            case Instance():
                uid = self._append(None)
                fields = {
                    name: item if isinstance(item, int) else self.add(item)
                    for name, item in value.fields.items()
                }
                return self._fill(uid, value.name, fields)
        raise TypeError(f"cannot archive {type(value).__name__}")

    def _append(self, value: Any) -> UID:
        self.objects.append(value)
        return UID(len(self.objects) - 1)

    def _fill(self, uid: UID, name: str, fields: dict[str, Any]) -> UID:
        if name not in self._classes:
            about = {"$classname": name, "$classes": _BASES.get(name, [name, "NSObject"])}
            self._classes[name] = self._append(about)
        self.objects[uid.data] = fields | {"$class": self._classes[name]}
        return uid


def unarchive(data: bytes) -> Any:
    """The value of an archive; raises ValueError for anything else."""
    try:
        content = plistlib.loads(data)
        return _resolve(content["$objects"], content["$top"]["root"], 0)
    except (plistlib.InvalidFileException, KeyError, TypeError, IndexError) as fault:
        raise ValueError(f"no keyed archive: {fault}") from fault


def _resolve(objects: list[Any], item: Any, depth: int) -> Any:
    if depth > 64:
        raise ValueError("nested too deeply")
    if not isinstance(item, UID):
        return item
    value = objects[item.data]
    if value == "$null":
        return None
    if not isinstance(value, dict) or "$class" not in value:
        return value
    name = objects[value["$class"].data]["$classname"]
    return _instance(objects, name, value, depth + 1)


def _instance(objects: list[Any], name: str, value: dict[str, Any], depth: int) -> Any:
    if name in _LISTS:
        return [_resolve(objects, item, depth) for item in value["NS.objects"]]
    if name in _DICTS:
        keys = [_resolve(objects, key, depth) for key in value["NS.keys"]]
        items = [_resolve(objects, item, depth) for item in value["NS.objects"]]
        return dict(zip(keys, items, strict=True))
    if name == "NSNull":
        return None
    for plain in ("NS.string", "NS.data", "NS.time"):
        if plain in value:
            return _resolve(objects, value[plain], depth)
    fields = {key: item for key, item in value.items() if key != "$class"}
    return Instance(name, {key: _resolve(objects, item, depth) for key, item in fields.items()})
