"""What TFLite, LiteRT and their delegates write about the placement of a graph.

The texts are those of the engines' own sources (``core/subgraph.cc``, the delegates, and
``tools/benchmark``), in the wordings of several years, on stderr and in Android's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.record import PlacementVerdict
from harness.validity.placement.assignment import counted
from harness.validity.placement.statement import Statement, delegate_named, shown

_NUMBER = r"([0-9]{1,9})"
_APPLIED = re.compile(
    r"Explicitly applied (\S{1,40}) delegate, and the model graph will be "
    rf"(completely|partially) executed by the delegate(?: w/ {_NUMBER} delegate kernels)?"
)
_REPLACED = re.compile(
    rf"Replacing {_NUMBER}(?: out of {_NUMBER})? node\(s\) with delegate \(([^)]{{0,80}})\)"
    rf"(?: node)?(?:, yielding {_NUMBER} partitions)?(?: for ([^.]{{1,40}}))?"
)
_SPLIT = re.compile(rf"{_NUMBER} operations will run on the GPU, and the remaining {_NUMBER}")
#: Lines that mean one thing: of the delegate that is given here, or that ``(...)`` names.
_PLAIN: tuple[tuple[re.Pattern[str], PlacementVerdict, str | None], ...] = tuple(
    (re.compile(pattern), says, delegate)
    for pattern, says, delegate in (
        (r"Though (\S{1,40}) delegate is explicitly applied", PlacementVerdict.FELL_BACK, None),
        (r"Failed to apply (.{0,40}?)delegate", PlacementVerdict.FELL_BACK, None),
        (r"Node number [0-9]{1,9} \((TfLite\w{1,40})\) failed", PlacementVerdict.FELL_BACK, None),
        (r"Created 0 GPU delegate kernels", PlacementVerdict.FELL_BACK, "gpu"),
        (r"TFLite returned failure nnapi_delegate", PlacementVerdict.FELL_BACK, "nnapi"),
        (r"NN API returned error ANEURALNETWORKS_", PlacementVerdict.FELL_BACK, "nnapi"),
        (r"NNAPI accelerators available: \[nnapi-ref", PlacementVerdict.FELL_BACK, "nnapi"),
        (r"currently not delegated to NNAPI", PlacementVerdict.PARTIAL, "nnapi"),
        (r"original execution plan after delegate", PlacementVerdict.FELL_BACK, ""),
        (r"but the graph is not fully delegated", PlacementVerdict.PARTIAL, ""),
        (r"Fully accelerated: False", PlacementVerdict.PARTIAL, ""),
        (r"Fully accelerated: True", PlacementVerdict.FULL, ""),
    )
)
#: Printed for accelerators that nobody asked for, and at times although it then works.
_NOT_LOADED = re.compile(r"(\w{3}) accelerator could not be loaded and registered")


def tflite_statements(lines: list[str]) -> Iterator[Statement]:
    """Every statement in a log, in order."""
    for line in lines:
        if match := _APPLIED.search(line):
            yield _applied(match)
        elif match := _REPLACED.search(line):
            yield _replaced(match)
        elif match := _SPLIT.search(line):
            nodes, total = int(match[1]), int(match[1]) + int(match[2])
            yield Statement("gpu", counted(nodes, total), shown(match), nodes, total)
        elif match := _NOT_LOADED.search(line):
            named = delegate_named(match[1])
            yield Statement(named, PlacementVerdict.FELL_BACK, shown(match), weak=True)
        else:
            yield from _plain(line)


def _applied(match: re.Match[str]) -> Statement:
    whole = match[2] == "completely"
    says = PlacementVerdict.FULL if whole else PlacementVerdict.PARTIAL
    partitions = int(match[3]) if match[3] else None
    return Statement(delegate_named(match[1]), says, shown(match), partitions=partitions)


def _replaced(match: re.Match[str]) -> Statement:
    nodes, delegate = int(match[1]), delegate_named(match[3])
    partitions, seen = int(match[4] or 0) or None, shown(match)
    if match[2] is None and nodes:  # an old wording, without the size of the graph
        return Statement(
            delegate, PlacementVerdict.UNPROVEN, seen, partitions=partitions, weak=True
        )
    total = int(match[2] or 0)
    says = counted(nodes, total) if nodes else PlacementVerdict.FELL_BACK
    return Statement(delegate, says, seen, nodes, total, partitions, graph=match[5] or "")


def _plain(line: str) -> Iterator[Statement]:
    for pattern, says, delegate in _PLAIN:
        if match := pattern.search(line):
            named = delegate_named(match[1]) if delegate is None else delegate
            yield Statement(named, says, shown(match))
            return
