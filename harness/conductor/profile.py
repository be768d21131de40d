"""The profile pass: the engine's own profiler tells where time goes, in place of timed blocks."""

from __future__ import annotations

from harness.clock import CancelToken, Clock, Deadline
from harness.conductor.attempt import Attempt
from harness.conductor.phases import PhaseLog
from harness.conductor.session import RunnerSession
from harness.errors import BackendRejected, WireError
from harness.record import Cell
from harness.scenario import Burst
from harness.stats.operators import Profile, ProfileError, read_profile
from harness.wire.messages import ProfileRequest

#: All profiled inferences together, and a second session of the model before them.
PROFILE_TIMEOUT_S = 900.0


def take_profile(
    session: RunnerSession,
    cell: Cell,
    inputs: tuple[str, ...],
    clock: Clock,
    cancel: CancelToken,
) -> Profile:
    """Profile the loaded model as the cell's load says.

    Raises BackendRejected with the code ``unsupported`` where the engine has no profiler, and
    WireError where what it wrote cannot be understood.
    """
    load = cell.load
    if not isinstance(load, Burst):
        raise TypeError(f"a profile pass is a burst, not {load.kind}")
    request = ProfileRequest(inputs, load.inferences, load.warmup.min_inferences)
    deadline = Deadline(clock, PROFILE_TIMEOUT_S)
    answer, written = session.profile(request, deadline, cancel)
    try:
        return read_profile(answer.format, written, answer.count, answer.warmup)
    except ProfileError as error:
        raise WireError(session.device_id, str(error)) from error


def profile_pass(
    session: RunnerSession,
    inputs: tuple[str, ...],
    attempt: Attempt,
    log: PhaseLog,
    clock: Clock,
    cancel: CancelToken,
) -> None:
    """Store the profile of a trial; an engine that has no profiler leaves the trial out."""
    attempt.input_digests = inputs
    try:
        with log.phase("MEASURE"):
            cell = attempt.trial.cell
            attempt.add_profile(take_profile(session, cell, inputs, clock, cancel))
    except BackendRejected as refused:
        if refused.code != "unsupported":
            raise
        attempt.unavailable = f"no profile: {refused.text}"
