"""What becomes of a trial whose process was killed: its blocks so far, under a FAILED record."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from harness.clock import Clock
from harness.findings import finding
from harness.record import Cause, Failure, Outcome, RunPlan, Trial, TrialRecord
from harness.store import layout
from harness.store.columns import Blocks
from harness.store.documents import read_plan, read_record
from harness.store.files import fresh_trial_folder, translated
from harness.store.ledger import Ledger, Started
from harness.store.lock import RunLock
from harness.store.summary import INTERRUPTED
from harness.store.trial_data import RawData, drop_raw
from harness.store.trial_writer import write_trial


def recover_unfinished(run_folder: Path, plan: RunPlan, ledger: Ledger) -> None:
    """Give every attempt that was begun and not ended a record; the caller owns the run."""
    trials = {trial.id: trial for trial in plan.trials}
    for trial_id, started in tuple(ledger.state.unfinished.items()):
        record = _recover(run_folder, plan.run_id, trials[trial_id], started)
        ledger.append(
            "finished",
            trial=trial_id,
            attempt=record.attempt,
            outcome=record.outcome,
            recovered=True,
        )


def mend_run(run_folder: Path, clock: Clock) -> None:
    """Recover a run whose owner died. StoreError when it lives, or the run cannot be mended."""
    lock = RunLock(run_folder, clock)
    mended = False
    try:
        plan = read_plan(run_folder / layout.PLAN)
        with closing(Ledger(run_folder / layout.LEDGER, clock)) as ledger:
            recover_unfinished(run_folder, plan, ledger)
            if ledger.state.closed is None:
                ledger.append("closed", state=INTERRUPTED)
        mended = True
    finally:
        lock.release(keep=not mended)


def _recover(run_folder: Path, run_id: str, trial: Trial, started: Started) -> TrialRecord:
    folder = layout.trial_folder(run_folder, trial.id)
    path = folder / layout.TRIAL
    stored = read_record(path) if path.exists() else None
    if stored is not None and stored.attempt == started.attempt:
        drop_raw(folder)  # killed after trial.json was there: only the ledger's line was missing
        return stored
    if stored is not None or not folder.exists():  # killed before it had a folder of its own
        folder = fresh_trial_folder(run_folder, trial.id)
    record = _interrupted(folder, run_id, trial, started)
    write_trial(folder, record, log="", taints={})
    drop_raw(folder)
    return record


def _interrupted(folder: Path, run_id: str, trial: Trial, started: Started) -> TrialRecord:
    blocks = RawData(folder).blocks({})
    seen = f"the process ended during the trial; {_amount(blocks)} had been stored"
    return TrialRecord(
        run_id=run_id,
        trial=trial,
        attempt=started.attempt,
        outcome=Outcome.FAILED,
        started_at=started.at,
        ended_at=_last_sign_of_life(folder) or started.at,
        failure=Failure(Cause.INTERRUPTED, seen),
        findings=(finding("RECOVERED", seen),),
    )


def _amount(blocks: Blocks) -> str:
    timed = int(blocks.counts[blocks.timed].sum())
    return f"{len(blocks)} blocks with {timed} timed inferences"


def _last_sign_of_life(folder: Path) -> str | None:
    """When something was last written for the trial, in UTC."""
    with translated(folder):
        times = [file.stat().st_mtime for file in folder.glob("*.arrows")]
    return datetime.fromtimestamp(max(times), UTC).isoformat() if times else None
