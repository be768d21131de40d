"""One trial over time: latency with heat and clocks, sustained speed, every telemetry channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.channels import THERMAL_STATUS
from harness.text import one_line
from harness.units import NS_PER_S
from reports import labels
from reports.model import CellView, Channel, Curve, ReportModel, TrialSeries
from reports.plots.plot import MOST_LINES, Plot, name_of, said_of
from reports.plots.style import COLOURS, LINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEAT, _CLOCKS = "temperature.", ("cpu.frequency_khz", "cpu.frequency_max_khz", "gpu.frequency")
#: Temperatures that say most, in the order in which they are drawn; then whatever there is.
_HEAT_FIRST = ("temperature.skin_c", "temperature.battery_c")
_MOST_CHANNELS = 12
#: Colours of the thermal status from 1 (light) up; darker is hotter, in grey too.
_STATUS = ("#fff3d6", "#ffe0a3", "#ffc266", "#ff9d4d", "#e06633", "#b03a2e")


def overtime_plots(model: ReportModel) -> Iterator[Plot]:
    """The figures of this module that the report has data for; of each cell its first trial."""
    timed = [cell for cell in model.cells if cell.purpose == "timing"]
    for number, cell in enumerate(timed, start=1):
        shown = next((s for s in cell.series.values() if s.curves), None)
        if shown is not None:
            yield from _with_heat(cell, shown, model.channels, number)
            yield from _telemetry(cell, shown, model.channels, number)
    yield from _sustained([cell for cell in timed if "late_p50_ns" in cell.estimates])


def _with_heat(
    cell: CellView, series: TrialSeries, channels: dict[str, Channel], number: int
) -> Iterator[Plot]:
    heat = sorted(
        (name for name in series.curves if name.startswith(_HEAT)),
        key=lambda name: (name not in _HEAT_FIRST, name),
    )[:3]
    clocks = [name for name in series.curves if name.startswith(_CLOCKS)][:4]
    if not heat and not clocks:
        return
    status = series.curves.get(THERMAL_STATUS)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1 + bool(heat) + bool(clocks), 1, sharex=True, squeeze=False)[:, 0]
        panels[0].plot(series.latency.x, series.latency.y, color=COLOURS[0], linewidth=0.5)
        if series.minutes is not None:
            panels[0].plot(series.minutes.x, series.minutes.y, color="black", label="minute median")
            _legend_beside(panels[0])
        panels[0].set_ylabel("latency [ms]")
        for axes, names in zip(panels[1:], [one for one in (heat, clocks) if one], strict=True):
            _lines(axes, names, series, channels)
        if status is not None:
            for axes in panels:
                _status_bands(axes, status)
        panels[-1].set_xlabel("time [s]")

    yield Plot(
        f"overtime-{number}",
        f"Latency over time with temperature and clocks: {_whole_name(cell)}, first trial."
        + (" Bands: thermal status from light to critical." if _has_bands(status) else ""),
        _series_rows(series, [*heat, *clocks, *([THERMAL_STATUS] if status else [])]),
        draw,
        height=0.75,
        wide=True,
        simulated=cell.simulated,
    )


def _telemetry(
    cell: CellView, series: TrialSeries, channels: dict[str, Channel], number: int
) -> Iterator[Plot]:
    names = list(series.curves)[:_MOST_CHANNELS]
    more = len(series.curves) - len(names)

    def draw(figure: Figure) -> None:
        columns = 2 if len(names) > 1 else 1
        lines = -(-len(names) // columns)
        panels = list(figure.subplots(lines, columns, sharex=True, squeeze=False).flat)
        for axes, name in zip(panels, names, strict=False):
            curve = series.curves[name]
            axes.plot(curve.x, curve.y, color=COLOURS[0])
            axes.set_title(f"{channels[name].title} [{channels[name].unit}]", loc="left")
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        figure.supxlabel("time [s]")

    yield Plot(
        f"telemetry-{number}",
        f"Telemetry: {_whole_name(cell)}, first trial."
        + (f" {more} more channels are in the data file only." if more > 0 else ""),
        _series_rows(series, list(series.curves)),
        draw,
        height=min(1.3, 0.12 + 0.16 * -(-len(names) // 2)),
        wide=True,
        simulated=cell.simulated,
    )


def _sustained(cells: Sequence[CellView]) -> Iterator[Plot]:
    """Speed relative to the first minute, with the onset of throttling."""
    curves = [
        (cell, minutes)
        for cell in cells
        for minutes in [next((s.minutes for s in cell.series.values() if s.minutes), None)]
        if minutes is not None
    ]
    if not curves:
        return
    rows = [
        {"cell": name_of(cell, cells), "seconds": float(x), "latency_p50_ms": float(y)}
        for cell, minutes in curves
        for x, y in zip(minutes.x, minutes.y, strict=True)
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for index, (cell, minutes) in enumerate(curves[:MOST_LINES]):
            colour, line = COLOURS[index], LINES[index]
            speed = 100 * minutes.y[0] / minutes.y
            name = name_of(cell, cells)
            axes.plot(minutes.x / 60, speed, color=colour, linestyle=line, label=name)
            onset = cell.estimates.get("throttle_onset_ns")
            if onset is not None:
                at = onset.value / NS_PER_S / 60
                axes.axvline(at, color=colour, linestyle=line, linewidth=0.7)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.set_xlabel("time [min]")
        axes.set_ylabel("speed [% of first minute]")
        axes.legend(loc="lower right")

    yield Plot(
        "sustained",
        "Speed over time relative to the first minute, from the median latency of each minute of "
        "each cell's first trial; vertical lines: mean onset of throttling over the trials that "
        f"throttled.{said_of(cells)}",
        rows,
        draw,
        simulated=any(cell.simulated for cell in cells),
    )


def _whole_name(cell: CellView) -> str:
    return one_line(labels.cell_text(cell.facets, frozenset({"run"})))


def _has_bands(status: Curve | None) -> bool:
    """Whether a level holds for a while: a reading tells of the time until the next one."""
    return status is not None and bool((status.y[:-1] >= 1).any())


def _lines(
    axes: Axes, names: Sequence[str], series: TrialSeries, channels: dict[str, Channel]
) -> None:
    for index, name in enumerate(names):
        curve = series.curves[name]
        axes.plot(
            curve.x,
            curve.y,
            color=COLOURS[index],
            linestyle=LINES[index],
            label=channels[name].title,
        )
    units = dict.fromkeys(channels[name].unit for name in names)
    axes.set_ylabel(f"[{', '.join(units)}]")
    _legend_beside(axes)


def _legend_beside(axes: Axes) -> None:
    """Beside the panel, where it covers no line."""
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _status_bands(axes: Axes, status: Curve) -> None:
    edges = [*status.x.tolist(), float(status.x[-1])]
    for begin, end, level in zip(edges, edges[1:], status.y.tolist(), strict=False):
        if level >= 1:
            colour = _STATUS[min(int(level), len(_STATUS)) - 1]
            axes.axvspan(begin, end, color=colour, zorder=0, lw=0)


def _series_rows(series: TrialSeries, names: Sequence[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"channel": "latency_ms", "seconds": float(x), "value": float(y)}
        for x, y in zip(series.latency.x, series.latency.y, strict=True)
    ]
    rows += [
        {"channel": name, "seconds": float(x), "value": float(y)}
        for name in names
        for x, y in zip(series.curves[name].x, series.curves[name].y, strict=True)
    ]
    return rows
