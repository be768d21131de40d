"""The executor with made-up conductors and the real store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clock import CancelToken, ManualClock
from harness.conductor.conductor import TrialJob
from harness.conductor.progress import Silent
from harness.errors import CatalogueError
from harness.fleet.executor import DeviceWork, EmbeddedExecutor
from harness.fleet.repeats import RepeatRule
from harness.record import Cause, Cell, Failure, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import Burst, Repeats
from harness.store.store import ResultsStore
from harness.store.trial_writer import TrialWriter
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "d" * 64, 1)


def trials_of(device_id: str, repeats: int) -> list[Trial]:
    cell = Cell(device_id, VARIANT, "tflite", "cpu", 1, 1, Burst())
    return [Trial(f"{device_id}-r{repeat}", cell, repeat, repeat) for repeat in range(repeats)]


class MadeUpConductor:
    """Finishes each trial with the next of ``failures`` (None: OK, with the next latency)."""

    def __init__(self, failures: list[Failure | None], latencies: list[float] | None = None):
        self._failures = iter(failures)
        self._latencies = iter(latencies or [])
        self.ran: list[str] = []
        self.threads: set[str] = set()
        self.hook: Callable[[], None] = lambda: None

    def run(self, job: TrialJob, writer: TrialWriter) -> TrialRecord:
        self.ran.append(job.trial.id)
        self.threads.add(threading.current_thread().name)
        self.hook()
        failure = next(self._failures, None)
        record = TrialRecord(
            run_id="run",
            trial=job.trial,
            attempt=writer.attempt,
            outcome=Outcome.FAILED if failure else Outcome.OK,
            started_at="2026-01-01T00:00:00+00:00",
            ended_at="2026-01-01T00:00:00+00:00",
            failure=failure,
            metrics={"latency_p50_ns": next(self._latencies, 1e6)},
        )
        writer.finish(record)
        return record


@pytest.fixture
def execute(tmp_path: Path):
    """Execute conductors' trials; the records by trial id."""

    def run(
        work: dict[str, tuple[MadeUpConductor, list[Trial]]],
        repeats: Repeats | None = None,
        cancel: CancelToken | None = None,
        jobs: Callable[[Trial], TrialJob] = lambda trial: TrialJob(trial, Path("model")),
        **options: bool,
    ) -> dict[str, TrialRecord]:
        trials = tuple(trial for _, several in work.values() for trial in several)
        plan = RunPlan("run", "test", None, "2026-01-01T00:00:00+00:00", trials)
        store = ResultsStore(tmp_path)
        writer = store.create_run(plan)
        executor = EmbeddedExecutor(
            writer,
            jobs,
            [RepeatRule(repeats or Repeats())],
            clock=ManualClock(),
            cancel=cancel or CancelToken(),
            progress=Silent(),
            **options,
        )
        try:
            executor.run({name: DeviceWork(c, several) for name, (c, several) in work.items()})  # type: ignore[arg-type]
        finally:
            writer.close("complete")
        return {record.trial.id: record for record in store.resolve("run").records()}

    return run


def test_every_device_has_a_worker_of_its_own_and_runs_in_order(execute) -> None:
    one, two = MadeUpConductor([]), MadeUpConductor([])
    records = execute({"a": (one, trials_of("a", 3)), "b": (two, trials_of("b", 2))})
    assert one.ran == ["a-r0", "a-r1", "a-r2"]
    assert two.ran == ["b-r0", "b-r1"]
    assert one.threads == {"device-a"}
    assert two.threads == {"device-b"}
    assert {record.outcome for record in records.values()} == {Outcome.OK}


def test_a_crash_does_not_stop_the_run(execute) -> None:
    conductor = MadeUpConductor([Failure(Cause.CRASHED, "boom"), None])
    records = execute({"a": (conductor, trials_of("a", 3))})
    assert [records[f"a-r{n}"].outcome for n in range(3)] == ["FAILED", "OK", "OK"]


def test_a_device_that_vanishes_stops_only_its_own_trials(execute) -> None:
    gone = MadeUpConductor([None, Failure(Cause.OFFLINE, "unplugged")])
    well = MadeUpConductor([])
    records = execute({"a": (gone, trials_of("a", 4)), "b": (well, trials_of("b", 4))})
    assert gone.ran == ["a-r0", "a-r1"]
    assert [records[f"a-r{n}"].outcome for n in range(4)] == ["OK", "FAILED", "FAILED", "FAILED"]
    last = records["a-r3"].failure
    assert last is not None
    assert last.cause is Cause.OFFLINE
    assert {records[f"b-r{n}"].outcome for n in range(4)} == {Outcome.OK}


def test_x_stops_at_the_first_failure(execute) -> None:
    conductor = MadeUpConductor([None, Failure(Cause.CRASHED, "boom")])
    records = execute({"a": (conductor, trials_of("a", 4))}, stop_at_failure=True)
    assert sorted(records) == ["a-r0", "a-r1"]


def test_cancelling_leaves_the_rest_for_resume(execute) -> None:
    cancel = CancelToken()
    conductor = MadeUpConductor([])
    conductor.hook = lambda: cancel.cancel("interrupted") if len(conductor.ran) == 2 else None
    records = execute({"a": (conductor, trials_of("a", 4))}, cancel=cancel)
    assert sorted(records) == ["a-r0", "a-r1"]


def test_enough_repeats_skip_the_rest_with_the_reason(execute) -> None:
    conductor = MadeUpConductor([], latencies=[1.000e6, 1.001e6, 1.002e6, 9e6])
    records = execute(
        {"a": (conductor, trials_of("a", 6))}, repeats=Repeats(min=3, max=6, until_ci=0.02)
    )
    assert len(conductor.ran) == 3
    assert [records[f"a-r{n}"].outcome for n in range(6)] == ["OK"] * 3 + ["SKIPPED"] * 3
    assert "after 3 trials" in str(records["a-r5"].reason)


def test_wide_intervals_use_all_repeats(execute) -> None:
    conductor = MadeUpConductor([], latencies=[1e6, 2e6, 3e6, 4e6, 5e6])
    execute({"a": (conductor, trials_of("a", 5))}, repeats=Repeats(min=3, max=5, until_ci=0.02))
    assert len(conductor.ran) == 5


def test_failed_trials_do_not_count_towards_the_interval(execute) -> None:
    boom = Failure(Cause.CRASHED, "boom")
    conductor = MadeUpConductor([boom, boom, boom, None], latencies=[1e6] * 9)
    execute({"a": (conductor, trials_of("a", 7))}, repeats=Repeats(min=3, max=7, until_ci=0.02))
    assert len(conductor.ran) == 6


def test_a_model_that_cannot_be_had_fails_its_trials_only(execute) -> None:
    def jobs(trial: Trial) -> TrialJob:
        if trial.repeat == 0:
            raise CatalogueError("the file is gone")
        return TrialJob(trial, Path("model"))

    conductor = MadeUpConductor([])
    records = execute({"a": (conductor, trials_of("a", 2))}, jobs=jobs)
    failure = records["a-r0"].failure
    assert failure is not None
    assert (failure.cause, failure.message) == (Cause.REJECTED, "the file is gone")
    assert records["a-r1"].outcome is Outcome.OK


def test_a_bug_stops_all_devices_and_reaches_the_caller(execute) -> None:
    def bug() -> None:
        raise ZeroDivisionError("a bug")

    conductor = MadeUpConductor([])
    conductor.hook = bug
    with pytest.raises(ZeroDivisionError, match="a bug"):
        execute({"a": (conductor, trials_of("a", 3))})
    assert conductor.ran == ["a-r0"]
