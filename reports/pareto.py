"""Accuracy against latency or energy as a figure: all candidates, the best ones named.

matplotlib is used here only, and is an extra (``figures``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.stats.interval import Estimate
from reports.plots.plot import bars, plain_log_axis
from reports.plots.style import COLOURS, FORMATS, MARKERS, STYLES, applied, rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Axis:
    """What is less the better: a word for it, and which figure of it in which unit."""

    name: str
    figure: str


@dataclass(frozen=True, slots=True)
class Point:
    """One candidate. ``cost`` and ``accuracy_percent`` with their intervals where known."""

    label: str
    series: str  #: what gives colour and marker: the engine
    cost: Estimate  #: in the unit of the figure's axis
    accuracy_percent: Estimate
    chosen: bool = False


def pareto_figure(points: Sequence[Point], title: str, fmt: str, axis: Axis) -> bytes:
    """The figure's file content in one of FORMATS; equal points give equal bytes.

    Raises UserError where matplotlib is not installed, the format is unknown or there is no point.
    """
    if fmt not in FORMATS:
        raise UserError(f"no figure format {fmt!r}; there are {', '.join(FORMATS)}")
    if not points:
        raise UserError(f"nothing to draw: no candidate has both {axis.name} and accuracy")
    with applied(STYLES["web"]):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.subplots()
        draw_pareto(axes, points, axis)
        axes.set_title(title)
        return rendered(figure, fmt)


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in accuracy at no more cost, the cheapest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost.value, -p.accuracy_percent.value)):
        if not found or point.accuracy_percent.value > found[-1].accuracy_percent.value:
            found.append(point)
    return found


def draw_pareto(axes: Axes, points: Sequence[Point], axis: Axis) -> None:
    """The points with their intervals, and the line of those that no other one beats."""
    best = front(points)
    axes.plot(
        [point.cost.value for point in best],
        [point.accuracy_percent.value for point in best],
        color="0.6",
        linestyle="--",
        drawstyle="steps-post",
        zorder=1,
        label=f"best accuracy up to this {axis.name}",
    )
    for index, series in enumerate(sorted({point.series for point in points})):
        _draw_series(axes, [point for point in points if point.series == series], index)
    named = [*best, *(point for point in points if point.chosen and point not in best)]
    for index, point in enumerate(named):
        _name(axes, point, above=index % 2 == 1)
    plain_log_axis(axes)
    axes.margins(x=0.12, y=0.12)
    axes.set_xlabel(f"{axis.name} ({axis.figure}), log scale")
    axes.set_ylabel("accuracy [%]")
    axes.legend(loc="best")


def _draw_series(axes: Axes, points: Sequence[Point], index: int) -> None:
    axes.errorbar(
        [point.cost.value for point in points],
        [point.accuracy_percent.value for point in points],
        xerr=bars([point.cost for point in points]),
        yerr=bars([point.accuracy_percent for point in points]),
        fmt=MARKERS[index % len(MARKERS)],
        color=COLOURS[index % len(COLOURS)],
        capsize=2,
        label=points[0].series,
    )


def _name(axes: Axes, point: Point, *, above: bool) -> None:
    """The label of a point, alternately above and below the line that joins them."""
    axes.annotate(
        f"{point.label} (chosen)" if point.chosen else point.label,
        (point.cost.value, point.accuracy_percent.value),
        xytext=(0, 9 if above else -14),
        textcoords="offset points",
        ha="center",
        fontsize="small",
        fontweight="bold" if point.chosen else "normal",
        parse_math=False,  # foreign names are text, not formulas
    )
