"""Long time series made short enough to draw, with every spike still in the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.samples import Int64Array

Float64Array = NDArray[np.float64]


class MinMaxSeries:
    """Keeps the smallest and the largest value of each stretch of time, in constant memory.

    Points come in batches of any size, in order of time; neither the end nor the number of points
    need be known beforehand. Stretches are equally long; whenever a point lies behind the last
    one, all stretches are joined in pairs and become twice as long. A time before the first one
    seen (a clock that stepped back) falls into the first stretch. Values that are NaN
    or infinite are left out.
    """

    def __init__(self, points: int) -> None:
        if points < 4:
            raise ValueError("a series needs room for at least 4 points")
        self._buckets = points // 4 * 2  # even, so that they can be joined in pairs
        self._origin: int | None = None
        self._width = 1
        self._low = _Extremes(self._buckets)
        self._high = _Extremes(self._buckets)

    def feed(self, at_ns: Int64Array, values: Float64Array) -> None:
        """Take in more points."""
        real = np.isfinite(values)
        at, real_values = at_ns[real], values[real].astype(np.float64)
        if not len(at):
            return
        if self._origin is None:
            self._origin = int(at[0])
        since = np.maximum(at - self._origin, 0)
        while int(since.max()) // self._width >= self._buckets:
            self._widen()
        bucket = since // self._width
        self._low.add(bucket, at, -real_values)
        self._high.add(bucket, at, real_values)

    def result(self) -> tuple[Int64Array, Float64Array]:
        """Times and values so far, in order of time; a point that is both extremes comes once."""
        low_at, low = self._low.points()
        high_at, high = self._high.points()
        twice = (low_at == high_at) & (-low == high)
        at = np.concatenate([low_at, high_at[~twice]])
        values = np.concatenate([-low, high[~twice]])
        order = np.argsort(at, kind="stable")
        return at[order], values[order]

    def _widen(self) -> None:
        self._width *= 2
        self._low.join_pairs()
        self._high.join_pairs()


class _Extremes:
    """The largest value of each bucket and when it was; -inf marks an empty bucket."""

    def __init__(self, buckets: int) -> None:
        self._at = np.zeros(buckets, dtype=np.int64)
        self._value = np.full(buckets, -np.inf)

    def add(self, bucket: Int64Array, at_ns: Int64Array, values: Float64Array) -> None:
        # Sorted by bucket, then by value: the last row of each bucket is its largest.
        order = np.lexsort((values, bucket))
        rows = order[np.flatnonzero(np.diff(bucket[order], append=-1))]
        rows = rows[values[rows] > self._value[bucket[rows]]]
        self._at[bucket[rows]], self._value[bucket[rows]] = at_ns[rows], values[rows]

    def join_pairs(self) -> None:
        """Make each two neighbours one; the second half becomes empty."""
        half = len(self._at) // 2
        second = self._value[1::2] > self._value[0::2]
        self._at[:half] = np.where(second, self._at[1::2], self._at[0::2])
        self._value[:half] = np.where(second, self._value[1::2], self._value[0::2])
        self._value[half:] = -np.inf

    def points(self) -> tuple[Int64Array, Float64Array]:
        filled = np.isfinite(self._value)
        return self._at[filled], self._value[filled]
