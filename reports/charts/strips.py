"""Charts made of one narrow drawing per row: trial dots with intervals, start-up bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.stats.interval import Estimate
from reports.charts import svg
from reports.charts.axis import Axis, tick_text

_HEIGHT = 26
_MIDDLE = "50%"


def dots(values: Sequence[tuple[str, float]], estimate: Estimate, axis: Axis) -> str:
    """Every trial a dot, the estimate a bar across, its interval a line.

    An interval that leaves the axis runs to the edge and has no end cap there.

    ``values`` are (tooltip, value); values and estimate are in the axis' unit.
    """
    parts = [_gridlines(axis)]
    if estimate.low is not None and estimate.high is not None:
        low, high = (svg.percent(axis.position(v)) for v in (estimate.low, estimate.high))
        ends = (estimate.low, estimate.high)
        caps = "".join(
            svg.element("line", class_="interval", x1=x, x2=x, y1="34%", y2="66%")
            for x in (svg.percent(axis.position(v)) for v in ends if axis.holds(v))
        )
        parts.append(
            svg.element("line", class_="interval", x1=low, x2=high, y1=_MIDDLE, y2=_MIDDLE) + caps
        )
    centre = svg.percent(axis.position(estimate.value))
    parts.append(svg.element("line", class_="centre", x1=centre, x2=centre, y1="18%", y2="82%"))
    for tooltip, value in values:
        x = svg.percent(axis.position(value))
        parts.append(
            svg.titled(tooltip, svg.element("circle", class_="dot", cx=x, cy=_MIDDLE, r=4))
        )
    return svg.drawing(f"{len(values)} trials", "".join(parts), _HEIGHT)


def bar(segments: Mapping[str, tuple[int, float, str]], axis: Axis) -> str:
    """Stacked segments: name to (colour, length, tooltip), from the axis' zero."""
    parts = [_gridlines(axis)]
    start = 0.0
    for colour, length, tooltip in segments.values():
        left, right = axis.position(start), axis.position(start + length)
        rectangle = svg.element(
            "rect",
            class_=f"segment c{colour}",
            x=svg.percent(left),
            width=svg.percent(right - left),
            y="22%",
            height="56%",
        )
        parts.append(svg.titled(tooltip, rectangle))
        start += length
    return svg.drawing(", ".join(segments), "".join(parts), _HEIGHT)


def ruler(axis: Axis, title: str) -> str:
    """The axis that rows above share."""
    parts = [
        svg.text(tick_text(value), class_="tick", x=svg.percent(axis.position(value)), y=14)
        for value in axis.ticks()
    ]
    parts.append(svg.text(title, class_="axis-title", x="100%", y=34))
    return svg.drawing(f"Axis: {title}", "".join(parts), 40)


def _gridlines(axis: Axis) -> str:
    positions = [svg.percent(axis.position(value)) for value in axis.ticks()]
    return "".join(
        svg.element("line", class_="grid", x1=x, x2=x, y1="0", y2="100%") for x in positions
    )
