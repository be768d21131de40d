"""What a real phone answered, replayed by a simulated one.

A recording is the JSON file of ``benchfarm devices capture``: ``commands`` with what each printed,
and ``probes``, the lines of the agent's survey of ``/sys``. Outputs are replayed to the letter and
files stand still; what can be changed (settings) begins as it was. The serial number stays the
simulated phone's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phones.android.answers import Answer

_VERSION = 1
_PROPERTY = re.compile(r"^\[(?P<name>[^\]]+)\]: \[(?P<value>.*)\]$", re.MULTILINE)
_OWN_PROPERTIES = ("ro.serialno", "ro.boot.serialno", "ro.benchfarm.simulated")
_PROC_FILES = {"cpuinfo": "cat /proc/cpuinfo", "meminfo": "cat /proc/meminfo"}
#: Commands of the framework whose words never change on a replayed phone.
_REPLAYED = ("dumpsys battery", "dumpsys thermalservice", "dumpsys display", "dumpsys android.")


class BadRecording(ValueError):
    """A file that is no recording of an Android phone."""


@dataclass(frozen=True)
class Node:
    """A file below ``/sys``: what it holds, or that it cannot be opened."""

    text: str
    denied: bool = False


@dataclass(frozen=True)
class Recording:
    """Everything that is replayed."""

    answers: Mapping[str, Answer]
    properties: Mapping[str, str]
    settings: Mapping[tuple[str, str], str | None]
    nodes: Mapping[str, Node]  #: by path below ``/sys``
    folders: Mapping[str, tuple[str, ...] | None]  #: what is listed there; None: nobody may
    load_denied: bool  #: nobody may read ``/proc/stat``
    proc: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read a recording; raises BadRecording."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["version"] != _VERSION:
                raise BadRecording(f"{path}: version {told['version']}, not {_VERSION}")
            commands: dict[str, dict[str, Any]] = told["commands"]
            answers = {name: _answer(said) for name, said in commands.items()}
            return cls(
                {name: said for name, said in answers.items() if name.startswith(_REPLAYED)},
                _properties(answers),
                _settings(answers),
                _nodes(told["probes"]),
                _folders(answers),
                any(line.startswith("stat|/proc/stat|!") for line in told["probes"]),
                {name: answers[ask].out for name, ask in _PROC_FILES.items() if ask in answers},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRecording(f"{path} is no recording of an Android phone: {error}") from error


def _answer(said: dict[str, Any]) -> Answer:
    return Answer(str(said["stdout"]), str(said["stderr"]), int(said["returncode"]))


def _properties(answers: Mapping[str, Answer]) -> dict[str, str]:
    text = answers["getprop"].out
    found = {match["name"]: match["value"] for match in _PROPERTY.finditer(text)}
    return {name: value for name, value in found.items() if name not in _OWN_PROPERTIES}


def _settings(answers: Mapping[str, Answer]) -> dict[tuple[str, str], str | None]:
    found: dict[tuple[str, str], str | None] = {}
    for command, answer in answers.items():
        match command.split():
            case ["settings", "get", space, key]:
                value = answer.out.strip()
                found[space, key] = None if value == "null" else value
    return found


def _folders(answers: Mapping[str, Answer]) -> dict[str, tuple[str, ...] | None]:
    found: dict[str, tuple[str, ...] | None] = {}
    for command, answer in answers.items():
        match command.split():
            case ["ls", path] if path.startswith("/sys/") and "No such file" not in answer.err:
                found[path[5:]] = tuple(answer.out.split()) if answer.code == 0 else None
    return found


def _nodes(lines: list[str]) -> dict[str, Node]:
    """Lines ``zone|PATH|TYPE|VALUE``, ``rail|PATH|LINE|`` and ``NAME|PATH|VALUE or !COMPLAINT``."""
    found: dict[str, Node] = {}
    for line in lines:
        match line.split("|"):
            case ["zone", path, kind, value] if path.startswith("/sys/"):
                found[path.removesuffix("temp")[5:] + "type"] = Node(kind)
                found[path[5:]] = Node(value, denied=not value)
            case ["rail", path, text, _] if path.startswith("/sys/"):
                before = found.get(path[5:])
                found[path[5:]] = Node(f"{before.text}\n{text}" if before else text)
            case [_, path, value] if path.startswith("/sys/"):
                found[path[5:]] = Node("" if value[:1] == "!" else value, value[:1] == "!")
    return found
