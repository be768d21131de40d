"""Did latency move while it was measured?

Neighbouring inferences resemble each other, so they are no independent witnesses. The series is cut
into 25 stretches of equal count and only the stretches' medians are looked at: the middle one of
the first fifth's five against the middle one of the last fifth's, measured by how much medians
differ within a fifth. That noise is the middle one of the five fifths' spreads. So a stall in one
stretch does not look like drift, and a step inside one fifth does not hide itself as noise.

The limits come from simulation (``tests/unit/harness/stats/test_drift.py``) with the noise model of
docs/method.md, lognormal 5 % with AR(1) 0.6 and 1 % outliers: at most 2 % of flat series are called
drifting, and with 4096 inferences a step or slope of 5 % is found in at least 97 % of cases. A
wander that is slow compared with a stretch cannot be told from drift within one trial, and is
called drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.stats.samples import Int64Array

FIFTHS = 5
STRETCHES_PER_FIFTH = 5
#: Standard deviation of the median of five normal values, in units of theirs.
MEDIAN_OF_FIVE = 0.536
#: Below this many inferences (10 in each stretch) the medians are too rough for a judgement.
MIN_SAMPLES = 250
#: Smaller changes are of no practical weight: the margin that comparisons use as well.
MARGIN = 0.02
#: Standard errors of the difference beyond which it is no chance. More than the normal 2.3 for a
#: false-alarm rate of 2 %, since the noise is itself estimated from few medians.
LIMIT_SIGMA = 3.3


@dataclass(frozen=True, slots=True)
class Drift:
    """Relative change from the first to the last fifth, and the change that chance allows."""

    change: float  #: 0.05 is 5 % slower at the end
    allowed: float

    @property
    def found(self) -> bool:
        """Whether the change is larger than chance and the margin allow."""
        return abs(self.change) > self.allowed


def find_drift(latency_ns: Int64Array) -> Drift | None:
    """Compare the start with the end of one trial's timed latencies, in the order they ran.

    None for fewer than 250 samples and for series whose medians are not positive.
    """
    if len(latency_ns) < MIN_SAMPLES:
        return None
    stretches = np.array_split(latency_ns, FIFTHS * STRETCHES_PER_FIFTH)
    medians = np.array([np.median(stretch) for stretch in stretches])
    if medians.min() <= 0:
        return None
    fifths = np.log(medians).reshape(FIFTHS, STRETCHES_PER_FIFTH)
    centres = np.median(fifths, axis=1)
    noise = float(np.median(fifths.std(axis=1, ddof=1)))
    error = noise * MEDIAN_OF_FIVE * math.sqrt(2)
    return Drift(
        change=math.expm1(centres[-1] - centres[0]),
        allowed=max(MARGIN, math.expm1(LIMIT_SIGMA * error)),
    )
