"""Inferences that took far longer than the rest. They are counted, never removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.samples import Int64Array

#: How many median absolute deviations above the median: 10 sigma of a normal distribution, the
#: modified z-score that hyperfine warns at.
LIMIT_MAD = 14.826
#: The deviation is taken to be at least this part of the median. On a coarse clock most samples can
#: be equal and the deviation 0; without a floor one tick more would be an outlier.
MAD_FLOOR = 0.001
#: Below this many samples the median absolute deviation is itself mostly chance.
MIN_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Outliers:
    """Samples above ``limit_ns``; ``time_share`` is their part of the whole timed time."""

    count: int
    samples: int
    limit_ns: float
    worst_ns: float
    time_share: float


def find_outliers(latency_ns: Int64Array) -> Outliers | None:
    """Count the slow outliers of one trial; None for fewer than 20 samples or a median of 0."""
    if len(latency_ns) < MIN_SAMPLES:
        return None
    median = float(np.median(latency_ns))
    if median <= 0:
        return None
    deviation = float(np.median(np.abs(latency_ns - median)))
    limit = median + LIMIT_MAD * max(deviation, MAD_FLOOR * median)
    slow = latency_ns[latency_ns > limit]
    return Outliers(
        count=len(slow),
        samples=len(latency_ns),
        limit_ns=limit,
        worst_ns=float(latency_ns.max()),
        time_share=float(slow.sum() / latency_ns.sum()),
    )
