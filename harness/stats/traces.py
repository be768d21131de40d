"""Readings of a telemetry channel that fall into a stretch of time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.stats.samples import Int64Array


class Trace(Protocol):
    """A channel's readings in order: when, on the channel's clock, and what."""

    @property
    def at_ns(self) -> Int64Array:
        """Times in nanoseconds."""

    @property
    def value(self) -> NDArray[np.float64]:
        """Values in the channel's unit."""


def mean_within(trace: Trace, begin_ns: int, end_ns: int) -> float | None:
    """Mean of the readings taken after ``begin_ns`` and not after ``end_ns``, None without any.

    A rate read at some time covers the interval before it, hence the open begin.
    """
    at_ns, value = trace.at_ns, trace.value
    inside = value[(at_ns > begin_ns) & (at_ns <= end_ns) & np.isfinite(value)]
    return float(inside.mean()) if len(inside) else None
