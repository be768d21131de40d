"""By what factor two cells differ, as a description.

A verdict ("slower", "equivalent") needs more than this: trials taken in turn in one session, and a
margin fixed beforehand. Two cells measured one after the other can differ because the machine did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.stats.interval import MIN_TRIALS, Estimate, positive_logs, t_quantile


def log_ratio_interval(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Estimate:
    """Ratio of the geometric means of ``a`` and ``b`` with Welch's interval on the logarithms.

    ``n`` is the smaller number of trials; there is no interval when it is below three. The degrees
    of freedom are Welch and Satterthwaite's. Raises ValueError as ``geometric_mean_interval``.
    """
    logs_a, logs_b = positive_logs(a), positive_logs(b)
    centre = float(logs_a.mean() - logs_b.mean())
    n = min(len(logs_a), len(logs_b))
    if n < MIN_TRIALS:
        return Estimate(math.exp(centre), None, None, n)
    error_a = float(logs_a.var(ddof=1)) / len(logs_a)
    error_b = float(logs_b.var(ddof=1)) / len(logs_b)
    half = _half_width(error_a, len(logs_a), error_b, len(logs_b), level)
    return Estimate(math.exp(centre), math.exp(centre - half), math.exp(centre + half), n)


def _half_width(error_a: float, n_a: int, error_b: float, n_b: int, level: float) -> float:
    """Half the interval of a difference of means with squared standard errors given."""
    total = error_a + error_b
    if total == 0.0:
        return 0.0
    # As shares of the total, so that tiny variances do not underflow when squared.
    share_a, share_b = error_a / total, error_b / total
    degrees = 1.0 / (share_a**2 / (n_a - 1) + share_b**2 / (n_b - 1))
    return t_quantile(degrees, level) * math.sqrt(total)
