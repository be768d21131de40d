"""How latencies spread: over inferences (ECDF), over trials (dots), and as ratios (caterpillar)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.stats.interval import geometric_mean_interval
from reports.compare import Comparison, groups, quantized_pairs
from reports.model import CellView, ReportModel
from reports.plots.plot import (
    MOST_LINES,
    Plot,
    bars,
    estimate_row,
    name_of,
    plain_log_axis,
    said_of,
)
from reports.plots.style import COLOURS, LINES, MARKERS
from reports.quantities import heading, scale, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A range wider than this factor gets a logarithmic axis.
_LOG_FROM = 5.0


def distribution_plots(model: ReportModel) -> Iterator[Plot]:
    """The figures of this module that the report has data for."""
    for number, group in enumerate(groups(model.cells), start=1):
        yield from _ecdf(group, number)
        yield _dots(group, number)
    yield from _caterpillar(quantized_pairs(model.cells))


def _ecdf(group: Sequence[CellView], number: int) -> Iterator[Plot]:
    drawn = [cell for cell in group if cell.quantiles is not None]
    if not drawn:
        return
    rows = [
        {"cell": name_of(cell, group), "probability": p, "latency_ms": v, "low": low, "high": high}
        for cell in drawn
        if (curve := cell.quantiles) is not None
        for p, v, low, high in zip(
            curve.probability.tolist(),
            curve.value.tolist(),
            curve.low.tolist(),
            curve.high.tolist(),
            strict=True,
        )
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for index, cell in enumerate(drawn[:MOST_LINES]):
            curve = cell.quantiles
            if curve is None:
                continue
            axes.fill_betweenx(
                curve.probability, curve.low, curve.high, color=COLOURS[index], alpha=0.15, lw=0
            )
            axes.plot(
                curve.value,
                curve.probability,
                color=COLOURS[index],
                linestyle=LINES[index],
                label=name_of(cell, group),
            )
        if _spread(drawn) > _LOG_FROM:
            plain_log_axis(axes)
        axes.set_xlabel("latency [ms]")
        axes.set_ylabel("share of inferences")
        axes.set_ylim(0, 1.01)
        # Below the axes, where names cover no curve.
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)

    more = _unshown(drawn)
    yield Plot(
        f"ecdf-{number}",
        "Distribution of latency over all timed inferences; bands span the trials."
        + more
        + said_of(drawn),
        rows,
        draw,
        height=0.65 + 0.045 * min(len(drawn), MOST_LINES),
        simulated=_simulated(drawn),
    )


def _dots(group: Sequence[CellView], number: int) -> Plot:
    metric = group[0].primary
    divisor = scale(metric).divisor
    rows = [
        {"cell": name_of(cell, group), "trial": row.repeat + 1, "value": row.metrics[metric]}
        for cell in group
        for row in cell.good_trials
        if metric in row.metrics
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, cell in enumerate(group):
            values = [value / divisor for value in cell.metric_values(metric)]
            estimate = cell.estimates[metric]
            axes.plot(values, [place - 0.15] * len(values), "o", color="0.45", mfc="none")
            axes.errorbar(
                [estimate.value / divisor],
                [place + 0.15],
                xerr=[[side[0]] for side in bars([estimate], divisor)],
                fmt="D",
                color=COLOURS[0],
                capsize=2,
            )
        axes.set_yticks(range(len(group)), [name_of(cell, group) for cell in group])
        axes.set_ylim(len(group) - 0.4, -0.6)
        axes.set_xlabel(heading(metric))
        axes.grid(visible=False, axis="y")

    return Plot(
        f"trials-{number}",
        f"Every trial's {title(metric)} (circles) and the geometric mean with its 95 % interval "
        f"over trials.{said_of(group)}",
        rows,
        draw,
        height=max(0.4, 0.16 + 0.11 * len(group)),
        simulated=_simulated(group),
    )


def _caterpillar(found: Sequence[Comparison]) -> Iterator[Plot]:
    if len(found) < 2:
        return
    ordered = sorted(found, key=lambda one: one.factor.value)
    cells = [one.better for one in ordered]
    names = [name_of(cell, cells) for cell in cells]
    rows = [
        {"cell": name, "speed_up": one.factor.value, **estimate_row(one.factor)}
        for name, one in zip(names, ordered, strict=True)
    ]
    mean = geometric_mean_interval([one.factor.value for one in ordered])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, one in enumerate(ordered):
            axes.errorbar(
                [one.factor.value],
                [place],
                xerr=[[side[0]] for side in bars([one.factor])],
                fmt=MARKERS[0],
                color=COLOURS[0] if one.certainty == "clear" else "0.5",
                capsize=2,
            )
        axes.axvline(1.0, color="0.3", linewidth=0.8)
        axes.axvline(mean.value, color=COLOURS[1], linestyle="--", label="geometric mean")
        axes.set_yticks(range(len(ordered)), names)
        axes.set_ylim(-0.6, len(ordered) - 0.4)
        axes.set_xlabel("speed-up over fp32")
        axes.grid(visible=False, axis="y")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right")

    yield Plot(
        "speed-up",
        "Speed-up of each int8 cell over fp32 in the same setting with 95 % intervals; "
        f"grey where the interval contains 1.{said_of(cells)}",
        rows,
        draw,
        height=max(0.45, 0.2 + 0.1 * len(ordered)),
        simulated=_simulated(cells),
    )


def _spread(cells: Sequence[CellView]) -> float:
    curves = [cell.quantiles for cell in cells if cell.quantiles is not None]
    low, high = min(float(c.low[0]) for c in curves), max(float(c.high[-1]) for c in curves)
    return high / low if low > 0 else 1.0


def _unshown(cells: Sequence[CellView]) -> str:
    more = len(cells) - MOST_LINES
    verb = "cell is" if more == 1 else "cells are"
    return f" {more} more {verb} in the data file only." if more > 0 else ""


def _simulated(cells: Sequence[CellView]) -> bool:
    return any(cell.simulated for cell in cells)
