"""Latency distributions: one line per cell, percentile over latency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.charts import svg
from reports.charts.axis import Axis, fit, tick_text
from reports.model import FloatArray, QuantileCurve

#: As many colours and dash patterns as the style sheet has.
MOST_CURVES = 8
_HEIGHT = 260
_SIDE = 2000  #: inner coordinate system, stretched to the drawing; whole numbers are fine enough
_TAIL_TICKS = (0, 25, 50, 75, 90, 100)


def ecdf_chart(curves: Sequence[tuple[str, QuantileCurve]], unit: str = "ms") -> str:
    """At most ``MOST_CURVES`` curves, in the colours of their position; empty without curves.

    The shaded band spans the trials; the line is their geometric mean at each percentile.
    """
    if not curves:
        return ""
    values = [float(v) for _, curve in curves for v in (curve.low[0], curve.high[-1])]
    axis = fit(values, allow_log=True)
    lines = "".join(_curve(index, curve, axis) for index, (_, curve) in enumerate(curves, start=1))
    inner = svg.element(
        "svg",
        lines,
        viewBox=f"0 0 {_SIDE} {_SIDE}",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
    )
    label = f"Distribution of latency: {', '.join(name for name, _ in curves)}"
    return svg.drawing(label, _grid(axis, unit) + inner, _HEIGHT)


def _grid(axis: Axis, unit: str) -> str:
    parts: list[str] = []
    for level in _TAIL_TICKS:
        y = svg.percent(100 - level)
        parts.append(svg.element("line", class_="grid", x1="0", x2="100%", y1=y, y2=y))
        parts.append(svg.text(f"{level}%", class_="tick left", x="0", dx=-8, y=y, dy=4))
    for value in axis.ticks():
        x = svg.percent(axis.position(value))
        parts.append(svg.element("line", class_="grid", x1=x, x2=x, y1="0", y2="100%"))
        parts.append(svg.text(tick_text(value), class_="tick", x=x, y="100%", dy=18))
    scale = ", log scale" if axis.log else ""
    parts.append(
        svg.text(f"latency [{unit}]{scale}", class_="axis-title", x="100%", y="100%", dy=38)
    )
    return "".join(parts)


def _curve(colour: int, curve: QuantileCurve, axis: Axis) -> str:
    y = [_SIDE * (1 - p) for p in curve.probability]
    centre = _points(curve.value, y, axis)
    band = _points(curve.low, y, axis) + _points(curve.high, y, axis)[::-1]
    area = svg.element("polygon", class_="band", points=" ".join(band))
    line = svg.element("polyline", class_="curve", points=" ".join(centre))
    return svg.element("g", area + line, class_=f"c{colour}")


def _points(values: FloatArray, y: Sequence[float], axis: Axis) -> list[str]:
    per_percent = _SIDE / 100
    x = [axis.position(float(value)) * per_percent for value in values]
    return [f"{x[kept]:.0f},{y[kept]:.0f}" for kept in _corners(x, y)]


def _corners(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """The points that the line cannot do without: no other one is farther than a unit from it.

    Ramer (1972), Douglas and Peucker (1973), with the distance along the axis of latency.
    """
    xs, ys = np.asarray(x), np.asarray(y)
    kept, parts = {0, len(x) - 1}, [(0, len(x) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        slope = (xs[last] - xs[first]) / (ys[last] - ys[first])
        inside = slice(first + 1, last)
        off = np.abs(xs[inside] - xs[first] - slope * (ys[inside] - ys[first]))
        if off.max() > 1:
            middle = first + 1 + int(off.argmax())
            kept.add(middle)
            parts += [(first, middle), (middle, last)]
    return sorted(kept)
