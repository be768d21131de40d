"""Mean of a quantity whose source updates now and then and holds its value between (a gauge).

A gauge lags: after a change of load it shows the old value, or a mixture, until its next update.
The first two of its periods in any stretch are therefore left out (method.md: this removes a bias
of -4 to -10 % from stretches of 10 to 24 periods).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.units import NS_PER_S, format_duration, format_percent
from harness.validity.energy.refusal import RefusalCode, Refused
from harness.validity.energy.series import Series, Span, Windows

#: Periods at the start of a stretch that may still show what was before it.
LAG_PERIODS = 2
#: Fewer periods than this after the lag are no measurement.
LEAST_PERIODS = 4
#: Updates that have to be seen to know the period.
_LEAST_UPDATES = 4
_LEAST_READINGS = 3
#: A value is taken to hold for so many periods or readings; then the source is silent.
_HOLD = 3
_LEAST_COVERED = 0.8
_MOST_BATCHES = 10
#: Readings that differ from the stretch's median by more than this factor are glitches of the
#: sensor: an awake phone's power spans a factor of 20 from idle to full load, within one stretch
#: of even load much less.
GLITCH_FACTOR = 20
_MOST_GLITCHES = 0.05


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over a stretch, its standard error (from batch means), and the means of its thirds."""

    value: float
    error: float
    thirds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Readings without glitches, and the period at which their source updates."""

    series: Series
    period_s: float

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was left out or looks odd."""
        return self.series.doubts

    def mean(self, span: Span) -> Mean:
        """Mean over ``span`` after the lag. Raises Refused."""
        steady = span.later(LAG_PERIODS * self.period_s)
        if steady.seconds < LEAST_PERIODS * self.period_s:
            needed = math.ceil((LAG_PERIODS + LEAST_PERIODS) * self.period_s)
            raise Refused(
                RefusalCode.TOO_SHORT,
                f"{format_duration(span.seconds)} is too short for a source that updates every "
                f"{format_duration(self.period_s)}; measure {format_duration(needed)} or longer",
            )
        value, covered = self._weighted(steady)
        if covered < _LEAST_COVERED:
            raise Refused(
                RefusalCode.GAPS,
                f"readings cover {format_percent(covered)} of the time; at least "
                f"{format_percent(_LEAST_COVERED)} are needed",
            )
        count = int(steady.seconds / (LAG_PERIODS * self.period_s))
        batches = self._means(steady, max(2, min(_MOST_BATCHES, count)))
        return Mean(value, standard_error(batches), tuple(self._means(steady, 3)))

    def _means(self, span: Span, count: int) -> list[float]:
        """Means of equal parts, without those that no reading covers."""
        parts = (self._weighted(part) for part in span.cut(count))
        return [value for value, covered in parts if covered > 0]

    def _weighted(self, span: Span) -> tuple[float, float]:
        """Time-weighted mean of the held values, and the share of ``span`` they cover."""
        at_ns, value = self.series.at_ns, self.series.value
        longest_ns = _HOLD * max(self.period_s, self.series.poll_s) * NS_PER_S
        until = np.minimum(np.append(at_ns[1:], span.end_ns), at_ns + longest_ns)
        held_ns = np.minimum(until, span.end_ns) - np.maximum(at_ns, span.start_ns)
        weight = np.maximum(held_ns, 0.0)
        total = float(weight.sum())
        length_ns = span.end_ns - span.start_ns
        return (float(weight @ value) / total, total / length_ns) if total else (0.0, 0.0)


def standard_error(means: Sequence[float]) -> float:
    """Of the mean of several; infinite below two."""
    return float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 1 else np.inf


def idle_error(before: Mean, after: Mean) -> float:
    """Standard uncertainty of what idle was during the run, between two idle stretches.

    It is the standard deviation of the six thirds of both. Idle power wanders more slowly than a
    stretch lasts, so that its scatter does not shrink with the number of readings; in simulation
    nominal 95 % of this holds in 91 to 99 %, where standard errors and the difference of both
    stretches hold in 67 to 76 % (tests/benchmarks/energy.py).
    """
    return float(np.std([*before.thirds, *after.thirds], ddof=1))


def held(series: Series, windows: Windows) -> Held:
    """Look at readings as those of a source that holds its values. Raises Refused."""
    for span in windows.all:
        count = int(np.count_nonzero(series.within(span)))
        if count < _LEAST_READINGS:
            raise Refused(
                RefusalCode.TOO_FEW, f"{count} readings in a stretch; at least 3 are needed"
            )
    clean = _without_glitches(series, windows)
    period_s = observed_period_s(clean)
    if period_s is None:
        raise Refused(
            RefusalCode.STUCK,
            f"the source hardly changed in {format_duration(_length_s(clean))}; "
            "it is stuck, or updates too rarely",
        )
    return Held(_told_where_stuck(clean, windows, period_s), period_s)


def observed_period_s(series: Series) -> float | None:
    """Median time between changes of value; None with too few changes to know.

    For a source that updates faster than it is read this is the time between readings.
    """
    changed = np.flatnonzero(np.diff(series.value) != 0) + 1
    if len(changed) < _LEAST_UPDATES:
        return None
    return float(np.median(np.diff(series.at_ns[changed]))) / NS_PER_S


def _length_s(series: Series) -> float:
    return float(series.at_ns[-1] - series.at_ns[0]) / NS_PER_S


def _without_glitches(series: Series, windows: Windows) -> Series:
    """Without readings that are out of all proportion to their stretch, which are counted."""
    bad = np.zeros(len(series), dtype=np.bool_)
    for span in windows.all:
        inside = series.within(span)
        size = np.abs(series.value)
        middle = float(np.median(size[inside]))
        odd = (size > middle * GLITCH_FACTOR) | (size < middle / GLITCH_FACTOR)
        odd |= np.sign(series.value) != np.sign(np.median(series.value[inside]))
        odd &= inside
        if np.count_nonzero(odd) > _MOST_GLITCHES * np.count_nonzero(inside):
            raise Refused(
                RefusalCode.IMPLAUSIBLE,
                f"{np.count_nonzero(odd)} of {np.count_nonzero(inside)} readings of a stretch are "
                "out of proportion or of the other sign; the sensor cannot be trusted, or a "
                "charger was plugged in or out",
            )
        bad |= odd
    count = np.count_nonzero(bad)
    return series.only(~bad, f"{count} readings were out of all proportion") if count else series


def _told_where_stuck(series: Series, windows: Windows, period_s: float) -> Series:
    """With a doubt where one value fills half of a stretch; that may be a coarse register.

    Raises Refused where one value outlasts a change of load, which no register explains.
    """
    changed = np.append(True, np.diff(series.value) != 0)
    starts_ns = series.at_ns[changed]
    ends_ns = np.append(series.at_ns[:-1][changed[1:]], series.at_ns[-1])
    late_ns = _HOLD * max(period_s, series.poll_s) * NS_PER_S
    for edge_ns in (windows.before.end_ns, windows.after.start_ns):
        through = (starts_ns < edge_ns - late_ns) & (ends_ns > edge_ns + late_ns)
        if through.any():
            raise Refused(
                RefusalCode.STUCK,
                "the source went on showing one value when the load changed; it is stuck, or a "
                "charger feeds the device",
            )
    for span in windows.all:
        repeated_ns = np.minimum(ends_ns, span.end_ns) - np.maximum(starts_ns, span.start_ns)
        longest_s = float(repeated_ns.max()) / NS_PER_S
        if longest_s > span.seconds / 2:
            doubt = f"the source showed one value for {format_duration(longest_s)}"
            series = Series(series.at_ns, series.value, (*series.doubts, doubt))
    return series
