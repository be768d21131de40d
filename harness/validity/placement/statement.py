"""One thing that a log says about the placement of a graph."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.record import PlacementVerdict

#: More of a line is not kept as what was seen.
_SHOWN = 160

#: Parts of the names that engines give to delegates, and what scenarios call them. The first fits.
_NAMES = (
    ("default tensorflow lite", "xnnpack"),
    ("xnnpack", "xnnpack"),
    ("nnapi", "nnapi"),
    ("coreml", "coreml"),
    ("qnn", "qnn"),
    ("hexagon", "hexagon"),
    ("dispatch", "npu"),
    ("npu", "npu"),
    ("gpu", "gpu"),
    ("litert_cl", "gpu"),
    ("metal", "gpu"),
    ("cpu", "cpu"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """``delegate`` is empty where the line does not name one: it then means the one asked for.

    ``graph`` tells subgraphs apart whose counts add up. A ``weak`` statement only counts where
    nothing stronger was said: engines also print it when all is well.
    """

    delegate: str
    says: PlacementVerdict
    seen: str
    nodes: int | None = None
    total: int | None = None
    partitions: int | None = None
    graph: str = ""
    weak: bool = False


def delegate_named(text: str) -> str:
    """What scenarios call the delegate that an engine names, empty for one that is not known."""
    lowered = text.lower()
    return next((name for part, name in _NAMES if part in lowered), "")


def shown(match: re.Match[str]) -> str:
    """A line from the match on, as it can stand in a record: short, no control characters."""
    line = match.string[match.start() :]
    text = " ".join("".join(c if c.isprintable() else " " for c in line).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
