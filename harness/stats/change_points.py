"""Where the level of a series changes: binary segmentation with least squares.

A series is cut in two where that lowers the sum of squares most, as long as it lowers it by more
than a penalty; then its parts are cut in the same way. The cost of a part comes from running sums,
so that a series of 300,000 values takes a fraction of a second.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: A cut must lower the sum of squares by this many times ``noise**2 * log(n)``. Two parameters (a
#: place and a level) cost 3 in the modified Bayesian criterion; twice that allows for neighbours
#: that resemble each other.
PENALTY = 6.0
#: Median absolute deviation of normal values, in units of their standard deviation.
_MAD_OF_NORMAL = 0.6745


@dataclass(frozen=True, slots=True)
class Segment:
    """Values from ``begin`` to before ``end`` with about the same level, their mean."""

    begin: int
    end: int
    level: float

    def __len__(self) -> int:
        return self.end - self.begin


def segments(values: FloatArray, *, min_length: int = 2) -> list[Segment]:
    """The series as stretches of equal level, in order; empty for an empty series.

    No segment is shorter than ``min_length``. Values must be finite.
    """
    if not len(values):
        return []
    sums = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    penalty = PENALTY * noise_of(values) ** 2 * math.log(max(len(values), 2))
    bounds, open_parts = [0, len(values)], [(0, len(values))]
    while open_parts:
        begin, end = open_parts.pop()
        cut, gain = _best_cut(sums, begin, end, min_length)
        if gain > penalty:
            bounds.append(cut)
            open_parts += [(begin, cut), (cut, end)]
    bounds = _settled(sums, sorted(bounds), min_length)
    return [
        Segment(begin, end, float(values[begin:end].mean()))
        for begin, end in itertools.pairwise(bounds)
    ]


def noise_of(values: FloatArray) -> float:
    """Standard deviation of what remains between neighbours, blind to levels and single spikes."""
    if len(values) < 2:
        return 0.0
    steps = np.abs(np.diff(values))
    return float(np.median(steps)) / _MAD_OF_NORMAL / math.sqrt(2.0)


def _best_cut(sums: FloatArray, begin: int, end: int, min_length: int) -> tuple[int, float]:
    """Where to cut ``[begin, end)`` and by how much that lowers the sum of squares."""
    cuts = np.arange(begin + min_length, end - min_length + 1)
    if not len(cuts):
        return begin, -1.0
    left, right = cuts - begin, end - cuts
    below = sums[cuts] - sums[begin]
    above = sums[end] - sums[cuts]
    gains = (below / left - above / right) ** 2 * left * right / (end - begin)
    best = int(np.argmax(gains))
    return int(cuts[best]), float(gains[best])


def _settled(sums: FloatArray, bounds: list[int], min_length: int) -> list[int]:
    """Each bound moved to its best place between its neighbours, once.

    The first cut of a staircase is made without knowing of the others and may be somewhat off.
    """
    for place in range(1, len(bounds) - 1):
        cut, _ = _best_cut(sums, bounds[place - 1], bounds[place + 1], min_length)
        bounds[place] = cut
    return bounds
