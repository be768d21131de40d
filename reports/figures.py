"""The page's charts with their captions: which cells share a chart, which axis they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.stats.interval import Estimate
from reports import labels
from reports.charts.axis import Axis, fit, from_zero
from reports.charts.ecdf import MOST_CURVES, ecdf_chart
from reports.charts.strips import bar, dots, ruler
from reports.compare import groups
from reports.model import CellView, ReportModel
from reports.quantities import NOT_MEASURED, estimate_text, heading, scale, value_text
from reports.summary import varying


@dataclass(frozen=True, slots=True)
class StripRow:
    """One cell's strip: a label, a drawing, a value in words."""

    anchor: str
    colour: int
    label: str
    svg: str
    value: str


@dataclass(frozen=True, slots=True)
class StripChart:
    """Rows over one axis."""

    title: str
    rows: tuple[StripRow, ...]
    ruler: str
    legend: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CurveChart:
    """One drawing with a legend of (colour, anchor, label)."""

    title: str
    svg: str
    legend: tuple[tuple[int, str, str], ...]


def colour(index: int) -> int:
    """Colours 1 to 8, by position in the group."""
    return index % MOST_CURVES + 1


def dot_charts(model: ReportModel) -> tuple[StripChart, ...]:
    """Per question: each cell's trials as dots, its estimate and interval; best first."""
    return tuple(_dot_chart(group, model) for group in groups(model.cells))


def _dot_chart(group: list[CellView], model: ReportModel) -> StripChart:
    metric = group[0].primary
    divisor = scale(metric).divisor
    scaled = {cell.anchor: _scaled(cell.estimates[metric], divisor) for cell in group}
    reach = [v for cell in group for v in _reach(scaled[cell.anchor], cell, metric, divisor)]
    axis = fit(reach)
    name = _namer(group)
    rows = tuple(
        StripRow(
            anchor=cell.anchor,
            colour=colour(index),
            label=name(cell),
            svg=dots(_dots(cell, metric, divisor), scaled[cell.anchor], axis),
            value=estimate_text(metric, cell.estimates[metric]),
        )
        for index, cell in enumerate(group)
    )
    return StripChart(_title(group[0], model), rows, ruler(axis, heading(metric)))


def _dots(cell: CellView, metric: str, divisor: float) -> list[tuple[str, float]]:
    return [
        (
            f"repeat {row.repeat + 1}: {value_text(metric, row.metrics[metric])}",
            row.metrics[metric] / divisor,
        )
        for row in cell.good_trials
        if metric in row.metrics
    ]


def _scaled(estimate: Estimate, divisor: float) -> Estimate:
    low = None if estimate.low is None else estimate.low / divisor
    high = None if estimate.high is None else estimate.high / divisor
    return Estimate(estimate.value / divisor, low, high, estimate.n)


def _reach(estimate: Estimate, cell: CellView, metric: str, divisor: float) -> Iterator[float]:
    """What the axis must hold: all trials, and the interval as far as it helps to read them."""
    values = [value / divisor for value in cell.metric_values(metric)]
    yield from values
    if estimate.low is not None and estimate.high is not None:
        # Three trials can have an interval several times their spread; past the
        # value's double or half it would only squeeze every other row.
        yield max(estimate.low, estimate.value / 2)
        yield min(estimate.high, estimate.value * 2)


def ecdf_charts(model: ReportModel) -> tuple[CurveChart, ...]:
    """Per question: latency distributions, at most eight cells to a chart."""
    charts: list[CurveChart] = []
    for group in groups(model.cells):
        drawn = [cell for cell in group if cell.quantiles is not None]
        name = _namer(group)
        for start in range(0, len(drawn), MOST_CURVES):
            chunk = drawn[start : start + MOST_CURVES]
            curves = [(name(c), c.quantiles) for c in chunk if c.quantiles is not None]
            legend = tuple((colour(i), c.anchor, name(c)) for i, c in enumerate(chunk))
            charts.append(CurveChart(_title(group[0], model), ecdf_chart(curves), legend))
    return tuple(charts)


def startup_charts(model: ReportModel) -> tuple[StripChart, ...]:
    """Per device: the phases from launch to first result as stacked bars."""
    timed = [cell for cell in model.cells if cell.purpose == "timing" and _startup_ms(cell)]
    by_device: dict[tuple[str, str], list[CellView]] = {}
    for cell in timed:
        by_device.setdefault((cell.run_id, cell.facets["device"]), []).append(cell)
    return tuple(_startup_chart(cells, model) for cells in by_device.values())


def _startup_chart(cells: list[CellView], model: ReportModel) -> StripChart:
    axis = from_zero([sum(_startup_ms(cell).values()) for cell in cells])
    name = _namer(cells)
    colours = {phase: index for index, phase in enumerate(labels.PHASES, start=1)}
    rows = tuple(_startup_row(cell, name(cell), colours, axis) for cell in cells)
    seen = {phase for cell in cells for phase in _startup_ms(cell)}
    legend = tuple((colours[p], title) for p, title in labels.PHASES.items() if p in seen)
    several = len({(c.run_id, c.facets["device"]) for c in model.cells}) > 1
    title = labels.cell_text(cells[0].facets, frozenset(labels.FACETS) - {"run", "device"})
    return StripChart(title if several else "", rows, ruler(axis, "time [ms]"), legend)


def _startup_row(cell: CellView, label: str, colours: dict[str, int], axis: Axis) -> StripRow:
    phases = _startup_ms(cell)
    segments = {
        labels.PHASES[phase]: (
            colours[phase],
            length,
            f"{labels.PHASES[phase]}: {value_text(phase, cell.phases[phase].value)} ms",
        )
        for phase, length in phases.items()
    }
    warmup = cell.phases.get("warmup_ns")
    after = value_text("warmup_ns", warmup.value) if warmup else NOT_MEASURED
    total = f"{sum(phases.values()):.4g} ms + {after}{' ms' if warmup else ''}"
    return StripRow(cell.anchor, 1, label, bar(segments, axis), total)


def _startup_ms(cell: CellView) -> dict[str, float]:
    return {p: cell.phases[p].value / 1e6 for p in labels.PHASES if p in cell.phases}


def _namer(cells: Iterable[CellView]) -> _Namer:
    return _Namer(varying(tuple(cells)) | {"model"})


@dataclass(frozen=True, slots=True)
class _Namer:
    """A cell's name among others: only what tells them apart, and whether it is simulated."""

    differing: frozenset[str]

    def __call__(self, cell: CellView) -> str:
        name = labels.cell_text(cell.facets, frozenset(labels.FACETS) - self.differing)
        return f"{name} (SIMULATED)" if cell.simulated else name


def _title(cell: CellView, model: ReportModel) -> str:
    """What the cells of a chart have in common and other charts have not."""
    timed = tuple(c for c in model.cells if c.purpose == "timing")
    differing = varying(timed) & {"run", "device", "load", "batch"}
    families = {c.group[2] for c in timed}
    parts = [cell.group[2]] if len(families) > 1 else []
    context = labels.cell_text(cell.facets, frozenset(labels.FACETS) - differing)
    return ", ".join([*parts, context] if context else parts)
