"""A value and its uncertainty to as many digits as mean something."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.stats.interval import Estimate

#: Digits of an uncertainty (JCGM 100:2008, 7.2.6: at most two).
UNCERTAINTY_DIGITS = 2
#: Digits of a value without an uncertainty.
VALUE_DIGITS = 4
#: No column is wider than this, whatever the uncertainty says.
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Rounded:
    """``7.651`` and ``0.045`` with the same number of decimals; ``plus_minus`` may be empty."""

    value: str
    plus_minus: str = ""

    @property
    def parenthesised(self) -> str:
        """``7.651(45)``: the uncertainty in units of the last digits, as siunitx reads it."""
        if not self.plus_minus:
            return self.value
        digits = self.plus_minus.replace(".", "").lstrip("0") or "0"
        return f"{self.value}({digits})"


def rounded(estimate: Estimate, divisor: float = 1.0) -> Rounded:
    """The estimate in another unit; its uncertainty is the longer arm of the 95 % interval."""
    value = estimate.value / divisor
    if estimate.low is None or estimate.high is None:
        return Rounded(_plain(value))
    half = max(estimate.high - estimate.value, estimate.value - estimate.low) / divisor
    if not math.isfinite(half) or half <= 0:
        return Rounded(_plain(value))
    decimals = _decimals(half)
    shown = round(half, decimals)
    if shown == 0:  # smaller than the narrowest column shows
        return Rounded(_plain(value))
    decimals = min(decimals, _decimals(shown))  # 0.0996 rounds up to 0.10, not to 0.100
    if 0 < abs(value) < half:  # else 44 with an uncertainty of 1400 would be 0
        decimals = max(decimals, _decimals(abs(value)))
    return Rounded(_fixed(value, decimals), _fixed(half, decimals))


def _decimals(half: float) -> int:
    return min(_MOST_DECIMALS, UNCERTAINTY_DIGITS - 1 - math.floor(math.log10(half)))


def _fixed(number: float, decimals: int) -> str:
    return f"{round(number, decimals):.{max(0, decimals)}f}"


def _plain(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if float(value).is_integer() and abs(value) < 10**VALUE_DIGITS:
        return str(int(value))
    return _fixed(value, min(_MOST_DECIMALS, VALUE_DIGITS - 1 - math.floor(math.log10(abs(value)))))
