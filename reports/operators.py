"""The profile pass as tables: time per type of operator and per node, with where each ran."""

from __future__ import annotations

from dataclasses import dataclass

from harness.stats.operators import Profile, by_type
from harness.text import one_line
from harness.units import NS_PER_MS, significant
from reports import labels
from reports.model import CellView, ReportModel
from reports.summary import varying

NOTE = (
    "Taken with the engine's profiler on, which slows the model down: where time goes, not how "
    "fast the model is."
)
#: Nodes shown one by one, the most expensive first; the stored profile has all of them.
MOST_NODES = 30
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class OperatorTable:
    """Plain text; the columns from ``numbers`` on are figures."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class OperatorView:
    """One profiled cell."""

    title: str
    cell: CellView
    types: OperatorTable
    nodes: OperatorTable


def operator_views(model: ReportModel) -> tuple[OperatorView, ...]:
    """Every cell of the report that has a profile."""
    profiled = [cell for cell in model.cells if cell.profile is not None]
    unsaid = frozenset(labels.FACETS) - varying(tuple(profiled)) - {"model", "engine"}
    return tuple(
        OperatorView(
            labels.cell_text(cell.facets, unsaid | {"load"}),
            cell,
            types_table(cell.profile),
            nodes_table(cell.profile),
        )
        for cell in profiled
        if cell.profile is not None
    )


def types_table(profile: Profile) -> OperatorTable:
    """One row for each type of operator on each processor."""
    rows = [
        (
            one_line(item.op_type),
            one_line(item.processor),
            str(item.nodes),
            *_time(item.total_ns, profile),
        )
        for item in by_type(profile)
    ]
    gap_ns = profile.whole_ns - sum(node.total_ns for node in profile.nodes)
    if gap_ns > 0:
        rows.append(("between operators", "", "", *_time(gap_ns, profile)))
    headers = ("Operator", "Processor", "Nodes", "ms per inference", "Share")
    return OperatorTable(headers, tuple(rows), 2, f"{profile.runs} inferences. {NOTE}")


def nodes_table(profile: Profile, most: int = MOST_NODES) -> OperatorTable:
    """The most expensive nodes, one by one."""
    ordered = sorted(profile.nodes, key=lambda node: (-node.total_ns, node.index))
    rows = tuple(
        (
            str(node.index),
            one_line(node.name),
            one_line(node.op_type),
            one_line(node.processor),
            *_time(node.total_ns, profile),
        )
        for node in ordered[:most]
    )
    left = len(ordered) - len(rows)
    note = f"{left} more nodes are in the stored profile." if left > 0 else ""
    headers = ("Place", "Node", "Operator", "Processor", "ms per inference", "Share")
    return OperatorTable(headers, rows, 4, note)


def _time(total_ns: int, profile: Profile) -> tuple[str, str]:
    """Milliseconds per inference, and the share of the whole."""
    whole_ns = max(profile.whole_ns, sum(node.total_ns for node in profile.nodes))
    share = f"{100 * total_ns / whole_ns:.1f} %" if whole_ns else ""
    return significant(total_ns / profile.runs / NS_PER_MS, _DIGITS), share
