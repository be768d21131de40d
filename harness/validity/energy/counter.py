"""Mean power from a counter of energy: RAPL, or the accumulators of power rails.

The counter itself integrates, so a mean over a stretch is a difference of two readings: there is no
lag and no error of sampling, only the two edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.traces import Trace
from harness.units import NS_PER_S, format_duration
from harness.validity.energy.held import Mean, standard_error
from harness.validity.energy.refusal import RefusalCode, Refused
from harness.validity.energy.series import FloatArray, Series, Span, Windows, usable

JOULES_PER_UNIT = 1e-6  #: both RAPL and Android's rails count microjoules
_LEAST_READINGS = 3
_MOST_BATCHES = 10
#: An increment of more than this part of the counter's range may hide another turn.
_SAFE_TURN = 0.5


@dataclass(frozen=True, slots=True)
class Counter:
    """Joules since the first reading; ``period_s`` is the time between readings."""

    series: Series
    period_s: float

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was left out or looks odd."""
        return self.series.doubts

    def mean(self, span: Span) -> Mean:
        """Mean power over ``span`` in watts. Raises Refused."""
        at_ns = self.series.at_ns
        if at_ns[0] > span.start_ns + self._slack_ns or at_ns[-1] < span.end_ns - self._slack_ns:
            raise Refused(
                RefusalCode.GAPS, "the counter was not read from start to end of the stretch"
            )
        inside = int(np.count_nonzero(self.series.within(span)))
        if inside < _LEAST_READINGS:
            raise Refused(
                RefusalCode.TOO_FEW, f"{inside} readings in a stretch; at least 3 are needed"
            )
        batches = self._powers(span, max(2, min(_MOST_BATCHES, inside // 2)))
        power = self._power(span)
        if power <= 0:
            raise Refused(
                RefusalCode.STUCK,
                f"the counter stood still for {format_duration(span.seconds)}",
            )
        return Mean(power, standard_error(batches), tuple(self._powers(span, 3)))

    @property
    def _slack_ns(self) -> float:
        return 2 * self.period_s * NS_PER_S

    def _powers(self, span: Span, count: int) -> list[float]:
        return [self._power(part) for part in span.cut(count)]

    def _power(self, span: Span) -> float:
        edges = np.array([span.start_ns, span.end_ns], dtype=np.float64)
        start_j, end_j = np.interp(edges, self.series.at_ns, self.series.value)
        return float(end_j - start_j) / span.seconds


def counter(trace: Trace, windows: Windows, wraps_at: float | None) -> Counter:
    """Look at readings in microjoules as those of a counter. Raises Refused.

    ``wraps_at`` is where the counter starts again from 0 (RAPL's ``max_energy_range_uj``), None for
    one that does not; such a counter that falls was reset, as by a reboot.
    """
    series = usable(trace)
    if len(series) < _LEAST_READINGS:
        raise Refused(RefusalCode.TOO_FEW, f"{len(series)} readings; at least 3 are needed")
    steps = np.diff(series.value)
    turns = steps < 0
    if turns.any():
        steps, doubts = _unwrapped(series, steps, turns, windows, wraps_at)
        series = Series(series.at_ns, series.value, (*series.doubts, *doubts))
    joules = np.append(0.0, np.cumsum(steps)) * JOULES_PER_UNIT
    return Counter(Series(series.at_ns, joules, series.doubts), series.poll_s)


def _unwrapped(
    series: Series,
    steps: FloatArray,
    turns: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    windows: Windows,
    wraps_at: float | None,
) -> tuple[FloatArray, list[str]]:
    """Increments with each turn of the counter put right."""
    if wraps_at is None or not np.all(steps[turns] + wraps_at >= 0):
        first, last = windows.before.start_ns, windows.after.end_ns
        ends = series.at_ns[1:][turns]
        if np.any((ends > first) & (series.at_ns[:-1][turns] < last)):
            raise Refused(
                RefusalCode.RESET, "the counter went backwards; the device was restarted, perhaps"
            )
        return np.where(turns, 0.0, steps), []
    put_right = np.where(turns, steps + wraps_at, steps)
    if np.any(put_right > _SAFE_TURN * wraps_at):
        return put_right, [
            "the counter may have turned more than once between readings; read it more often"
        ]
    return put_right, []
