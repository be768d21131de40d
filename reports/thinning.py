"""Lines for display: kept as they are while short, thinned to their extremes once long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.downsample import MinMaxSeries
from harness.units import NS_PER_S
from reports.model import Curve, FloatArray

Int64Array = NDArray[np.int64]

#: Rows handled at once: bounds the memory that thinning days of samples needs.
CHUNK = 1 << 17


class Line:
    """One line of at most ``limit`` points, from batches in order of time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._at: list[Int64Array] = []
        self._values: list[FloatArray] = []
        self._kept = 0
        self._thinned: MinMaxSeries | None = None

    def feed(self, at_ns: Int64Array, values: FloatArray) -> None:
        """Take in more points; values that are NaN or infinite are left out."""
        real = np.isfinite(values)
        self._at.append(at_ns[real])
        self._values.append(values[real])
        self._kept += int(real.sum())
        if self._thinned is not None or self._kept > self._limit:
            self._thin()

    def curve(self, origin_ns: int) -> Curve | None:
        """The line in seconds from ``origin_ns``; None when no point came."""
        if self._thinned is not None:
            at_ns, values = self._thinned.result()
        elif self._kept:
            at_ns, values = np.concatenate(self._at), np.concatenate(self._values)
        else:
            return None
        return Curve((at_ns - origin_ns) / NS_PER_S, values)

    def _thin(self) -> None:
        if self._thinned is None:
            self._thinned = MinMaxSeries(self._limit)
        for at_ns, values in zip(self._at, self._values, strict=True):
            for first in range(0, len(at_ns), CHUNK):
                piece = slice(first, first + CHUNK)
                self._thinned.feed(at_ns[piece], values[piece])
        self._at, self._values = [], []
