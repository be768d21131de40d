"""The witness of the runner's log: what engine and delegate wrote while the model was loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.record import PlacementVerdict, Witness
from harness.validity.placement.assignment import counted
from harness.validity.placement.onnxruntime_log import onnxruntime_statements
from harness.validity.placement.statement import Statement
from harness.validity.placement.tflite_log import tflite_statements

#: The most sceptical statement is believed: a graph may be planned for a delegate that then fails.
_ORDER = (
    PlacementVerdict.FELL_BACK,
    PlacementVerdict.PARTIAL,
    PlacementVerdict.FULL,
    PlacementVerdict.UNPROVEN,
)
#: No statement needs more of a line; a log without line ends must not cost time.
_LONGEST_LINE = 2000


def log_witness(delegate: str, log: str) -> Witness | None:
    """What the log says of the delegate asked for, None where it says nothing. Never raises."""
    lines = [line[:_LONGEST_LINE] for line in log.splitlines()]
    said = [item for item in _statements(lines) if item.delegate in ("", delegate)]
    strong = [item for item in said if not item.weak]
    if not said:
        return None
    decisive = min(_summed(strong or said), key=_scepticism)
    partitions = decisive.partitions
    if partitions is None and decisive.says is not PlacementVerdict.FELL_BACK:
        partitions = next((item.partitions for item in strong if item.partitions), None)
    return Witness(
        "log",
        decisive.says,
        decisive.seen,
        decisive.nodes,
        decisive.total,
        partitions,
    )


def _scepticism(statement: Statement) -> tuple[int, bool]:
    """Sorts the least claim first, and among equals the one that counts nodes."""
    return _ORDER.index(statement.says), statement.total is None


def _statements(lines: list[str]) -> Iterator[Statement]:
    yield from tflite_statements(lines)
    yield from onnxruntime_statements(lines)


def _summed(statements: Sequence[Statement]) -> list[Statement]:
    """Statements that count nodes of several subgraphs made one; the last one on each counts."""
    by_graph = {(item.delegate, item.graph): item for item in statements if item.graph}
    if len(by_graph) < 2:
        return list(statements)
    parts = list(by_graph.values())
    nodes, total, partitions = (
        sum(getattr(item, name) or 0 for item in parts) for name in ("nodes", "total", "partitions")
    )
    whole = Statement(
        parts[0].delegate, counted(nodes, total), parts[0].seen, nodes, total, partitions or None
    )
    return [whole, *(item for item in statements if not item.graph)]
