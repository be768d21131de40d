"""Did reading the sensors slow down the inferences beside it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.stats.samples import Int64Array
from harness.units import NS_PER_MS

#: What a reading disturbs happens while it lasts and shortly after: caches, a core that was taken.
BESIDE_NS = 50 * NS_PER_MS
#: Inferences of either kind, at least.
MIN_SAMPLES = 30
#: Standard errors of the difference beyond which it is no chance.
LIMIT_SIGMA = 4.0
#: A mean that is off by less is as good as undisturbed (docs/method.md, "Probe effect").
MARGIN = 0.01
#: Standard error of a median of n normal values, times sqrt(n), in median absolute deviations.
_MEDIAN_ERROR = 1.2533 / 0.6745


@dataclass(frozen=True, slots=True)
class ProbeEffect:
    """``slowdown`` of the inferences beside readings, which are ``share`` of all."""

    slowdown: float
    share: float
    error: float  #: standard error of the slowdown

    @property
    def bias(self) -> float:
        """By what part the mean of all inferences is too high."""
        return self.slowdown * self.share

    @property
    def found(self) -> bool:
        """Whether it is no chance, and large enough to matter."""
        return self.slowdown > LIMIT_SIGMA * self.error and self.bias > MARGIN


def find_probe_effect(
    start_ns: Int64Array, service_ns: Int64Array, readings_ns: Int64Array
) -> ProbeEffect | None:
    """Inferences that ran within 50 ms after a reading against the others, by medians.

    All times are on one clock, readings in order. None where either kind has fewer than 30.
    """
    if not len(readings_ns) or not len(start_ns):
        return None
    latest = np.searchsorted(readings_ns, start_ns + service_ns, side="right") - 1
    beside = (latest >= 0) & (readings_ns[np.maximum(latest, 0)] + BESIDE_NS > start_ns)
    touched, others = service_ns[beside], service_ns[~beside]
    if min(len(touched), len(others)) < MIN_SAMPLES or np.median(others) <= 0:
        return None
    rest = float(np.median(others))
    error = math.hypot(_error(touched), _error(others)) / rest
    slowdown = float(np.median(touched)) / rest - 1.0
    return ProbeEffect(slowdown, len(touched) / len(service_ns), error)


def _error(values: Int64Array) -> float:
    deviation = float(np.median(np.abs(values - np.median(values))))
    return _MEDIAN_ERROR * deviation / math.sqrt(len(values))
