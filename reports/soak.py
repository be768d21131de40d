"""Sustained loads beyond their medians: who is still ahead at the end, and long runs by windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.record import SoakWindow
from harness.stats.soak import rank_change
from harness.units import format_duration, format_ms
from reports import labels
from reports.model import CellView, ReportModel
from reports.operators import OperatorTable
from reports.quantities import NOT_MEASURED
from reports.summary import varying

FIRST, LAST = "peak_p50_ns", "late_p50_ns"
_RANK_NOTE = "Ordered by the last five minutes; equal medians share a place."
_WINDOW_NOTE = (
    "The first third of each trial and the rest, as the first day of three and the two after it. "
    "Slow stretches count where they began. Power needs energy in the scenario."
)


@dataclass(frozen=True, slots=True)
class SoakView:
    """One table with its title."""

    title: str
    table: OperatorTable


def soak_views(model: ReportModel) -> tuple[SoakView, ...]:
    """Ranks of variants on one device and of devices with one variant, then the windows."""
    cells = [cell for cell in model.cells if {FIRST, LAST} <= set(cell.estimates)]
    ranks = [
        SoakView(f"Who is ahead: {what}", _ranks(group))
        for what, group in _groups(cells)
        if len(group) > 1
    ]
    windows = _windows(model)
    return (*ranks, *([SoakView("Windows of sustained loads", windows)] if windows.rows else []))


def _groups(cells: Sequence[CellView]) -> Iterator[tuple[str, list[CellView]]]:
    """Cells that answer the same question on one device, and the same cell on several devices."""
    on_device: dict[tuple[str, ...], list[CellView]] = defaultdict(list)
    over_devices: dict[tuple[str, ...], list[CellView]] = defaultdict(list)
    for cell in cells:
        on_device[cell.group].append(cell)
        work = (name for name in labels.FACETS if name not in ("device", "engine_version"))
        over_devices[(cell.digest, *(cell.facets[name] for name in work))].append(cell)
    for group in on_device.values():
        yield f"{group[0].facets['device']}, {group[0].facets['load']}", group
    for group in over_devices.values():
        left_out = frozenset({"device", "run", "engine_version"})
        yield labels.cell_text(group[0].facets, left_out), group


def _ranks(cells: Sequence[CellView]) -> OperatorTable:
    names = {cell.anchor: _name(cell, cells) for cell in cells}
    moved = rank_change(
        {cell.anchor: cell.estimates[FIRST].value for cell in cells},
        {cell.anchor: cell.estimates[LAST].value for cell in cells},
    )
    rows = tuple(
        (
            names[one.name],
            format_ms(one.first),
            str(one.first_rank),
            format_ms(one.last),
            str(one.last_rank),
        )
        for one in moved
    )
    headers = ("Cell", "First minute (ms)", "Place", "Last five minutes (ms)", "Place")
    return OperatorTable(headers, rows, 1, _RANK_NOTE)


def _windows(model: ReportModel) -> OperatorTable:
    cells = [cell for cell in model.cells if any(row.windows for row in cell.good_trials)]
    rows = tuple(
        (f"{_name(cell, cells)} #{trial.repeat + 1}", *_window(window))
        for cell in cells
        for trial in cell.good_trials
        for window in trial.windows
    )
    headers = (
        *("Trial", "From", "To", "Inferences", "p50 (ms)"),
        *("Slow stretches", "Hottest (°C)", "Power (W)"),
    )
    return OperatorTable(headers, rows, 3, _WINDOW_NOTE)


def _window(window: SoakWindow) -> tuple[str, ...]:
    hottest = max(window.max_c.items(), key=lambda item: item[1], default=None)
    sensor = hottest[0].removeprefix("temperature.").removesuffix("_c") if hottest else ""
    return (
        format_duration(window.begin_s),
        format_duration(window.end_s),
        str(window.inferences),
        NOT_MEASURED if window.p50_ns is None else format_ms(window.p50_ns),
        str(window.slow_stretches),
        f"{hottest[1]:.1f} ({sensor})" if hottest else NOT_MEASURED,
        NOT_MEASURED if window.power_mean_w is None else f"{window.power_mean_w:.3f}",
    )


def _name(cell: CellView, among: Sequence[CellView]) -> str:
    """What tells a cell from the others, with its model in any case."""
    unsaid = frozenset(labels.FACETS) - varying(tuple(among)) - {"model"}
    text = labels.cell_text(cell.facets, unsaid)
    return f"{text} (SIMULATED)" if cell.simulated else text
