"""A run while it is being measured."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.clock import Clock
from harness.errors import StoreError
from harness.record import Outcome, RunPlan, Trial, TrialRecord
from harness.store import layout
from harness.store.documents import read_plan, write_plan, write_record
from harness.store.files import fresh_trial_folder, sync_folder, translated
from harness.store.ledger import OWN_EVENTS, Ledger, LedgerState
from harness.store.lock import RunLock
from harness.store.recovery import recover_unfinished
from harness.store.trial_writer import TrialWriter

#: Told when a session begins or ends and after each trial, so that the index can follow.
Changed = Callable[[Path, RunPlan, LedgerState], None]


class RunWriter:
    """The one writer of a run. Its methods may be called from several worker threads at once."""

    def __init__(
        self, folder: Path, plan: RunPlan, lock: RunLock, clock: Clock, changed: Changed
    ) -> None:
        """Open a run that ``lock`` makes ours, and recover what a killed owner left.

        Made by :func:`create` and :func:`resume`.
        """
        self.folder, self.plan, self.run_id = folder, plan, plan.run_id
        self._clock, self._changed = clock, changed
        self._mutex = threading.RLock()
        self._trial_ids = {trial.id for trial in plan.trials}
        self._ledger = Ledger(folder / layout.LEDGER, clock)
        self._lock: RunLock | None = lock
        try:
            recover_unfinished(folder, plan, self._ledger)
            self._ledger.append("opened")
        except BaseException:
            self._ledger.close()
            raise
        self._tell()

    def begin_trial(self, trial: Trial) -> TrialWriter:
        """Begin the next attempt at a planned trial; an earlier attempt's files are set aside."""
        self._expect_planned(trial)
        with self._mutex:
            attempt = self._ledger.state.attempts.get(trial.id, 0) + 1
            self._ledger.append("started", trial=trial.id, attempt=attempt)
            with translated(self.folder):
                folder = fresh_trial_folder(self.folder, trial.id)
        return TrialWriter(trial, attempt, folder, self._clock, self._finished)

    def skip(self, record: TrialRecord) -> None:
        """Store the SKIPPED record of a trial that was not tried."""
        self._expect_planned(record.trial)
        with self._mutex:
            with translated(self.folder):
                folder = fresh_trial_folder(self.folder, record.trial.id)
            write_record(folder / layout.TRIAL, record)
            self._append("skipped", record)

    def amend(self, record: TrialRecord) -> None:
        """Replace the record of an ended attempt: what only the whole run shows is known now."""
        self._expect_planned(record.trial)
        with self._mutex:
            folder = layout.trial_folder(self.folder, record.trial.id)
            write_record(folder / layout.TRIAL, record)
            self._append("amended", record)

    def outcomes(self) -> dict[str, Outcome]:
        """The latest outcome of every trial that ended, by trial id."""
        with self._mutex:
            return dict(self._ledger.state.outcomes)

    def note(self, event: str, **fields: object) -> None:
        """Add a line of one's own to the ledger."""
        if event in OWN_EVENTS or not fields.keys().isdisjoint({"event", "at"}):
            raise ValueError(f"{event!r} with {sorted(fields)} is the ledger's own")
        with self._mutex:
            self._ledger.append(event, **fields)

    def close(self, state: str) -> None:
        """End this session: ``complete`` or ``interrupted``. Closing twice does no harm.

        Trials begun and not finished become FAILED (INTERRUPTED). Should that fail, as on a full
        disk, the next start does it.
        """
        with self._mutex:
            if self._lock is None:
                return
            lock, self._lock = self._lock, None
            settled = False
            try:
                recover_unfinished(self.folder, self.plan, self._ledger)
                self._ledger.append("closed", state=state)
                settled = True
            finally:
                self._ledger.close()
                lock.release(keep=not settled)
            self._tell()

    def _finished(self, record: TrialRecord) -> None:
        with self._mutex:
            self._append("finished", record)
            self._tell()

    def _append(self, event: str, record: TrialRecord) -> None:
        self._ledger.append(
            event, trial=record.trial.id, attempt=record.attempt, outcome=record.outcome
        )

    def _tell(self) -> None:
        with suppress(StoreError):  # the index is a cache: it catches up when it is next read
            self._changed(self.folder, self.plan, self._ledger.state)

    def _expect_planned(self, trial: Trial) -> None:
        if trial.id not in self._trial_ids:
            raise ValueError(f"{trial.id} is not in the plan of {self.run_id}")


def create(runs_folder: Path, plan: RunPlan, clock: Clock, changed: Changed) -> RunWriter:
    """Make a new run's folder and open it; a run id that is taken gets a number behind it.

    When that fails, nothing of the run stays.
    """
    with translated(runs_folder):
        runs_folder.mkdir(parents=True, exist_ok=True)
        folder = _exclusive_folder(runs_folder, layout.safe_name(plan.run_id))
    plan = replace(plan, run_id=folder.name)
    lock = None
    try:
        lock = RunLock(folder, clock)
        write_plan(folder / layout.PLAN, plan)
        writer = RunWriter(folder, plan, lock, clock, changed)
        with translated(folder):
            sync_folder(folder)
            sync_folder(runs_folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            lock.release()
        raise
    return writer


def resume(folder: Path, clock: Clock, changed: Changed) -> RunWriter:
    """Open an existing run for more trials; StoreError naming its owner while it has one."""
    lock = RunLock(folder, clock)
    try:
        return RunWriter(folder, read_plan(folder / layout.PLAN), lock, clock, changed)
    except BaseException:
        lock.release(keep=True)
        raise


def _exclusive_folder(runs_folder: Path, run_id: str) -> Path:
    """A folder that this call made itself, so that two runs never share one."""
    for number in itertools.count(1):
        folder = runs_folder / (run_id if number == 1 else f"{run_id}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("unreachable: the numbers do not end")
