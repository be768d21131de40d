"""What several trials say together: an estimate with its confidence interval.

The trial is the unit: every value given here is one trial's number, never one inference's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: With two trials the t quantile is 12.7: an interval would be formally right and say nothing.
MIN_TRIALS = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value over ``n`` trials; ``low`` and ``high`` are None where no interval can be given."""

    value: float
    low: float | None
    high: float | None
    n: int


def geometric_mean_interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Geometric mean of positive values with a Student t interval on their logarithms.

    Times and sizes differ by factors, so their logarithms are the natural scale, and the ratio of
    two such means does not depend on which is the baseline. Below three values there is no
    interval. Raises ValueError for no values and for values that are not positive and finite.
    """
    logs = positive_logs(values)
    centre = float(logs.mean())
    if len(logs) < MIN_TRIALS:
        return Estimate(math.exp(centre), None, None, len(logs))
    error = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    half = t_quantile(len(logs) - 1, level) * error
    return Estimate(math.exp(centre), math.exp(centre - half), math.exp(centre + half), len(logs))


def relative_half_width(estimate: Estimate) -> float | None:
    """Half the interval's width as a fraction of the value (what ``until_ci`` bounds), or None."""
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / (2 * estimate.value)


def positive_logs(values: Sequence[float]) -> NDArray[np.float64]:
    """Natural logarithms; raises ValueError for no values and for any that has no logarithm."""
    array = np.asarray(values, dtype=np.float64)
    if not len(array) or not bool(np.all(np.isfinite(array) & (array > 0))):
        raise ValueError("a geometric mean needs one or more positive, finite values")
    return np.log(array)


@lru_cache(maxsize=256)
def t_quantile(degrees: float, level: float) -> float:
    """The t value that encloses ``level`` of Student's distribution on both sides."""
    # Imported here: it costs a third of a second of CPU, and a single trial never needs it.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))
