"""The report's tables as data: which columns, which rows, what each entry says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from harness.findings import Severity
from harness.metrics import METRICS
from reports import labels
from reports.accuracy import (
    ACCURACY_METRICS,
    COMPARISONS,
    accuracy_cells,
    accuracy_note,
    comparison_text,
    shown_comparisons,
)
from reports.marks import marks_for, model_marks
from reports.model import CellView, FindingView, ReportModel
from reports.quantities import NOT_MEASURED, heading, interval_text, scale, value_text
from reports.summary import varying

#: Columns of the main table; the rest is in each cell's details.
MAIN_METRICS = (
    "latency_p50_ns",
    "latency_p90_ns",
    "latency_p99_ns",
    "late_p50_ns",
    "stability_percent",
    "throttle_onset_ns",
    "throughput_per_s",
    "cold_start_ns",
    "dropped_percent",
    "first_ns",
    "load_ns",
    "cpu_per_inference_ns",
    "rss_peak_bytes",
    "energy_net_j",
    "energy_gross_j",
    "power_mean_w",
    "size_bytes",
)
MEMORY_METRICS = ("rss_steady_bytes", "pss_steady_bytes", "rss_peak_bytes", "size_bytes")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``metric`` is empty for text columns."""

    key: str
    heading: str
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in a table. ``sort`` is None for text and for what was not measured."""

    text: str
    interval: str = ""
    sort: float | None = None
    marks: tuple[FindingView, ...] = ()
    why: str = ""  #: more about it: why there is no number, what became of the trials

    @property
    def mark_text(self) -> str:
        """``a,c``: the marks in one string."""
        return ",".join(view.mark for view in self.marks)


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the matrix."""

    cell: CellView
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of cells. ``constant`` says what all rows have in common."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    constant: str = ""
    common: tuple[FindingView, ...] = ()  #: notes on every row, said once
    note: str = ""  #: what its intervals are, where they are not over trials

    @property
    def marked(self) -> bool:
        """Whether any entry carries a mark."""
        return any(entry.marks for row in self.rows for entry in row.entries)

    @property
    def gaps(self) -> bool:
        """Whether anything was not measured."""
        return any(entry.text == NOT_MEASURED for row in self.rows for entry in row.entries)

    def pairs(self, row: Row) -> list[tuple[Column, Entry]]:
        """Each column with the row's entry."""
        return list(zip(self.columns, row.entries, strict=True))


def cell_tables(model: ReportModel) -> tuple[Table, ...]:
    """One table for the timed cells and one for each other pass, where there are such cells."""
    timed = tuple(cell for cell in model.cells if cell.purpose == "timing")
    memory = tuple(cell for cell in model.cells if cell.purpose == "memory")
    accuracy = accuracy_cells(model)
    compared = shown_comparisons(accuracy, model)
    tables = (
        _table("Results", timed, MAIN_METRICS, model),
        _table("Memory pass", memory, MEMORY_METRICS, model),
        _table("Accuracy", accuracy, ("size_bytes", *ACCURACY_METRICS), model, compared),
    )
    return tuple(table for table in tables if table.rows)


def _table(
    name: str,
    cells: tuple[CellView, ...],
    metrics: Iterable[str],
    model: ReportModel,
    further: Mapping[str, str] = MappingProxyType({}),
) -> Table:
    differing = varying(cells) | {"model"}
    facets = [
        Column(key, title)
        for key, title in labels.FACETS.items()
        if key in differing and key != "engine_version"
    ]
    numbers = [
        Column(metric, heading(metric), metric)
        for metric in metrics
        if any(metric in cell.estimates for cell in cells)
    ]
    common = tuple(
        view for view in model.findings if view.everywhere and view.severity is Severity.NOTE
    )
    columns = (
        *facets,
        Column("trials", "Trials"),
        *numbers,
        *(Column(key, title) for key, title in further.items()),
    )
    rows = tuple(
        Row(cell, tuple(_entry(cell, column, model, common) for column in columns))
        for cell in cells
    )
    unsaid = differing | {"run"}
    constant = labels.cell_text(cells[0].facets, unsaid) if cells else ""
    table = Table(name, columns, rows, constant, common)
    return replace(table, note=accuracy_note(cells)) if name == "Accuracy" else table


def _entry(
    cell: CellView, column: Column, model: ReportModel, common: tuple[FindingView, ...]
) -> Entry:
    if column.metric:
        return number(cell, column.metric, model, common)
    if column.key in COMPARISONS:
        return Entry(comparison_text(cell, column.key, model))
    if column.key == "trials":
        counts = cell.counts
        return Entry(f"{counts.ok}/{counts.planned}", sort=float(counts.ok), why=counts.text)
    text = labels.engine_text(cell.facets) if column.key == "engine" else cell.facets[column.key]
    if column.key == "model":
        marks = tuple(v for v in model_marks(cell, model.findings) if v not in common)
        return Entry(f"{text} (SIMULATED)" if cell.simulated else text, marks=marks)
    return Entry(text, sort=float(text) if text.isdecimal() else None)


def number(
    cell: CellView, metric: str, model: ReportModel, left_out: tuple[FindingView, ...] = ()
) -> Entry:
    """A cell's estimate of a metric with its marks, or the mark for what was not measured."""
    estimate = cell.estimates.get(metric)
    if estimate is None:
        return Entry(NOT_MEASURED, why=_why_not(cell))
    return Entry(
        text=value_text(metric, estimate.value),
        interval=interval_text(metric, estimate),
        sort=estimate.value / scale(metric).divisor,
        marks=tuple(v for v in marks_for(cell, metric, model.findings) if v not in left_out),
    )


def _why_not(cell: CellView) -> str:
    return "not measured" if cell.counts.ok else f"not measured: {cell.counts.text}"


def detail_metrics(cell: CellView) -> tuple[str, ...]:
    """Every metric the cell has, in the fixed order."""
    known = [metric for metric in METRICS if metric in cell.estimates]
    return (*known, *(metric for metric in cell.estimates if metric not in METRICS))
