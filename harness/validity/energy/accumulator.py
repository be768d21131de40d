"""Energy from a device's own mean of its load, told once per update of its gauge (iPhones).

Each reading is the mean power since the one before it. Where several fall into each stretch, they
are a counter like any other, whose increments are used whole. Where nobody could read them between
leaving a device alone and finding it again there is one mean over all of that time, idle and the
change of the cable included. The rest of that time drew something between nothing and as much as
the work, which bounds the power of the work; the bounds are narrow only where the work was most of
the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.findings import finding
from harness.stats.traces import Trace
from harness.units import NS_PER_S, format_duration, format_percent
from harness.validity.energy.counter import JOULES_PER_UNIT, Counter, counter
from harness.validity.energy.held import Mean
from harness.validity.energy.inference import SourceKind, TrialEnergy, steady_energy
from harness.validity.energy.refusal import Refusal, RefusalCode, Refused
from harness.validity.energy.series import Series, Span, Windows, usable

#: Bounds that are further than this part from their middle are no measurement.
MOST_UNKNOWN = 0.1


def accumulator_energy(watts: Trace, windows: Windows, inferences: int) -> TrialEnergy | Refusal:
    """Energy from means since the reading before, in watts; refused unless they follow the load."""
    try:
        series = usable(watts)
        alone = _mean_of_absence(series, windows)
        if alone is not None:
            return _bounded(*alone, windows, inferences)
        power = _Whole(counter(accumulated(series), windows, None))
        found = steady_energy(power, windows, inferences, SourceKind.ACCUMULATOR)
    except Refused as refused:
        return refused.refusal
    if found.net_j is None:
        return Refusal(
            RefusalCode.UNPROVEN,
            f"the accumulators show {found.run_w:.3g} W under load and {found.idle_w:.3g} W at "
            "idle: they do not follow this load; use a heavier model or an external meter",
        )
    return found


def accumulated(watts: Series) -> Series:
    """Means since the reading before, in watts, back to the counter in microjoules they are of."""
    joules = watts.value[1:] * np.diff(watts.at_ns) / NS_PER_S
    return Series(watts.at_ns, np.append(0.0, np.cumsum(joules)) / JOULES_PER_UNIT, watts.doubts)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A slow counter: an increment that reaches over the edge of a stretch belongs to neither."""

    counter: Counter

    @property
    def period_s(self) -> float:
        """Time between readings."""
        return self.counter.period_s

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was left out."""
        return self.counter.doubts

    def mean(self, span: Span) -> Mean:
        """Mean power between the first and the last reading within ``span``. Raises Refused."""
        inside = self.counter.series.at_ns[self.counter.series.within(span)]
        if len(inside) > 1:
            span = Span(int(inside[0]), int(inside[-1]) + 1)
        return self.counter.mean(span)


def _mean_of_absence(series: Series, windows: Windows) -> tuple[float, float] | None:
    """The mean power of one increment around all stretches, and its seconds; None without one."""
    last = int(np.searchsorted(series.at_ns, windows.before.start_ns, side="right")) - 1
    if last < 0 or last + 1 >= len(series) or series.at_ns[last + 1] < windows.after.end_ns:
        return None
    seconds = float(series.at_ns[last + 1] - series.at_ns[last]) / NS_PER_S
    return float(series.value[last + 1]), seconds


def _bounded(mean_w: float, away_s: float, windows: Windows, inferences: int) -> TrialEnergy:
    """Gross energy of the work within an absence. Raises Refused where its bounds are too wide."""
    work_s = windows.run.seconds
    if inferences < 1 or work_s <= 0 or mean_w <= 0:
        raise Refused(RefusalCode.TOO_FEW, "nothing was timed, or the accumulators stood still")
    unknown = (away_s - work_s) / (away_s + work_s)
    if unknown > MOST_UNKNOWN:
        needed_s = (away_s - work_s) * (1 - MOST_UNKNOWN) / (2 * MOST_UNKNOWN)
        raise Refused(
            RefusalCode.TOO_SHORT,
            f"the accumulators tell one mean over {format_duration(away_s)} without the cable, of "
            f"which {format_duration(work_s)} were work; let it work {format_duration(needed_s)} "
            "or longer",
        )
    most_w = mean_w * away_s / work_s
    run_w, half_w = (most_w + mean_w) / 2, (most_w - mean_w) / 2
    doubt = (
        f"one mean over {format_duration(away_s)} with {format_percent(work_s / away_s)} work in "
        "it; idle is not told apart from it"
    )
    return TrialEnergy(
        source=SourceKind.ACCUMULATOR,
        inferences=inferences,
        seconds=work_s,
        period_s=away_s,
        idle_w=None,
        run_w=run_w,
        gross_j=run_w * work_s / inferences,
        net_j=None,
        run_error_j=0.0,
        idle_error_j=0.0,
        edge_error_j=half_w / math.sqrt(3) * work_s / inferences,
        gain=None,
        findings=(finding("ENERGY-UNCERTAIN", doubt),),
    )
