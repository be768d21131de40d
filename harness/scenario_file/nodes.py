"""YAML text as a tree of nodes that know their file, line and dotted key.

The scalars follow the YAML 1.2 core rules (``yes`` and ``on`` are text, not truth), because a
scenario must not change its meaning by a word that somebody forgot to quote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.errors import ScenarioError

#: The limits of one document. A generous scenario has a few thousand nodes; what is larger was not
#: written by a person, and what only grows by its aliases is an attack or an accident.
MAX_BYTES = 1024 * 1024
MAX_NODES = 100_000
MAX_DEPTH = 32
MAX_KEY = 200

Scalar = str | int | float | bool | None

_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document comes from: its name in messages and the folder of its relative paths.

    ``check_files`` is False for the text kept with a run: the model cache holds the bytes, so that
    the files themselves may have moved on.
    """

    name: str
    folder: Path
    check_files: bool = True


@dataclass(slots=True)
class Node:
    """One value of the document. ``line`` is that of its key where it has one, 0 for ``--set``."""

    value: Scalar | dict[str, Node] | list[Node]
    origin: Origin
    line: int
    key: str = ""
    raw: str = field(default="", compare=False)  #: a scalar as it was written

    def error(self, problem: str) -> ScenarioError:
        """A complaint about this place, to be raised."""
        return ScenarioError(self.origin.name, self.line, self.key, printable(problem))

    def plain(self) -> Any:
        """The value as plain Python data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def described(self) -> str:
        """What is there, for messages: ``a list``, ``the number 3``, ``the text 'three'``."""
        match self.value:
            case dict():
                return "a mapping"
            case list():
                return "a list"
            case None:
                return "nothing"
            case bool():
                return "true" if self.value else "false"
            case str():
                return f"the text {shortened(self.value)!r}"
            case number:
                return f"the number {number}"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core rules only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own shape


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes exactly what :class:`_Loader` would take for something else."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def ignore_aliases(self, data: object) -> bool:
        return True


for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)
    _Dumper.add_implicit_resolver(_TAG + _name, _pattern, _first)


def shortened(text: str, limit: int = 60) -> str:
    """``text`` cut for a message."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def printable(text: str) -> str:
    """``text`` in one line that a terminal can show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def child_key(parent: str, key: str | int) -> str:
    """The dotted key of a child: ``loads[0].min_seconds``."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else key


def read_file(path: Path, named: ScenarioError | None = None) -> str:
    """The text of a file; ``named`` is raised instead when the file is named by another one."""

    def complain(problem: str) -> ScenarioError:
        return ScenarioError(path, 0, "", problem)

    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if named is not None:
            raise named from None
        reason = getattr(error, "strerror", None) or str(error)
        raise complain(f"cannot be read ({reason}); give the path of a YAML file") from None
    if len(data) > MAX_BYTES:
        raise complain(f"is larger than {MAX_BYTES // 1024} KiB; a scenario file is far smaller")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = "is not UTF-8 text; a scenario is a YAML file"
        raise ScenarioError(path, line, "", problem) from None


def parse(text: str, origin: Origin, line: int | None = None, key: str = "") -> Node:
    """The tree of a YAML text; ``line`` and ``key`` are its place when it is not a whole file."""
    return _Composer(origin, line).node(_composed(text, origin, line, key), key, 0)


def dump(plain: object) -> str:
    """Plain data as YAML that :func:`parse` reads back to equal data."""
    text: str = yaml.dump(
        plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100, indent=2
    )
    return text


def _composed(text: str, origin: Origin, line: int | None, key: str) -> yaml.Node:
    def complain(at: int, problem: str) -> ScenarioError:
        return ScenarioError(origin.name, at if line is None else line, key, printable(problem))

    if len(text) > MAX_BYTES:
        raise complain(0, f"is longer than {MAX_BYTES} characters; a scenario is far smaller")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise complain(mark.line + 1 if mark else 0, _yaml_problem(error)) from None
    except yaml.reader.ReaderError as error:
        at = text.count("\n", 0, error.position) + 1
        raise complain(at, "holds a character that is not text; save it as UTF-8") from None
    except RecursionError:
        raise complain(0, f"is nested deeper than {MAX_DEPTH} levels") from None
    except (ValueError, OverflowError):  # PyYAML lets these out of "\UFFFFFFFF" and "%YAML 9..9"
        raise complain(0, "holds an escape or a directive that means nothing; remove it") from None
    if root is None:
        raise complain(0, "is empty; a scenario has at least schema, models and blocks")
    return root


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join((error.problem or "cannot be understood").split())
    if "'\\t'" in problem:
        return "a tab where YAML wants spaces; indent with spaces"
    context = f" {' '.join(error.context.split())}" if error.context else ""
    return f"not valid YAML: {problem}{context}"


class _Composer:
    """Turns PyYAML's node graph into our tree, within the limits."""

    def __init__(self, origin: Origin, line: int | None) -> None:
        self._origin, self._line, self._count = origin, line, 0

    def node(self, source: yaml.Node, key: str, depth: int, line: int | None = None) -> Node:
        made = Node(None, self._origin, self._line_of(source, line), key)
        self._count += 1
        if self._count > MAX_NODES:
            raise made.error(f"more than {MAX_NODES} values once aliases are expanded; remove some")
        if depth > MAX_DEPTH:
            raise made.error(f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(source, yaml.MappingNode) and source.tag == _TAG + "map":
            made.value = dict(self._entries(source, made, depth))
        elif isinstance(source, yaml.SequenceNode) and source.tag == _TAG + "seq":
            made.value = [
                self.node(item, child_key(key, index), depth + 1)
                for index, item in enumerate(source.value)
            ]
        elif isinstance(source, yaml.ScalarNode):
            made.raw = _joined(source.value)
            made.value = _scalar(made, source.tag)
        else:
            raise made.error(
                f"the YAML tag {shortened(str(source.tag))!r} is not used in scenarios"
            )
        return made

    def _entries(
        self, source: yaml.MappingNode, parent: Node, depth: int
    ) -> Iterator[tuple[str, Node]]:
        lines: dict[str, int] = {}
        for key_node, value_node in source.value:
            line = self._line_of(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or not key_node.value:
                place = Node(None, self._origin, line, parent.key)
                raise place.error("a key must be a name, not a list, a mapping or nothing")
            name = _joined(key_node.value)
            place = Node(
                None, self._origin, line, child_key(parent.key, printable(shortened(name)))
            )
            if not name.isprintable() or len(name) > MAX_KEY:
                raise place.error(f"a key is one line of at most {MAX_KEY} printable characters")
            if name in lines:
                raise place.error(f"is given twice, first in line {lines[name]}; keep one")
            lines[name] = line
            yield name, self.node(value_node, child_key(parent.key, name), depth + 1, line)

    def _line_of(self, source: yaml.Node, line: int | None = None) -> int:
        if self._line is not None:
            return self._line
        return line if line is not None else source.start_mark.line + 1


def _joined(text: str) -> str:
    """``text`` with surrogate pairs as one character, as JSON writes them in escapes."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass")
    try:
        return joined.decode("utf-16-le")
    except UnicodeDecodeError:
        return text  # a lone one: refused as text that no file can hold


def _scalar(place: Node, tag: str) -> Scalar:
    text = place.raw
    _check_text(text, place)
    kind = str(tag).removeprefix(_TAG)
    if kind == "str":
        return text
    for name, pattern, _ in _CORE:
        if kind == name and pattern.match(text):
            converted: Scalar = _CONVERT[kind](text)
            return converted
    raise place.error(f"{shortened(text)!r} cannot be read as {shortened(kind)!r}; remove the tag")


_CONVERT: Mapping[str, Any] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
}


def _check_text(text: str, place: Node) -> None:
    """Refuse control characters and lone surrogates: names go to terminals, files and pages."""
    for char in text:
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cs"):
            raise place.error(f"holds the control character U+{ord(char):04X}; remove it")
