"""Text that a phone provides: it may be anything, and none of it may reach a terminal as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_MOST_UPTIME_S = 1e9
_SEPARATED = re.compile(r"[^A-Za-z0-9]+")


@dataclass(slots=True)
class Found:
    """Values by name, and the reasons for those that are missing."""

    values: dict[str, float] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


def printable(text: str, limit: int = 120) -> str:
    """One line without control characters and terminal sequences, at most ``limit`` long."""
    visible = "".join(c if c.isprintable() else " " for c in _ESCAPE.sub("", text))
    return " ".join(visible.split())[:limit]


def channel_part(name: str) -> str:
    """A sensor's name as a part of a channel name: ``mb-therm-monitor`` is ``mb_therm_monitor``."""
    return _SEPARATED.sub("_", name).strip("_").lower()[:40]


def number(text: str) -> float | None:
    """A finite decimal number, None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def uptime_s(text: str) -> float | None:
    """Seconds since a phone's start, None for what no phone has been up (30 years and more)."""
    value = number(text)
    return value if value is not None and 0 <= value < _MOST_UPTIME_S else None


def integer(text: str) -> int | None:
    """A whole number of at most 19 digits, None for anything else."""
    stripped = text.strip()
    if re.fullmatch(r"[+-]?[0-9]{1,19}", stripped) is None:
        return None
    return int(stripped)
