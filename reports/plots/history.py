"""Nights in a row: the ratio of candidate to reference for each series, and where it changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from harness.stats.change_points import segments
from harness.store.lab_files import NightEntry
from harness.text import one_line
from reports.plots.plot import Plot
from reports.plots.style import COLOURS
from reports.quantities import title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Fewer nights than this have no history.
MIN_NIGHTS = 3
_DAY_S = 24 * 3600
#: What a night found, told by colour and by marker.
_STATUS_MARKS = {"regression": ("v", COLOURS[1]), "went away": ("^", COLOURS[5])}


def history_plots(series: Mapping[str, Sequence[NightEntry]]) -> Iterator[Plot]:
    """One figure for each series with three or more nights that have a ratio."""
    drawn = [
        entries
        for entries in ([e for e in nights if e.ratio is not None] for nights in series.values())
        if len(entries) >= MIN_NIGHTS
    ]
    for number, entries in enumerate(drawn, start=1):
        yield _plot(entries, number)


def _plot(entries: Sequence[NightEntry], number: int) -> Plot:
    ratios = np.array([entry.ratio for entry in entries], dtype=np.float64)
    stretches = segments(np.log(ratios))
    rows = [
        {
            "night": entry.at,
            "ratio": entry.ratio,
            "low": entry.low,
            "high": entry.high,
            "quads": entry.quads,
            "status": entry.status,
        }
        for entry in entries
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # matplotlib counts dates in days since 1970.
        nights = [datetime.fromisoformat(entry.at).timestamp() / _DAY_S for entry in entries]
        for night, entry in zip(nights, entries, strict=True):
            marker, colour = _STATUS_MARKS.get(entry.status, ("o", COLOURS[0]))
            ratio = entry.ratio or 1.0
            axes.errorbar(
                [night],
                [ratio],
                yerr=[[ratio - (entry.low or ratio)], [(entry.high or ratio) - ratio]],
                fmt=marker,
                color=colour,
                capsize=2,
            )
        for stretch in stretches:
            level = math.exp(stretch.level)
            ends = [nights[stretch.begin], nights[stretch.end - 1]]
            axes.plot(ends, [level, level], color="0.3", linestyle="--")
        axes.xaxis_date()
        axes.axhline(1.0, color="0.6", linewidth=0.8)
        axes.set_ylabel("candidate / reference")
        axes.tick_params(axis="x", rotation=30)

    first = entries[0]
    changes = len(stretches) - 1
    return Plot(
        f"history-{number}",
        f"{title(first.metric)} of {one_line(first.cell)} on {one_line(first.device_id)}: "
        "candidate over reference night by night with 95 % intervals; dashed: levels between "
        f"{changes} change point{'' if changes == 1 else 's'}; triangles: regressions and "
        "suspicions that went away. Nights without a number leave gaps.",
        rows,
        draw,
        height=0.4,
        wide=True,
        simulated=any("SIMULATED-DEVICE" in entry.findings for entry in entries),
    )
