"""Accuracy against what it costs, and who is ahead at the start and at the end of a long run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.stats.interval import Estimate
from harness.units import NS_PER_MS
from reports.accuracy import accuracy_cells
from reports.compare import groups
from reports.model import CellView, ReportModel
from reports.pareto import Axis, Point, draw_pareto
from reports.plots.plot import MOST_LINES, Plot, name_of, said_of
from reports.plots.style import COLOURS, LINES, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACCURACY = "accuracy_top1"
#: What accuracy is drawn against: stored metric, axis, divisor into the axis' unit.
_COSTS = (
    ("latency", "latency_p50_ns", Axis("latency", "p50, ms"), float(NS_PER_MS)),
    ("energy", "energy_net_j", Axis("energy", "net per inference, mJ"), 1e-3),
)


def tradeoff_plots(model: ReportModel) -> Iterator[Plot]:
    """The figures of this module that the report has data for."""
    for name, metric, axis, divisor in _COSTS:
        yield from _pareto(model, name, metric, axis, divisor)
    for number, group in enumerate(groups(model.cells), start=1):
        yield from _ranks(group, number)


def _pareto(
    model: ReportModel, name: str, metric: str, axis: Axis, divisor: float
) -> Iterator[Plot]:
    pairs = list(_measured_twice(model, metric))
    if len(pairs) < 2:
        return
    among = [timed for timed, _ in pairs]
    points = [
        Point(
            name_of(timed, among),
            timed.facets["engine"],
            _scaled(timed.estimates[metric], divisor),
            _scaled(exam.estimates[_ACCURACY], 0.01),
        )
        for timed, exam in pairs
    ]
    rows = [
        {
            "cell": point.label,
            f"{axis.name}": point.cost.value,
            "low": point.cost.low,
            "high": point.cost.high,
            "accuracy_percent": point.accuracy_percent.value,
            "accuracy_low": point.accuracy_percent.low,
            "accuracy_high": point.accuracy_percent.high,
        }
        for point in points
    ]

    def draw(figure: Figure) -> None:
        draw_pareto(figure, points, axis)

    yield Plot(
        f"accuracy-{name}",
        f"Accuracy against {axis.name} with 95 % intervals: over trials for {axis.name}, "
        f"over samples for accuracy.{said_of(among)}",
        rows,
        draw,
        height=0.8,
        simulated=any(cell.simulated for cell in among),
    )


def _measured_twice(model: ReportModel, metric: str) -> Iterator[tuple[CellView, CellView]]:
    """Timed cells with the accuracy cell of the same file on the same engine and delegate."""
    exams = {_artefact(cell): cell for cell in accuracy_cells(model) if _ACCURACY in cell.estimates}
    for cell in model.cells:
        if cell.purpose == "timing" and metric in cell.estimates and _artefact(cell) in exams:
            yield cell, exams[_artefact(cell)]


def _artefact(cell: CellView) -> tuple[str, ...]:
    names = ("device", "engine", "delegate")
    return (cell.digest, *(cell.facets[name] for name in names))


def _ranks(group: Sequence[CellView], number: int) -> Iterator[Plot]:
    """Slopes from the first minute to the last five, on sustained loads."""
    cells = [c for c in group if "peak_p50_ns" in c.estimates and "late_p50_ns" in c.estimates]
    if len(cells) < 2:
        return
    ends = [
        (cell.estimates["peak_p50_ns"].value, cell.estimates["late_p50_ns"].value) for cell in cells
    ]
    first = _rank([peak for peak, _ in ends])
    last = _rank([late for _, late in ends])
    rows = [
        {
            "cell": name_of(cell, cells),
            "first_minute_ms": peak / NS_PER_MS,
            "last_five_minutes_ms": late / NS_PER_MS,
            "rank_first": first[index],
            "rank_last": last[index],
        }
        for index, (cell, (peak, late)) in enumerate(zip(cells, ends, strict=True))
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for index, cell in enumerate(cells[:MOST_LINES]):
            peak, late = (value / NS_PER_MS for value in ends[index])
            changed = first[index] != last[index]
            axes.plot(
                [0, 1],
                [peak, late],
                color=COLOURS[index],
                linestyle=LINES[index],
                marker=MARKERS[index],
                linewidth=2.2 if changed else 1.0,
                label=f"{name_of(cell, cells)} ({first[index]}. \u2192 {last[index]}.)",
            )
        axes.set_xticks([0, 1], ["first minute", "last five minutes"])
        axes.set_xlim(-0.15, 1.15)
        axes.set_ylabel("latency p50 [ms]")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)

    yield Plot(
        f"rank-change-{number}",
        "Median latency in the first minute and in the last five, with the place of each; "
        f"thick where the place changed.{said_of(cells)}",
        rows,
        draw,
        height=0.9,
        simulated=any(cell.simulated for cell in cells),
    )


def _rank(values: Sequence[float]) -> list[int]:
    ordered = sorted(values)
    return [ordered.index(value) + 1 for value in values]


def _scaled(estimate: Estimate, divisor: float) -> Estimate:
    low = None if estimate.low is None else estimate.low / divisor
    high = None if estimate.high is None else estimate.high / divisor
    return Estimate(estimate.value / divisor, low, high, estimate.n)
