"""From the values of a cell's trials to one estimate per metric.

Durations, sizes and rates: geometric mean over trials with a t interval on the logarithms.
Percentages and counts, which may be zero and are not ratios: arithmetic mean without an interval.
The model's size is the same in every trial and gets no interval either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from harness.metrics import METRICS
from harness.stats.interval import Estimate, geometric_mean_interval
from reports.quantities import is_count


def estimate(metric: str, values: Sequence[float]) -> Estimate:
    """One estimate over the trials' ``values`` (at least one)."""
    if is_plain_mean(metric) or min(values) <= 0:
        return Estimate(sum(values) / len(values), None, None, len(values))
    return geometric_mean_interval(values)


def is_plain_mean(metric: str) -> bool:
    """Whether the metric is summed up by its arithmetic mean, without an interval."""
    return is_count(metric) or metric.endswith("_percent") or metric == "size_bytes"


def estimates(rows: Iterable[Mapping[str, float]]) -> dict[str, Estimate]:
    """Every metric that at least one of the trials measured, in the order tables show them."""
    gathered: dict[str, list[float]] = {}
    for row in rows:
        for metric, value in row.items():
            if math.isfinite(value):
                gathered.setdefault(metric, []).append(value)
    known = [metric for metric in METRICS if metric in gathered]
    unknown = sorted(metric for metric in gathered if metric not in METRICS)
    return {metric: estimate(metric, gathered[metric]) for metric in (*known, *unknown)}
