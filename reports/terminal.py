"""The result of a run as a small table for the terminal; whoever has one prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.findings import Severity
from harness.metrics import METRICS
from harness.text import one_line
from harness.validity.accuracy import AccuracyLoss
from reports import labels
from reports.accuracy import (
    ACCURACY_METRICS,
    accuracy_cells,
    accuracy_note,
    comparison_text,
    shown_comparisons,
)
from reports.model import CellView, ReportModel, SkipView
from reports.operators import operator_views
from reports.quantities import NOT_MEASURED, heading, interval_text, scale, value_text
from reports.soak import soak_views
from reports.summary import summarise, varying

#: What fits beside each other in a terminal; the report has the rest. Throughput only says more
#: than latency where it is what the load is about.
_METRICS = (
    "latency_p50_ns",
    "latency_p90_ns",
    "throughput_per_s",
    "cold_start_ns",
    "rss_steady_bytes",
    "pss_steady_bytes",
    "rss_peak_bytes",
    "energy_net_j",
    "energy_gross_j",
)
#: More reasons why cells were left out would push the table off the screen.
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class TextTable:
    """Plain cells of text; ``notes`` are lines that belong below the table."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def accuracy_table(model: ReportModel) -> TextTable | None:
    """One row a cell of the accuracy pass; None where there is none."""
    cells = accuracy_cells(model)
    if not cells:
        return None
    compared = shown_comparisons(cells, model)
    named = varying(cells) | {"model", "engine"}
    facets = [name for name in labels.FACETS if name in named and name != "engine_version"]
    shown = ("size_bytes", *ACCURACY_METRICS)
    metrics = [name for name in shown if any(name in cell.estimates for cell in cells)]
    headers = (
        *(labels.FACETS[name] for name in facets),
        *(heading(metric) for metric in metrics),
        *compared.values(),
    )
    rows = tuple(
        (
            *(_facet(cell, name) for name in facets),
            *(_number(cell, metric) for metric in metrics),
            *(comparison_text(cell, key, model) for key in compared),
        )
        for cell in cells
    )
    return TextTable(headers, rows, (accuracy_note(cells),))


def terminal_table(model: ReportModel) -> TextTable:
    """One row a cell: its name, how many trials it rests on, its main numbers, its doubts.

    Cells of the accuracy pass have :func:`accuracy_table`, profiles :func:`operator_tables`.
    """
    cells = tuple(cell for cell in model.cells if cell.purpose not in ("accuracy", "profile"))
    named = varying(cells) | {"model", "engine"}
    facets = [name for name in labels.FACETS if name in named and name != "engine_version"]
    metrics = [name for name in _METRICS if any(_shows(cell, name) for cell in cells)]
    headers = (
        *(labels.FACETS[name] for name in facets),
        "Trials",
        *(heading(metric) for metric in metrics),
        "Doubts",
    )
    rows = tuple(
        (
            *(_facet(cell, name) for name in facets),
            cell.counts.text,
            *(_number(cell, metric) for metric in metrics),
            " ".join(item.id for item in cell.findings if item.severity is not Severity.NOTE),
        )
        for cell in cells
    )
    return TextTable(headers, rows, _notes(model, cells, named))


def soak_tables(model: ReportModel) -> list[TextTable]:
    """Who is still ahead at the end of a sustained load, and long ones by windows."""
    return [
        TextTable(view.table.headers, view.table.rows, (f"{view.title}: {view.table.note}",))
        for view in soak_views(model)
    ]


def operator_tables(model: ReportModel) -> list[TextTable]:
    """For each profiled cell its types of operators; the reports have the nodes as well."""
    return [
        TextTable(view.types.headers, view.types.rows, (f"{view.title}: {view.types.note}",))
        for view in operator_views(model)
    ]


def json_rows(model: ReportModel) -> list[dict[str, object]]:
    """One object a cell for programs; durations in ms and sizes in MiB, as the names say."""
    return [_json_row(cell) for cell in model.cells]


def _json_row(cell: CellView) -> dict[str, object]:
    row: dict[str, object] = dict(cell.facets)
    row["purpose"] = cell.purpose
    row["trials"] = cell.counts.ok
    if cell.loss is not None:
        row["against"] = _against(cell.loss)
    for metric, estimate in cell.estimates.items():
        if metric not in METRICS:
            continue
        shown = scale(metric)
        name = _shown_name(metric)
        row[name] = estimate.value / shown.divisor
        if estimate.low is not None and estimate.high is not None:
            row[f"{name}_interval"] = [estimate.low / shown.divisor, estimate.high / shown.divisor]
    row["findings"] = [item.id for item in cell.findings]
    return row


def _against(loss: AccuracyLoss) -> dict[str, object]:
    """The comparison with the float32 variant; shares from 0 to 1."""
    paired, share, kept = loss.paired, loss.agreement, loss.retention
    return {
        "reference": loss.reference,
        "agreement": share.value,
        "agreement_interval": [share.low, share.high],
        "retention": kept.value if kept else None,
        "retention_interval": [kept.low, kept.high] if kept else None,
        "lost": paired.lost if paired else None,
        "gained": paired.gained if paired else None,
        "p_value": paired.p_value if paired else None,
        "verdict": loss.verdict or None,
    }


def _shown_name(metric: str) -> str:
    """The metric's name with the unit it is shown in."""
    if metric.startswith("accuracy_") and scale(metric).unit:
        return f"{metric}_percent"
    for stored in ("_ns", "_bytes", "_j"):
        if metric.endswith(stored):
            return f"{metric.removesuffix(stored)}_{scale(metric).unit.lower()}"
    return metric


def _shows(cell: CellView, metric: str) -> bool:
    wanted = metric != "throughput_per_s" or cell.primary == metric
    return wanted and metric in cell.estimates


def _facet(cell: CellView, name: str) -> str:
    text = labels.engine_text(cell.facets) if name == "engine" else cell.facets[name]
    return f"{text} (SIMULATED)" if name == "model" and cell.simulated else text


def _number(cell: CellView, metric: str) -> str:
    estimate = cell.estimates.get(metric)
    if estimate is None:
        return NOT_MEASURED
    return f"{value_text(metric, estimate.value)} {interval_text(metric, estimate)}".rstrip()


def _notes(
    model: ReportModel, cells: tuple[CellView, ...], named: frozenset[str]
) -> tuple[str, ...]:
    summary = summarise(model)
    same = labels.cell_text(cells[0].facets, named | {"run"}) if cells else ""
    notes = [
        summary.simulated,
        f"All rows: {same}." if same else "",
        *summary.results,
        summary.certainty,
        *_not_measured(model),
    ]
    return tuple(one_line(note) for note in notes if note)


def _not_measured(model: ReportModel) -> Iterator[str]:
    """What was left out, a line for each reason; the reports name every cell."""
    by_reason: dict[str, list[SkipView]] = {}
    for skip in model.skips:
        by_reason.setdefault(skip.reason, []).append(skip)
    for reason, skips in tuple(by_reason.items())[:_MOST_REASONS]:
        others = f" and {len(skips) - 1} more" if len(skips) > 1 else ""
        yield f"Not measured: {skips[0].what} on {skips[0].device_id}{others}: {reason}."
    if len(by_reason) > _MOST_REASONS:
        yield "What else was not measured is in the report."
