"""The cross-check of a verdict: a bootstrap that knows that inferences belong to trials.

Trials are drawn with replacement, and within each drawn trial its inferences. Drawing only pooled
inferences would take them for independent, drawing only trials is too bold for few of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.stats.interval import MIN_TRIALS, Estimate
from harness.stats.samples import Int64Array

RESAMPLES = 2000


def bootstrap_ratio(
    candidate: Sequence[Int64Array],
    reference: Sequence[Int64Array],
    *,
    quantile: float = 0.5,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate | None:
    """Ratio of geometric means over trials of a quantile within trials, percentile interval.

    Each array holds one trial's latencies. The seed is fixed, so that the same data give the same
    answer. None for fewer than three trials a side and for trials that are empty or not positive.
    """
    sides = [list(candidate), list(reference)]
    n = min(len(side) for side in sides)
    if n < MIN_TRIALS or any(
        not len(trial) or trial.min() <= 0 for side in sides for trial in side
    ):
        return None
    rng = np.random.default_rng(seed)
    above, below = (_mean_logs(side, quantile, resamples, rng) for side in sides)
    centre = _centre(sides[0], quantile) - _centre(sides[1], quantile)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(above - below, [tail, 1.0 - tail])
    return Estimate(math.exp(centre), math.exp(low), math.exp(high), n)


def _centre(trials: Sequence[Int64Array], quantile: float) -> float:
    return float(np.mean([math.log(np.quantile(trial, quantile)) for trial in trials]))


def _mean_logs(
    trials: Sequence[Int64Array], quantile: float, resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Mean over drawn trials of the logarithm of the drawn inferences' quantile.

    The k-th smallest of N draws from N sorted values has the rank ``floor(N * Beta(k, N - k + 1))``
    (the k-th smallest of N uniform numbers follows that Beta distribution), so one number is drawn
    instead of N.
    """
    sizes = np.array([len(trial) for trial in trials])
    ordered = np.concatenate([np.sort(trial) for trial in trials])
    begins = np.cumsum(sizes) - sizes
    drawn = rng.integers(len(trials), size=(resamples, len(trials)))
    size = sizes[drawn]
    k = np.clip(np.ceil(quantile * size), 1, size)
    rank = np.minimum((rng.beta(k, size - k + 1) * size).astype(np.int64), size - 1)
    means: NDArray[np.float64] = np.log(ordered[begins[drawn] + rank]).mean(axis=1)
    return means
