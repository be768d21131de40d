"""Names beside points of a figure, so placed that each can be read and belongs to one point."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.plots.placement import Box, Label, Line, Place, placed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

Spot = tuple[float, float]

_CHARACTERS, _LINES = 28, 3  # a longer name is cut; the data beside the figure has it whole
_PAD_PT = 1.5
_POINTS_PER_INCH = 72
_LEADER = {"arrowstyle": "-", "color": "0.45", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}


@dataclass(frozen=True, slots=True)
class Name:
    """The name of the point ``at``, in the units of the axes."""

    text: str
    at: Spot
    bold: bool = False


def name_points(
    axes: Axes,
    names: Sequence[Name],
    points: Sequence[Spot],
    lines: Sequence[tuple[Spot, Spot]],
    *,
    partly: bool = False,
) -> bool:
    """Write the names near their points if there is room for each, else none of them: False.

    Names keep off ``points``, ``lines`` and one another. With ``partly`` those are written that
    keep off points and one another at least. Positions follow from the layout of the figure, which
    is settled with them: nothing may be added to it afterwards.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("axes without a figure")
    texts = [_written(axes, name) for name in names]
    figure.draw_without_rendering()
    pixels = figure.dpi / _POINTS_PER_INCH
    half = axes.lines[-1].get_markersize() / 2 * pixels
    solid = [Box(x - half, y - half, x + half, y + half) for x, y in _pixels(axes, points)]
    faint = [Line(*start, *end) for start, end in (_pixels(axes, line) for line in lines)]
    spots = _pixels(axes, [name.at for name in names])
    labels = [_label(text, spot, _PAD_PT * pixels) for text, spot in zip(texts, spots, strict=True)]
    area = Box(*axes.get_window_extent().extents)
    places = placed(labels, area, solid, faint)
    if not partly and not all(place is not None and place.clear for place in places):
        for text in texts:
            text.remove()
        return False
    figure.set_layout_engine("none")
    for name, text, spot, place in zip(names, texts, spots, places, strict=True):
        if place is None:
            text.remove()
        else:
            _put(axes, name.at, text, place, spot, pixels)
    return True


def _written(axes: Axes, name: Name) -> Annotation:
    return axes.annotate(
        shortened(name.text),
        name.at,
        xytext=(0, 0),
        textcoords="offset points",
        ha="left",
        va="bottom",
        multialignment="center",
        fontsize="small",
        fontweight="bold" if name.bold else "normal",
        parse_math=False,  # foreign names are text, not formulas
        in_layout=False,
    )


def shortened(text: str, characters: int = _CHARACTERS) -> str:
    """A name on at most three lines of so many characters."""
    lines = textwrap.wrap(text, characters, max_lines=_LINES, placeholder=" \u2026")
    return "\n".join(lines)


def _pixels(axes: Axes, spots: Sequence[Spot]) -> list[Spot]:
    return [(float(x), float(y)) for x, y in axes.transData.transform(spots)] if spots else []


def _label(text: Annotation, spot: Spot, pad: float) -> Label:
    extent = text.get_window_extent()
    lines = text.get_text().count("\n") + 1
    height = extent.height + 2 * pad
    return Label(*spot, extent.width + 2 * pad, height, height / lines)


def _put(axes: Axes, at: Spot, text: Annotation, place: Place, spot: Spot, pixels: float) -> None:
    """Move the text to its place; offsets count from the point, so they hold at any resolution."""

    def offset(x: float, y: float) -> Spot:
        return (x - spot[0]) / pixels, (y - spot[1]) / pixels

    left, bottom = offset(place.box.left, place.box.bottom)
    text.set_position((left + _PAD_PT, bottom + _PAD_PT))
    if place.leader is not None:
        axes.annotate(
            "",
            at,
            xytext=offset(place.leader.x1, place.leader.y1),
            textcoords="offset points",
            arrowprops=_LEADER,
            zorder=1.5,
        )
