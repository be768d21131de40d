"""Runs a plan on the devices at hand: one worker thread per device, one trial at a time on each.

A device that vanishes stops only its own trials. A bug in the harness or a full disk stops the run;
what was measured is stored by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.clock import CancelToken, Clock
from harness.conductor.conductor import Conductor, TrialJob
from harness.conductor.progress import Progress
from harness.errors import UserError
from harness.fleet.repeats import SkipRule
from harness.record import Cause, Failure, Outcome, Trial, TrialRecord
from harness.store.run_writer import RunWriter

#: Makes the job of a trial: its model built or fetched. Raises UserError when that fails.
JobSource = Callable[[Trial], TrialJob]


@dataclass(frozen=True, slots=True)
class DeviceWork:
    """The trials of one device, in order, and the conductor that holds it."""

    conductor: Conductor
    trials: Sequence[Trial]


class EmbeddedExecutor:
    """Executes in this process, which must hold the lease of every device it works on."""

    def __init__(
        self,
        writer: RunWriter,
        jobs: JobSource,
        rules: Sequence[SkipRule],
        *,
        clock: Clock,
        cancel: CancelToken,
        progress: Progress,
        stop_at_failure: bool = False,
    ) -> None:
        self._writer, self._jobs, self._rules = writer, jobs, rules
        self._clock, self._cancel, self._progress = clock, cancel, progress
        self._stop_at_failure = stop_at_failure
        self._bugs: list[BaseException] = []

    def run(self, work: Mapping[str, DeviceWork]) -> None:
        """Work on all devices until every trial has a record or somebody cancels.

        The caller turns Ctrl-C into a cancellation by a signal handler that does not raise: an
        exception inside ``Thread.join`` makes Python 3.11 take a running thread for ended.

        Re-raises the first error that is not a failure of a trial (a full store, a bug) after all
        workers have stopped.
        """
        workers = [
            threading.Thread(target=self._guarded, args=(item,), name=f"device-{device_id}")
            for device_id, item in work.items()
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self._bugs:
            raise self._bugs[0]

    def _guarded(self, work: DeviceWork) -> None:
        try:
            self._work(work)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, see run()
            self._bugs.append(error)
            self._cancel.cancel(f"stopped by an error: {error}")

    def _work(self, work: DeviceWork) -> None:
        gone: TrialRecord | None = None
        for position, trial in enumerate(work.trials, start=1):
            if self._cancel.cancelled:
                return
            if gone is not None:
                self._without_measuring(trial, gone.failure)
                continue
            reasons = (rule.reason_to_skip(trial) for rule in self._rules)
            if (reason := next((one for one in reasons if one is not None), None)) is not None:
                self._skip(trial, reason)
                continue
            self._progress.trial_started(trial, position, len(work.trials))
            record = self._one(work.conductor, trial)
            for rule in self._rules:
                rule.add(record)
            self._progress.trial_finished(record)
            if record.failure is not None:
                gone = record if record.failure.cause is Cause.OFFLINE else None
                if self._stop_at_failure:
                    self._cancel.cancel("stopped at the first failure (-x)")

    def _one(self, conductor: Conductor, trial: Trial) -> TrialRecord:
        try:
            job = self._jobs(trial)
        except UserError as error:
            return self._without_measuring(trial, Failure(Cause.REJECTED, str(error)))
        return conductor.run(job, self._writer.begin_trial(trial))

    def _without_measuring(self, trial: Trial, failure: Failure | None) -> TrialRecord:
        writer = self._writer.begin_trial(trial)
        record = self._record(trial, Outcome.FAILED, attempt=writer.attempt, failure=failure)
        writer.finish(record)
        return record

    def _skip(self, trial: Trial, reason: str) -> None:
        record = self._record(trial, Outcome.SKIPPED, attempt=0, reason=reason)
        self._writer.skip(record)
        self._progress.trial_finished(record)

    def _record(
        self,
        trial: Trial,
        outcome: Outcome,
        *,
        attempt: int,
        reason: str | None = None,
        failure: Failure | None = None,
    ) -> TrialRecord:
        now = _stamp(self._clock.now())
        return TrialRecord(
            run_id=self._writer.run_id,
            trial=trial,
            attempt=attempt,
            outcome=outcome,
            started_at=now,
            ended_at=now,
            reason=reason,
            failure=failure,
            harness=dict(self._writer.plan.harness),
        )


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
