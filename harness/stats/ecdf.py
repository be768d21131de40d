"""The empirical distribution of latencies, small enough to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.samples import Int64Array

Float64Array = NDArray[np.float64]


def ecdf(values: Int64Array, points: int = 512) -> tuple[Int64Array, Float64Array]:
    """At most ``points`` points ``(x, F(x))`` of the exact distribution function of ``values``.

    F(x) is the part of the values that is <= x. Every point given lies exactly on F; neighbours are
    at most ``1 / (points - 1)`` apart in rank. The smallest and the largest value are always there.
    Empty values give empty arrays. ``points`` must be at least 2.
    """
    ordered = np.sort(values)
    ranks = np.linspace(0, len(ordered) - 1, min(points, len(ordered))).round().astype(np.int64)
    x = np.unique(ordered[ranks])
    # The right end of a run of equal values: the whole step belongs to its x.
    below_or_equal = np.searchsorted(ordered, x, side="right")
    return x, below_or_equal / max(len(ordered), 1)
