"""The keys ``arms`` and ``finish_by``: two sides of a comparison, and when a night is over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.scenario import Arm, ArmName, Arms
from harness.scenario_file.engines import (
    AFFINITY,
    ALL_POWER_MODES,
    ENGINES,
    OPTIONS,
    POWER_MODE,
)
from harness.scenario_file.kinds import Choice, Cores, FilePath, Flag, Schema, Text
from harness.scenario_file.models import option_kind
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Key, Record, Table

_MODEL_SUFFIXES = (".tflite", ".onnx")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class _ArmModels:
    """One file for the scenario's only model, or files by patterns of what they stand for."""

    def read(self, node: Node) -> dict[str, Path]:
        """Files by pattern."""
        file = FilePath(suffixes=_MODEL_SUFFIXES)
        return Table(file).read(node) if isinstance(node.value, dict) else {"*": file.read(node)}

    def schema(self) -> Schema:
        """A path, or paths by pattern."""
        file = FilePath(suffixes=_MODEL_SUFFIXES)
        return {"anyOf": [file.schema(), Table(file).schema()]}


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """``06:30`` on this host's clock, or an ISO 8601 time with its day."""

    def read(self, node: Node) -> str:
        """The time as written."""
        text = Text(limit=40).read(node).strip()
        if not _TIME_OF_DAY.fullmatch(text):
            try:
                datetime.fromisoformat(text)
            except ValueError:
                raise node.error(
                    f"{text!r} is no time; write '06:30' or 2026-11-22T06:30"
                ) from None
            if "T" not in text and " " not in text:
                raise node.error(f"{text!r} has no time of day; write {text}T06:30")
        return text

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", "minLength": 5, "maxLength": 40}


def _arm(**values: Any) -> Arm:
    values["models"] = values.pop("model", {})
    return Arm(**values)


_ARM = Record(
    _arm,
    {
        "model": Key(
            _ArmModels(),
            "the file of this arm: a path, or paths by the model they replace (with *)",
        ),
        "options": Key(
            Record(
                dict,
                {
                    **{
                        name: Key(option_kind(values), f"engine option {name}")
                        for name, values in OPTIONS.items()
                    },
                    AFFINITY: Key(Cores(), "processor cores the runner is held to"),
                    POWER_MODE: Key(Choice(ALL_POWER_MODES), "power mode of a phone's delegate"),
                },
            ),
            "engine options of this arm, laid over those of the block",
        ),
        "python": Key(FilePath(), "another local interpreter, with the engine builds of this arm"),
        "builds": Key(
            Record(
                dict, {name: Key(Text(), f"what {name} must be") for name in (*ENGINES, "android")}
            ),
            "engine builds this arm is pinned to; `benchfarm plan --json` tells what there is",
        ),
        "runner": Key(
            FilePath(folder=True), "another build of the Android runner: a folder of runners.json"
        ),
    },
)


def _arms(reference: Arm | None = None, candidate: Arm | None = None, equal: bool = False) -> Arms:
    return Arms(reference or Arm(), candidate or Arm(), equal)


ARMS = Record(
    _arms,
    {
        "reference": Key(_ARM, "the side that is known"),
        "candidate": Key(_ARM, "the side that is asked about"),
        "equal": Key(Flag(), "the arms may be the same (A/A trials, which find no difference)"),
    },
)

ARM_NAMES: tuple[ArmName, ...] = ("reference", "candidate")
