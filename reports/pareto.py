"""Accuracy against latency or energy as a figure: all candidates, the best ones named.

matplotlib is used here only, and is an extra (``figures``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.stats.interval import Estimate
from reports.plots.naming import Name, Spot, name_points, shortened
from reports.plots.plot import bars, plain_log_axis
from reports.plots.style import COLOURS, FORMATS, MARKERS, STYLES, applied, rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

#: Letters of a name in the list below the figure, that fit a column in every style.
_KEY_WIDTH = 52


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
        figure.suptitle(title)
        draw_pareto(figure, points, axis)
        return rendered(figure, fmt)


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in accuracy at no more cost, the cheapest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost.value, -p.accuracy_percent.value)):
        if not found or point.accuracy_percent.value > found[-1].accuracy_percent.value:
            found.append(point)
    return found


def draw_pareto(figure: Figure, points: Sequence[Point], axis: Axis) -> None:
    """The points with their intervals, and the line of those that no other one beats.

    The points on the line and the chosen one are named; where the names find no room, numbers
    stand for them and the names below. The layout of the figure is settled then: titles come first.
    """
    best = front(points)
    axes = figure.subplots()
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
    plain_log_axis(axes)
    axes.margins(x=0.15, y=0.18)  # room for names
    axes.set_xlabel(f"{axis.name} ({axis.figure}), log scale")
    axes.set_ylabel("accuracy [%]")
    named = [*best, *(point for point in points if point.chosen and point not in best)]
    names = [_name(point) for point in named]
    spots = [_spot(point) for point in points]
    lines = [*_steps(best), *(bar for point in points for bar in _intervals(point))]
    legend = _legend(figure, axes)
    if not name_points(axes, names, spots, lines):
        short = legend.get_window_extent().height
        legend.remove()
        long = _legend(figure, axes, [name.text for name in names]).get_window_extent().height
        figure.set_figheight(figure.get_figheight() + (long - short) / figure.dpi)
        numbers = [replace(name, text=str(n)) for n, name in enumerate(names, start=1)]
        name_points(axes, numbers, spots, lines, partly=True)


def _legend(figure: Figure, axes: Axes, names: Sequence[str] = ()) -> Legend:
    """What lines and markers mean and, where the points have numbers, whose they are."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    handles += [Line2D([], [], linestyle="none") for _ in names]
    labels += [f"{n}  {shortened(name, _KEY_WIDTH)}" for n, name in enumerate(names, start=1)]
    return figure.legend(handles, labels, loc="outside lower center", ncols=1)


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


def _name(point: Point) -> Name:
    text = f"{point.label} (chosen)" if point.chosen else point.label
    return Name(text, _spot(point), bold=point.chosen)


def _spot(point: Point) -> Spot:
    return point.cost.value, point.accuracy_percent.value


def _steps(best: Sequence[Point]) -> Iterator[tuple[Spot, Spot]]:
    """The parts of the line that joins them."""
    for (x, y), (next_x, next_y) in pairwise(map(_spot, best)):
        yield (x, y), (next_x, y)
        yield (next_x, y), (next_x, next_y)


def _intervals(point: Point) -> Iterator[tuple[Spot, Spot]]:
    x, y = _spot(point)
    cost, accuracy = point.cost, point.accuracy_percent
    if cost.low is not None and cost.high is not None:
        yield (cost.low, y), (cost.high, y)
    if accuracy.low is not None and accuracy.high is not None:
        yield (x, accuracy.low), (x, accuracy.high)
