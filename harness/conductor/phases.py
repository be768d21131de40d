"""The phases of one trial, timed, with every failure turned into a :class:`Failure`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.clock import Clock
from harness.conductor.progress import Progress
from harness.errors import (
    BackendRejected,
    Cancelled,
    CatalogueError,
    DeviceBusy,
    DeviceTimeout,
    DeviceUnavailable,
    HarnessError,
    RunnerDied,
    WireError,
)
from harness.record import Cause, Failure, PhaseSpan, Trial

#: In the order a trial goes through them; RESTORE happens whatever came before.
PHASES = (
    "ACQUIRE",
    "PREPARE",
    "GATE",
    "COOL",
    "PUSH",
    "LAUNCH",
    "LOAD",
    "IDLE",  # only where energy is measured; again after MEASURE
    "WARM",
    "MEASURE",
    "DETACHED",  # only with the cable out, in place of IDLE, WARM and MEASURE
    "COMPARE",  # only where delegates are beside plain cpu in a run
    "COLLECT",
    "RESTORE",
)

_CAUSES: tuple[tuple[type[HarnessError], Cause], ...] = (
    (Cancelled, Cause.INTERRUPTED),
    (DeviceUnavailable, Cause.OFFLINE),
    (DeviceBusy, Cause.BUSY),
    (DeviceTimeout, Cause.TIMEOUT),
    (RunnerDied, Cause.CRASHED),
    (BackendRejected, Cause.REJECTED),
    (CatalogueError, Cause.REJECTED),
    (WireError, Cause.PROTOCOL),
)


def failure_of(error: HarnessError) -> Failure:
    """The record of an error that ended a trial."""
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.ERROR)
    if isinstance(error, RunnerDied):
        return Failure(cause, str(error), error.signal_name, error.log_tail)
    return Failure(cause, str(error))


class PhaseLog:
    """Spans of the phases a trial went through."""

    def __init__(self, trial: Trial, clock: Clock, progress: Progress) -> None:
        self._trial, self._clock, self._progress = trial, clock, progress
        self.spans: list[PhaseSpan] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one phase; its span is kept even if it raises."""
        self._progress.phase(self._trial, name)
        started_at_ns = self._clock.monotonic_ns()
        try:
            yield
        finally:
            self.spans.append(PhaseSpan(name, started_at_ns, self._clock.monotonic_ns()))

    def note(self, text: str) -> None:
        """Tell a person at the terminal what to do now."""
        self._progress.note(text)

    def detail(self, name: str, text: str) -> None:
        """Tell the spectators how far a phase has come."""
        self._progress.phase(self._trial, name, text)
