"""Readings as they came, made usable: finite, in order of time, and cut to stretches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.stats.samples import Int64Array
from harness.stats.traces import Trace
from harness.units import NS_PER_S

FloatArray = NDArray[np.float64]

#: No register of a sensor holds more; a larger value is no number either.
_LARGEST = 2.0**64


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time on the clock of the readings."""

    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length, never negative."""
        return max(0, self.end_ns - self.start_ns) / NS_PER_S

    def later(self, seconds: float) -> Span:
        """Without its first ``seconds``."""
        return Span(min(self.start_ns + round(seconds * NS_PER_S), self.end_ns), self.end_ns)

    def cut(self, count: int) -> list[Span]:
        """``count`` parts of equal length."""
        edges = np.linspace(self.start_ns, self.end_ns, count + 1).round().astype(np.int64)
        return [Span(int(a), int(b)) for a, b in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class Windows:
    """Idle with the model loaded, the timed part, and idle again.

    Work may begin between ``before`` and ``run``: that is the warm-up.
    """

    before: Span
    run: Span
    after: Span

    @property
    def all(self) -> tuple[Span, Span, Span]:
        """In order of time."""
        return self.before, self.run, self.after


@dataclass(frozen=True, slots=True)
class Series:
    """Finite values at strictly increasing times; ``doubts`` tells what was left out."""

    at_ns: Int64Array
    value: FloatArray
    doubts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.at_ns)

    @property
    def poll_s(self) -> float:
        """Median time between readings, 0 below two."""
        return float(np.median(np.diff(self.at_ns))) / NS_PER_S if len(self) > 1 else 0.0

    def within(self, span: Span) -> NDArray[np.bool_]:
        """Which readings fall into ``span``."""
        inside: NDArray[np.bool_] = (self.at_ns >= span.start_ns) & (self.at_ns < span.end_ns)
        return inside

    def only(self, keep: NDArray[np.bool_], *doubts: str) -> Series:
        """The readings to keep, with more doubts."""
        return Series(self.at_ns[keep], self.value[keep], (*self.doubts, *doubts))


def usable(trace: Trace) -> Series:
    """A trace without values that are no numbers, and without readings from before the last one.

    After a clock stepped back, readings are dropped until it has caught up: nobody knows when they
    were taken. Doubts that a series has already are kept.
    """
    count = min(len(trace.at_ns), len(trace.value))
    at_ns = np.asarray(trace.at_ns[:count], dtype=np.int64)
    value = np.asarray(trace.value[:count], dtype=np.float64)
    series = Series(at_ns, value, trace.doubts if isinstance(trace, Series) else ())
    finite = np.isfinite(value) & (np.abs(value) <= _LARGEST)
    if not finite.all():
        series = series.only(finite, f"{np.count_nonzero(~finite)} readings were no numbers")
    newest = np.maximum.accumulate(series.at_ns)
    forward = np.ones(len(series), dtype=np.bool_)
    forward[1:] = series.at_ns[1:] > newest[:-1]
    if not forward.all():
        lost = np.count_nonzero(~forward)
        series = series.only(forward, f"{lost} readings were not later than the one before")
    return series
