"""What ONNX Runtime and its execution providers write about the placement of a graph.

The texts are those of the engine's own sources (``session_state.cc``, each provider's
``GetCapability``, the Python package), on stderr and in Android's log.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from harness.record import PlacementVerdict
from harness.validity.placement.assignment import counted
from harness.validity.placement.statement import Statement, delegate_named, shown

_NUMBER = r"([0-9]{1,9})"
_CAPABILITY = re.compile(
    rf"number of partitions supported by (\w{{1,40}}):\s{{0,3}}{_NUMBER}\W{{1,3}}"
    rf"number of nodes in the graph:\s{{0,3}}{_NUMBER}\W{{1,3}}"
    rf"number of nodes supported by \w{{1,40}}:\s{{0,3}}{_NUMBER}"
)
_PLACED = re.compile(rf"odes?(?:\(s\))? placed on \[(\w{{1,60}})\]\. Number of nodes: {_NUMBER}")
_SUPPORTED = re.compile(r"(\w{1,40})_execution_provider\.cc.{0,60}Node supported: \[([01])\]")
_NOT_PREFERRED = re.compile(r"Some nodes were not assigned to the preferred execution providers")
#: Lines after which nothing ran on the provider that is named, or on the one asked for.
_FAILURES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(QNN) SetupBackend failed",
        r"Failed to create (\w{1,40})ExecutionProvider",
        r"(?:EP Error|Falling back to \[)().{0,400}(?:using|CPUExecutionProvider)",
        r"()Exception during initialization:",
        r"()\[ONNXRuntimeError\] : [0-9]{1,3} : \w{1,40} :",
    )
)


def onnxruntime_statements(lines: list[str]) -> Iterator[Statement]:
    """Every statement in a log; counts that repeat or belong together are made one."""
    yield from _capabilities(lines)
    yield from _placements(lines)
    yield from _support(lines)
    for line in lines:
        failure = next(filter(None, (pattern.search(line) for pattern in _FAILURES)), None)
        if failure:
            named = delegate_named(failure[1] or "")
            yield Statement(named, PlacementVerdict.FELL_BACK, shown(failure))
        elif match := _NOT_PREFERRED.search(line):
            yield Statement("", PlacementVerdict.PARTIAL, shown(match))


def _capabilities(lines: list[str]) -> Iterator[Statement]:
    """The last word on the largest graph: subgraphs and graphs before optimising are told too."""
    found: dict[str, Statement] = {}
    for line in lines:
        match = _CAPABILITY.search(line)
        if match:
            partitions, total, nodes = (int(match[group]) for group in (2, 3, 4))
            said = Statement(
                delegate_named(match[1]),
                counted(nodes, total),
                shown(match),
                nodes,
                total,
                partitions or None,
            )
            before = found.get(said.delegate)
            if before is None or total >= (before.total or 0):
                found[said.delegate] = said
    yield from found.values()


def _placements(lines: list[str]) -> Iterator[Statement]:
    """``Node placements`` of the verbose log: one line per provider that got nodes."""
    nodes: Counter[str] = Counter()
    for line in lines:
        match = _PLACED.search(line)
        if match:
            nodes[match[1]] += int(match[2])
    total = nodes.total()
    seen = ", ".join(f"{count} nodes placed on {name}" for name, count in nodes.items())
    for name, count in nodes.items():
        delegate = delegate_named(name)
        if delegate != "cpu":
            yield Statement(delegate, counted(count, total), seen, count, total)
    if set(nodes) == {"CPUExecutionProvider"}:
        yield Statement("", PlacementVerdict.FELL_BACK, seen, 0, total)


def _support(lines: list[str]) -> Iterator[Statement]:
    """Per-node lines of the verbose log. What is supported may still be placed elsewhere, so these

    can only show that something was left out.
    """
    by_provider: dict[str, list[bool]] = {}
    for line in lines:
        match = _SUPPORTED.search(line)
        if match:
            by_provider.setdefault(match[1], []).append(match[2] == "1")
    for provider, supported in by_provider.items():
        taken, total = sum(supported), len(supported)
        says = counted(taken, total)
        seen = f"{taken} of {total} nodes that the log lists are supported by {provider}"
        if says is PlacementVerdict.FULL:
            says = PlacementVerdict.UNPROVEN
        yield Statement(delegate_named(provider), says, seen, weak=True)
