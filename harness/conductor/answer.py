"""One untimed answer of a timed trial's model, to lay beside the CPU's."""

from __future__ import annotations

from contextlib import suppress

from harness.clock import CancelToken, Clock, Deadline
from harness.conductor.arrays import outputs_of
from harness.conductor.attempt import Attempt
from harness.conductor.measure import SILENCE_S
from harness.conductor.phases import PhaseLog
from harness.conductor.session import RunnerSession
from harness.errors import BackendRejected
from harness.wire.messages import Infer


def keep_answer(
    session: RunnerSession, attempt: Attempt, log: PhaseLog, clock: Clock, cancel: CancelToken
) -> None:
    """Infer the trial's input once more and store what comes.

    A model that fails at this has done its timed work: there is no answer then.
    """
    loaded = attempt.loaded
    if loaded is None or attempt.trial.cell.purpose != "timing":
        return
    with log.phase("COMPARE"), suppress(BackendRejected):
        message = Infer(attempt.input_digests, 0, 1)
        for packet in session.infer(message, Deadline(clock, SILENCE_S), cancel):
            attempt.keep_answer(outputs_of(packet, loaded))
