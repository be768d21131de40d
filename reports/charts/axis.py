"""Axes: where a value lies, and which values get a label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Above this ratio of largest to smallest value a logarithmic axis shows more.
_LOG_FROM = 2.5
_WANTED_TICKS = 6
#: Which digits get a label on an axis of at least so many decades.
_LOG_DIGITS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (3.5, (1,)),
    (1.2, (1, 2, 5)),
    (0.7, (1, 1.5, 2, 3, 5, 7)),
    (0.0, (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from ``low`` to ``high``, both inside the drawing."""

    low: float
    high: float
    log: bool = False

    def position(self, value: float) -> float:
        """Percent of the way from the low to the high end, not beyond either."""
        low, high, at = (self._map(v) for v in (self.low, self.high, value))
        return 100 * min(1.0, max(0.0, (at - low) / (high - low)))

    def holds(self, value: float) -> bool:
        """Whether the value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.log:
            return self._decades()
        step = _round_step((self.high - self.low) / _WANTED_TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]

    def _decades(self) -> list[float]:
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        decades = math.log10(self.high / self.low)
        digits = next(digits for least, digits in _LOG_DIGITS if decades >= least)
        values = [digit * 10.0**exponent for exponent in exponents for digit in digits]
        return [value for value in values if self.low <= value <= self.high]

    def _map(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value


def fit(values: Sequence[float], *, allow_log: bool = False) -> Axis:
    """An axis around the values with a little room at both ends."""
    low, high = min(values), max(values)
    if allow_log and low > 0 and high / low > _LOG_FROM:
        room = (high / low) ** 0.03
        return Axis(low / room, high * room, log=True)
    room = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    start = low - room
    return Axis(max(0.0, start) if low >= 0 else start, high + room)


def from_zero(values: Sequence[float]) -> Axis:
    """An axis for bars: from zero to a little more than the largest value."""
    return Axis(0.0, max(values) * 1.02 or 1.0)


def tick_text(value: float) -> str:
    """A tick's label."""
    return f"{value:.6g}"


def _round_step(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(step * magnitude for step in (1, 2, 5, 10) if step * magnitude >= rough * 0.999)
