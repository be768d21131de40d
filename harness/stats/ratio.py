"""By what factor two sides differ: the difference of their mean logarithms, with its error.

A ratio alone is a description. A verdict (:mod:`harness.stats.comparison`) also needs a margin that
was fixed beforehand, and trials of both sides taken in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.interval import MIN_TRIALS, Estimate, positive_logs, t_quantile


@dataclass(frozen=True, slots=True)
class LogDifference:
    """Difference of two mean logarithms: ``exp(centre)`` is the ratio of geometric means.

    ``error`` is its standard error with ``degrees`` of freedom. ``n`` is the smaller number of
    values behind it.
    """

    centre: float
    error: float
    degrees: float
    n: int

    @property
    def ratio(self) -> float:
        """The ratio itself."""
        return math.exp(self.centre)

    def half_width(self, level: float) -> float:
        """Half the width of Student's interval, in logarithms."""
        return t_quantile(self.degrees, level) * self.error if self.error > 0 else 0.0

    def interval(self, level: float = 0.95) -> Estimate:
        """The ratio with Student's interval."""
        half = self.half_width(level)
        return Estimate(
            self.ratio, math.exp(self.centre - half), math.exp(self.centre + half), self.n
        )

    @property
    def p_value(self) -> float:
        """Two-sided p value of "there is no difference"."""
        if self.error == 0.0:
            return 1.0 if self.centre == 0.0 else 0.0
        from scipy.special import stdtr

        return float(2.0 * stdtr(self.degrees, -abs(self.centre) / self.error))


def welch(numerator: Sequence[float], denominator: Sequence[float]) -> LogDifference:
    """Two independent groups, each with its own spread; Welch and Satterthwaite's degrees.

    Needs three values a side. Raises ValueError for fewer and for values without a logarithm.
    """
    above, below = positive_logs(numerator), positive_logs(denominator)
    n = min(len(above), len(below))
    if n < MIN_TRIALS:
        raise ValueError(f"Welch's interval needs {MIN_TRIALS} values a side, not {n}")
    # Equal values may have a mean one rounding step away from them: that is no spread.
    errors = [_variance(logs) / len(logs) for logs in (above, below)]
    total = sum(errors)
    return LogDifference(
        float(above.mean() - below.mean()),
        math.sqrt(total),
        _degrees(errors, (len(above), len(below))),
        n,
    )


def paired(log_differences: Sequence[float]) -> LogDifference:
    """Differences of logarithms of neighbouring trials. Needs three; raises ValueError."""
    differences = np.asarray(log_differences, dtype=np.float64)
    n = len(differences)
    if n < MIN_TRIALS or not np.isfinite(differences).all():
        raise ValueError(f"a paired interval needs {MIN_TRIALS} finite differences, not {n}")
    error = math.sqrt(_variance(differences) / n)
    return LogDifference(float(differences.mean()), error, n - 1, n)


def log_ratio_interval(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Estimate:
    """Ratio of the geometric means of ``a`` and ``b`` with Welch's interval on the logarithms.

    ``n`` is the smaller number of trials; there is no interval when it is below three. Raises
    ValueError as ``geometric_mean_interval``.
    """
    n = min(len(a), len(b))
    if n < MIN_TRIALS:
        centre = float(positive_logs(a).mean() - positive_logs(b).mean())
        return Estimate(math.exp(centre), None, None, n)
    return welch(a, b).interval(level)


def _variance(values: NDArray[np.float64]) -> float:
    return 0.0 if bool(np.all(values == values[0])) else float(values.var(ddof=1))


def _degrees(errors: Sequence[float], counts: Sequence[int]) -> float:
    total = sum(errors)
    if total == 0.0:
        return float(sum(counts) - len(counts))
    # As shares of the total, so that tiny variances do not underflow when squared.
    return 1.0 / sum(
        (error / total) ** 2 / (count - 1) for error, count in zip(errors, counts, strict=True)
    )
