"""A real child process is killed in the middle of its work; what it was promised is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clock import ManualClock
from harness.errors import StoreError
from harness.record import Cause, Outcome
from harness.store.files import fresh_trial_folder
from harness.store.ledger import Ledger, ledger_state
from harness.store.store import ResultsStore

#: Tells on its standard output what the store has acknowledged, then waits to be killed.
_CHILD = """
import importlib.util, sys
from pathlib import Path
from harness.store.store import ResultsStore
spec = importlib.util.spec_from_file_location("maker", sys.argv[2])
maker = importlib.util.module_from_spec(spec)
sys.modules["maker"] = maker
spec.loader.exec_module(maker)
make = maker.Maker()
trials = [make.trial(index) for index in range(3)]
writer = ResultsStore(Path(sys.argv[1])).create_run(make.plan(*trials))
make.measure(writer, trials[0])
attempt = writer.begin_trial(trials[1])
for seq in range(100_000):
    attempt.add_block(*make.block(seq, 50))
    print(seq, flush=True)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    maker = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "results"), str(maker)]
    root = Path(__file__).resolve().parents[4]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged_until(process: subprocess.Popen[str], block: int) -> int:
    """Wait for ``block``, kill, and read what else was acknowledged until then."""
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= block:
            break
    process.send_signal(signal.SIGKILL)
    rest = [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    return max(rest, default=block)


@pytest.mark.parametrize("block", [0, 37])
def test_every_acknowledged_block_survives_a_kill(
    tmp_path: Path, child: subprocess.Popen[str], block: int, make
) -> None:
    last = acknowledged_until(child, block)
    store = ResultsStore(tmp_path / "results")
    assert store.runs()[0].state == "interrupted"
    assert store.recover() == (store.runs()[0].run_id,)
    assert store.recover() == ()

    run = store.resolve("latest")
    first, cut_off = run.records()
    assert first.outcome is Outcome.OK
    assert cut_off.outcome is Outcome.FAILED
    assert cut_off.failure.cause is Cause.INTERRUPTED
    assert cut_off.findings[0].id == "RECOVERED"
    assert [trial.order for trial in run.missing()] == [2]
    blocks = run.trial(cut_off.trial.id).blocks()
    samples = run.trial(cut_off.trial.id).samples()
    assert len(blocks) > last
    assert list(blocks)[: last + 1] == [make.block(seq, 50)[0] for seq in range(last + 1)]
    assert len(samples) == 50 * len(blocks)
    assert not list(run.folder.rglob("*.arrows"))

    writer = store.resume_run("latest")
    assert sorted(writer.outcomes().values()) == [Outcome.FAILED, Outcome.OK]
    make.measure(writer, cut_off.trial)
    make.measure(writer, run.missing()[0])
    writer.close("complete")
    assert {record.outcome for record in run.records()} == {Outcome.OK}


def test_a_living_owner_is_named_and_left_alone(
    tmp_path: Path, child: subprocess.Popen[str]
) -> None:
    assert child.stdout is not None
    child.stdout.readline()
    store = ResultsStore(tmp_path / "results", clock=ManualClock())
    assert store.runs()[0].state == "running"
    assert store.recover() == ()
    for forbidden in (store.resume_run, store.delete):
        with pytest.raises(StoreError, match=f"process {child.pid} on .* is writing to this run"):
            forbidden("latest")
    child.kill()
    child.wait()
    assert store.runs()[0].state == "interrupted"
    store.delete("latest")
    assert store.runs() == []


def test_a_new_run_recovers_what_an_earlier_one_left(
    tmp_path: Path, child: subprocess.Popen[str], make
) -> None:
    acknowledged_until(child, 3)
    store = ResultsStore(tmp_path / "results")
    store.create_run(make.plan()).close("complete")
    assert len(list(store.resolve(store.runs()[-1].run_id).records())) == 2


class TestKilledBetweenTwoSteps:
    """States that a kill at the wrong moment leaves, made by hand."""

    @pytest.fixture
    def run(self, store: ResultsStore, make):
        writer = store.create_run(make.plan())
        trial = writer.plan.trials[0]
        make.measure(writer, trial, Outcome.FAILED)
        writer.close("interrupted")
        (writer.folder / "lock").touch()
        return writer

    def test_started_in_the_ledger_but_no_folder_yet(self, store, run, clock) -> None:
        self._append(run, clock, "started")
        store.recover()
        record = next(store.resolve("latest").records())
        assert (record.attempt, record.failure.cause) == (2, Cause.INTERRUPTED)
        assert (run.folder / "superseded" / record.trial.id / "1" / "trial.json").exists()

    def test_the_earlier_attempt_moved_away_but_nothing_written(self, store, run, clock) -> None:
        self._append(run, clock, "started")
        fresh_trial_folder(run.folder, run.plan.trials[0].id).rmdir()
        store.recover()
        assert next(store.resolve("latest").records()).attempt == 2

    def test_recorded_but_not_in_the_ledger(self, store, run, make) -> None:
        ledger = run.folder / "ledger.jsonl"
        kept = [line for line in ledger.read_bytes().splitlines(True) if b'"finished"' not in line]
        ledger.write_bytes(b"".join(kept))
        store.recover()
        record = next(store.resolve("latest").records())
        assert (record.attempt, record.failure) == (1, None)
        assert ledger_state(ledger).outcomes == {record.trial.id: Outcome.FAILED}

    def test_settled_but_the_raw_streams_are_still_there(self, store, run, clock, make) -> None:
        folder = run.folder / "trials" / run.plan.trials[0].id
        (folder / "samples.arrows").write_bytes(b"torn")
        (folder / "samples.parquet.tmp").write_bytes(b"torn")
        ledger = run.folder / "ledger.jsonl"
        kept = [line for line in ledger.read_bytes().splitlines(True) if b'"finished"' not in line]
        ledger.write_bytes(b"".join(kept))
        store.recover()
        assert not (folder / "samples.arrows").exists()
        assert not (folder / "samples.parquet.tmp").exists()
        assert len(store.resolve("latest").trial(run.plan.trials[0].id).samples()) == 3

    @staticmethod
    def _append(run, clock, event: str) -> None:
        ledger = Ledger(run.folder / "ledger.jsonl", clock)
        ledger.append(event, trial=run.plan.trials[0].id, attempt=2)
        ledger.close()
