"""Accuracy against latency or energy as a figure: all candidates, the best ones named.

matplotlib is used here only, and is an extra (``figures``).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.stats.interval import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "pdf", "png")
#: Okabe and Ito's palette, told apart by colour-blind readers; markers differ in grey print.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_MARKERS = ("o", "s", "^", "D", "v", "P")


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
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("figures need matplotlib: pip install 'benchfarm[figures]'") from error
    # A fixed salt and no date: the same points are the same file. Text stays text in a PDF.
    with rc_context({"svg.hashsalt": "benchfarm", "pdf.fonttype": 42, "font.size": 9}):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        _draw(axes, points, axis)
        axes.set_title(title)
        buffer = io.BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[fmt]
        figure.savefig(buffer, format=fmt, dpi=160, metadata=metadata)
    return buffer.getvalue()


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in accuracy at no more cost, the cheapest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost.value, -p.accuracy_percent.value)):
        if not found or point.accuracy_percent.value > found[-1].accuracy_percent.value:
            found.append(point)
    return found


def _draw(axes: Axes, points: Sequence[Point], axis: Axis) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    best = front(points)
    axes.plot(
        [point.cost.value for point in best],
        [point.accuracy_percent.value for point in best],
        color="0.6",
        linewidth=0.8,
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
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.12, y=0.12)
    axes.set_xlabel(f"{axis.name} ({axis.figure}), log scale")
    axes.set_ylabel("accuracy [%]")
    axes.grid(visible=True, which="major", color="0.92")
    axes.legend(frameon=False, loc="lower right")


def _draw_series(axes: Axes, points: Sequence[Point], index: int) -> None:
    axes.errorbar(
        [point.cost.value for point in points],
        [point.accuracy_percent.value for point in points],
        xerr=_bars([point.cost for point in points]),
        yerr=_bars([point.accuracy_percent for point in points]),
        fmt=_MARKERS[index % len(_MARKERS)],
        color=_COLOURS[index % len(_COLOURS)],
        markersize=5,
        elinewidth=0.8,
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
        fontsize=7,
        fontweight="bold" if point.chosen else "normal",
        parse_math=False,  # foreign names are text, not formulas
    )


def _bars(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    """Lengths below and above each value; no bar where no interval can be given."""
    below = [one.value - one.low if one.low is not None else 0.0 for one in estimates]
    above = [one.high - one.value if one.high is not None else 0.0 for one in estimates]
    return below, above
