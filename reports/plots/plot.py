"""One figure as data: what it shows, how it is drawn, and the numbers in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.stats.interval import Estimate
from harness.text import one_line
from reports import labels
from reports.model import CellView
from reports.plots.style import Style
from reports.summary import varying

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, object]]
#: More lines than this cannot be told apart; the rest is in the data file.
MOST_LINES = 7
#: On a logarithmic axis wider than this factor, 1, 2 and 5 of each decade would overlap.
_MOST_FOR_THREE_A_DECADE = 200.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure. ``name`` is its file name; ``rows`` are the numbers that it shows, tidy.

    ``height`` is a fraction of the width; ``wide`` figures span the page.
    """

    name: str
    caption: str
    rows: Rows
    draw: Callable[[Figure], None]
    height: float = 0.7
    wide: bool = False
    simulated: bool = False

    def size_in(self, style: Style) -> tuple[float, float]:
        """Width and height."""
        width = style.page_in if self.wide else style.column_in
        return width, width * self.height


def name_of(cell: CellView, among: Sequence[CellView]) -> str:
    """The cell by what tells it from the others."""
    same = frozenset(labels.FACETS) - varying(tuple(among)) - {"model"}
    text = labels.cell_text(cell.facets, same | {"engine_version"} if len(among) > 1 else same)
    return one_line(
        text.replace(f"{cell.facets['family']}/", "", 1) if _one_family(among) else text
    )


def said_of(cells: Sequence[CellView]) -> str:
    """What a caption says of its cells: what they have in common, and over how many trials."""
    same = labels.cell_text(cells[0].facets, varying(tuple(cells)) | {"run"})
    trials = {cell.counts.ok for cell in cells}
    low, high = min(trials), max(trials)
    counted = f"{low}" if low == high else f"{low} to {high}"
    who = "All" if len(cells) > 1 else "Cell"
    return f" {who}: {same}. n = {counted} trial{'' if counted == '1' else 's'} per cell."


def bars(estimates: Sequence[Estimate], divisor: float = 1.0) -> tuple[list[float], list[float]]:
    """Lengths below and above each value; no bar where no interval can be given."""
    below = [(one.value - one.low) / divisor if one.low is not None else 0.0 for one in estimates]
    above = [(one.high - one.value) / divisor if one.high is not None else 0.0 for one in estimates]
    return below, above


def plain_log_axis(axes: Axes) -> None:
    """A logarithmic horizontal axis with numbers that people read; data come first."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    crowded = high > low * _MOST_FOR_THREE_A_DECADE
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if crowded else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def estimate_row(estimate: Estimate) -> dict[str, object]:
    """The columns of an estimate in a data file."""
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "trials": estimate.n,
    }


def _one_family(cells: Sequence[CellView]) -> bool:
    return len({cell.facets["family"] for cell in cells}) == 1
