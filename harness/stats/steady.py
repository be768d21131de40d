"""When warm-up is over: a rule that looks at latency, not only at a count or a time.

Two exponential averages of the latency, a fast one and a slow one, agree once nothing changes any
more. The idea and its constants are those of ``WarmupManager`` in AndroidX's Microbenchmark. What
is different here:

* the very first inference does not enter the averages (it is reported on its own, and is often
  many times slower than the rest);
* both averages start as plain means and become exponential when they have enough values, so that
  the slow one does not remember its first value for hundreds of inferences;
* the minima and the cap come from the scenario;
* latencies arrive in blocks, because the host sees them only when a block is over. All inferences
  of the block in which the rule is met belong to the warm-up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.scenario import Warmup
from harness.stats.samples import Int64Array
from harness.units import NS_PER_S

FAST_WEIGHT = 0.1
SLOW_WEIGHT = 0.005
#: The averages agree while fast / slow stays within 1 +- this.
AGREEMENT = 0.04
#: They must agree for more than this many inferences in a row.
CONSECUTIVE = 40

_CHUNK = 512  # 0.9 ** -512 is 3e23: far from overflow, and no precision is lost on positive sums


class WarmupProgress:
    """Follows one trial's warm-up; pure, fed with the latencies of each warm-up block in order.

    Seconds are sums of latencies. ``steady`` and ``fixed`` warm-ups are over when their rule is
    met, ``none`` is over before it began. A ``steady`` warm-up that reaches ``max_seconds`` first
    is over as well, and :attr:`capped`.
    """

    def __init__(self, warmup: Warmup) -> None:
        self._warmup = warmup
        self._agreement = _Agreement()
        self.inferences = 0
        self.elapsed_ns = 0
        #: 1-based number of the inference at which the averages had agreed long enough, if any
        self.steady_at: int | None = None

    def feed(self, latency_ns: Int64Array) -> None:
        """Take in one block's latencies in nanoseconds."""
        if len(latency_ns) and self._warmup.rule == "steady" and self.steady_at is None:
            self.steady_at = self._first_steady(latency_ns)
        self.inferences += len(latency_ns)
        self.elapsed_ns += int(latency_ns.sum())

    @property
    def minimum_reached(self) -> bool:
        """Whether the least number of inferences and the least time are behind us."""
        return (
            self.inferences >= self._warmup.min_inferences
            and self.elapsed_ns >= self._warmup.min_seconds * NS_PER_S
        )

    @property
    def capped(self) -> bool:
        """Whether a ``steady`` warm-up ran into its time limit without becoming steady."""
        return (
            self._warmup.rule == "steady"
            and self.steady_at is None
            and self.elapsed_ns >= self._warmup.max_seconds * NS_PER_S
        )

    @property
    def done(self) -> bool:
        """Whether the timed part may begin."""
        if self._warmup.rule == "none":
            return True
        if self._warmup.rule == "fixed":
            return self.minimum_reached
        return self.steady_at is not None or self.capped

    def _first_steady(self, latency_ns: Int64Array) -> int | None:
        """Number of the first inference of this block at which the whole rule is met."""
        number = self.inferences + np.arange(1, len(latency_ns) + 1)
        elapsed_ns = self.elapsed_ns + np.cumsum(latency_ns)
        met = (
            (self._agreement.feed(latency_ns, first=self.inferences == 0) > CONSECUTIVE)
            & (number >= self._warmup.min_inferences)
            & (elapsed_ns >= self._warmup.min_seconds * NS_PER_S)
        )
        hits = np.flatnonzero(met)
        return int(number[hits[0]]) if len(hits) else None


class _Agreement:
    """For how many inferences in a row the two averages have agreed."""

    def __init__(self) -> None:
        self._fast, self._slow = _Average(FAST_WEIGHT), _Average(SLOW_WEIGHT)
        self._run = 0

    def feed(self, latency_ns: Int64Array, *, first: bool) -> NDArray[np.int64]:
        """Length of the current run of agreement after each inference of the block."""
        used = latency_ns[1:] if first else latency_ns
        fast, slow = self._fast.feed(used), self._slow.feed(used)
        agree = (np.abs(fast - slow) < AGREEMENT * slow) & (slow > 0)
        position = np.arange(1, len(used) + 1)
        # Before the block's first disagreement the run goes on from the previous block.
        last_break = np.maximum.accumulate(np.where(agree, -self._run, position))
        run = position - last_break
        if len(run):
            self._run = int(run[-1])
        return np.concatenate([[0], run]) if first else run


class _Average:
    """An exponential average with weight ``weight`` that starts as a plain mean."""

    def __init__(self, weight: float) -> None:
        self._weight, self._mean_until = weight, round(1 / weight)
        self._count, self._value = 0, 0.0

    def feed(self, values: Int64Array) -> NDArray[np.float64]:
        """The average after each of ``values``."""
        head = values[: max(0, self._mean_until - self._count)]
        parts = [self._mean(head)]
        parts += [
            self._exponential(values[start : start + _CHUNK])
            for start in range(len(head), len(values), _CHUNK)
        ]
        return np.concatenate(parts)

    def _mean(self, values: Int64Array) -> NDArray[np.float64]:
        counts = self._count + np.arange(1, len(values) + 1)
        return self._keep((self._value * self._count + np.cumsum(values)) / counts)

    def _exponential(self, values: Int64Array) -> NDArray[np.float64]:
        # y_t = d y_(t-1) + w x_t, solved: y_t = d^t (y_0 + w sum of x_k d^-k)
        decay = (1.0 - self._weight) ** np.arange(1, len(values) + 1)
        return self._keep(decay * (self._value + self._weight * np.cumsum(values / decay)))

    def _keep(self, averages: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(averages):
            self._count += len(averages)
            self._value = float(averages[-1])
        return averages
