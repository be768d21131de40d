"""What a report reads: one stored run, seen through two small Protocols.

:class:`harness.store` implements them; tests use runs that live in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.record import RunPlan, Trial, TrialRecord
from harness.stats.operators import Profile
from harness.stats.samples import Samples


class TraceLike(Protocol):
    """Readings of one channel in time order."""

    @property
    def at_ns(self) -> NDArray[np.int64]:
        """Times of the readings on the clock the channel names."""

    @property
    def value(self) -> NDArray[np.float64]:
        """The readings, in the channel's unit."""


class TrialSource(Protocol):
    """The latest attempt at one trial."""

    @property
    def record(self) -> TrialRecord:
        """Everything but samples and traces."""

    def samples(self) -> Samples:
        """All inferences, warm-up included; empty when none was stored."""

    def screenshot(self) -> Path | None:
        """The picture of the screen that was kept when something covered the runner."""

    def profile(self) -> Profile | None:
        """Time per operator; None outside the profile pass."""

    def iter_trace_batches(self) -> Iterator[Mapping[str, TraceLike]]:
        """Readings by channel, one bounded stretch of time after another."""


class RunSource(Protocol):
    """One stored run."""

    @property
    def run_id(self) -> str:
        """The run's id."""

    @property
    def plan(self) -> RunPlan:
        """What was decided before the first trial."""

    def missing(self) -> tuple[Trial, ...]:
        """Planned trials that have no record."""

    def trial(self, trial_id: str) -> TrialSource:
        """The latest attempt at a trial that has a record."""
