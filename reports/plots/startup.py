"""From process start to the first result: stacked phases beside the steady latency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.units import NS_PER_MS
from reports import labels
from reports.model import ReportModel
from reports.plots.plot import Plot, name_of, said_of
from reports.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HATCHES = ("", "//", "..", "xx", "\\\\", "++")
_STEADY = "latency_p50_ns"


def startup_plots(model: ReportModel) -> Iterator[Plot]:
    """One figure over the timed cells that have load times."""
    cells = [cell for cell in model.cells if cell.purpose == "timing" and cell.phases]
    if not cells:
        return
    phases = {
        name: title for name, title in labels.PHASES.items() if any(name in c.phases for c in cells)
    }
    steady = {cell.anchor: cell.estimates.get(_STEADY) for cell in cells}
    rows = [
        {"cell": name_of(cell, cells), "phase": title, "ms": cell.phases[name].value / NS_PER_MS}
        for cell in cells
        for name, title in phases.items()
        if name in cell.phases
    ]
    rows += [
        {"cell": name_of(cell, cells), "phase": "steady inference", "ms": found.value / NS_PER_MS}
        for cell in cells
        if (found := steady[cell.anchor]) is not None
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        left = [0.0] * len(cells)
        for index, (name, title) in enumerate(phases.items()):
            widths = [
                cell.phases[name].value / NS_PER_MS if name in cell.phases else 0.0
                for cell in cells
            ]
            axes.barh(
                range(len(cells)),
                widths,
                left=left,
                height=0.6,
                color=COLOURS[index],
                hatch=_HATCHES[index],
                edgecolor="white",
                linewidth=0.5,
                label=title,
            )
            left = [start + width for start, width in zip(left, widths, strict=True)]
        for place, cell in enumerate(cells):
            found = steady[cell.anchor]
            if found is not None:
                text = f"  then {found.value / NS_PER_MS:.3g} ms each"
                axes.text(left[place], place, text, va="center", fontsize="small")
        axes.set_xlim(0, max(left) * 1.35)
        axes.set_yticks(range(len(cells)), [name_of(cell, cells) for cell in cells])
        axes.invert_yaxis()
        axes.set_xlabel("time from launch [ms]")
        axes.grid(visible=False, axis="y")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)

    yield Plot(
        "startup",
        "From launch to the first result, by phase; geometric means over trials. "
        f"Beside each bar: the steady latency.{said_of(cells)}",
        rows,
        draw,
        height=max(0.35, 0.2 + 0.06 * len(cells)),
        wide=True,
        simulated=any(cell.simulated for cell in cells),
    )
