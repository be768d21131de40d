"""What a value of a scenario file may be: a kind reads a node and describes itself as schema.

``read`` returns the meaning of a node or raises the ScenarioError that says what would be right.
``schema`` returns the JSON schema of what ``read`` accepts, as far as JSON schema can say it.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.scenario_file.nodes import Node, shortened

Schema = dict[str, Any]
T_co = TypeVar("T_co", covariant=True)


_CORES = re.compile(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*")
_SPAN = re.compile(r"([0-9]+)-([0-9]+)")

#: How many names a message lists: more would bury what is wrong.
_LISTED = 24


class Kind(Protocol[T_co]):
    """One kind of value."""

    def read(self, node: Node) -> T_co:
        """The meaning of ``node``."""

    def schema(self) -> Schema:
        """The JSON schema of what :meth:`read` accepts."""


def suggestion(name: str, known: Collection[str]) -> str:
    """``did you mean 'threads'?``, or the known names where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    some = list(known)[:_LISTED]
    return "use one of " + ", ".join(some) + (", ..." if len(known) > len(some) else "")


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is not empty; a number must be quoted to be text."""

    limit: int = 500

    def read(self, node: Node) -> str:
        """The text."""
        if not isinstance(node.value, str):
            hint = "; put it in quotes" if isinstance(node.value, int | float) else ""
            raise node.error(f"expected text, got {node.described()}{hint}")
        if not node.value.strip():
            raise node.error("the text is empty; write something or remove the key")
        if len(node.value) > self.limit:
            raise node.error(f"is {len(node.value)} characters long, {self.limit} are allowed")
        return node.value

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", "minLength": 1, "maxLength": self.limit}


@dataclass(frozen=True, slots=True)
class Word:
    """Text, or a number or truth value taken as it is written (``os: 17.10`` stays ``17.10``)."""

    def read(self, node: Node) -> str:
        """The word as written."""
        if isinstance(node.value, bool):
            return str(node.value).lower()
        if isinstance(node.value, int | float):
            if node.raw != str(node.value):
                node.value = node.raw  # the stored document keeps the word, not the rounded number
            return node.raw
        return Text().read(node)

    def schema(self) -> Schema:
        """A scalar."""
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, node: Node) -> bool:
        """The truth value."""
        if not isinstance(node.value, bool):
            raise node.error(f"expected true or false, got {node.described()}")
        return node.value

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from ``least`` to ``most``."""

    least: int
    most: int

    def read(self, node: Node) -> int:
        """The number."""
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise node.error(f"expected a whole number, got {node.described()}")
        if not self.least <= node.value <= self.most:
            raise node.error(f"is {node.value}; allowed is {self.least} to {self.most}")
        return node.value

    def schema(self) -> Schema:
        """A bounded integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Number:
    """A number from ``least`` to ``most``; ``above`` excludes ``least`` itself."""

    least: float
    most: float
    above: bool = False

    def read(self, node: Node) -> float:
        """The number as a float."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise node.error(f"expected a number, got {node.described()}")
        value = float(node.value)
        low_enough = math.isfinite(value) and value <= self.most
        if not low_enough or value < self.least or (self.above and value == self.least):
            start = f"above {self.least:g}, at most" if self.above else f"{self.least:g} to"
            raise node.error(f"is {node.value:g}; allowed is {start} {self.most:g}")
        return value

    def schema(self) -> Schema:
        """A bounded number."""
        low = "exclusiveMinimum" if self.above else "minimum"
        return {"type": "number", low: self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Percent:
    """A share between 0 and 1, exclusive: ``2%`` or ``0.02``."""

    def read(self, node: Node) -> float:
        """The share as a fraction."""
        value = node.value
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                value = float(value.strip()[:-1]) / 100
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise node.error(f"expected a percentage such as 2%, got {node.described()}")
        if not 0 < value < 1:
            raise node.error(f"is {node.value}; write a percentage above 0% and below 100%")
        return float(value)

    def schema(self) -> Schema:
        """A percentage as text, or a fraction."""
        text = {"type": "string", "pattern": r"^\s*[0-9.eE+-]+%\s*$"}
        return {"anyOf": [text, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}]}


@dataclass(frozen=True, slots=True)
class Cores:
    """Processor cores as Linux lists them: ``0``, ``0-3`` or ``0,2-3``."""

    def read(self, node: Node) -> str:
        """The list as text."""
        text = Word().read(node)
        if not _CORES.fullmatch(text) or any(
            int(first) > int(last) for first, last in _SPAN.findall(text)
        ):
            raise node.error(f"{shortened(text)} is no list of cores; write 0, 0-3 or '0,2-3'")
        return text

    def schema(self) -> Schema:
        """One core, or a list in a string."""
        pattern = f"^{_CORES.pattern}$"
        return {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": pattern}]
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some names; those of ``not_yet`` are understood and refused."""

    names: tuple[str, ...]
    not_yet: tuple[str, ...] = ()

    def read(self, node: Node) -> str:
        """The name."""
        if not isinstance(node.value, str):
            raise node.error(f"use one of {', '.join(self.names)}; got {node.described()}")
        name = Text().read(node)
        if name in self.not_yet:
            raise node.error(f"{name!r} is not available yet; use {' or '.join(self.names)}")
        if name not in self.names:
            raise node.error(f"unknown {shortened(name)!r}; {suggestion(name, self.names)}")
        return name

    def schema(self) -> Schema:
        """An enumeration."""
        return {"enum": list(self.names)}


@dataclass(frozen=True, slots=True)
class FilePath:
    """A file or folder, relative to the file that names it; made absolute in the document."""

    folder: bool = False
    suffixes: tuple[str, ...] = ()

    def read(self, node: Node) -> Path:
        """The absolute path; the file is there unless the origin says not to look."""
        name = Text(limit=4096).read(node)
        path = Path(os.path.abspath(node.origin.folder / name))  # noqa: PTH100 - no symlinks resolved
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            raise node.error(f"{name!r} is not a {' or '.join(self.suffixes)} file")
        there = os.path.isdir if self.folder else os.path.isfile  # these two never raise
        if node.origin.check_files and not there(path):
            what = "folder" if self.folder else "file"
            raise node.error(f"there is no {what} {name!r} in {node.origin.folder}")
        node.value = str(path)  # the stored document must not depend on where it was written
        return path

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class NotYet:
    """A key that is planned but does nothing yet: refused, never ignored."""

    def read(self, node: Node) -> None:
        """Always an error."""
        name = node.key.rpartition(".")[2]
        raise node.error(f"{name} is not available yet; remove it")

    def schema(self) -> Schema:
        """Nothing is valid."""
        return {"not": {}}
