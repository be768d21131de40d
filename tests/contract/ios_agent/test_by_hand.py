"""An app that a person opens serves one trial after the other; those of a process count as one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_agents.ios.agent import IosAgent
from harness.clock import SystemClock
from harness.conditions import Gates
from harness.conductor import conductor as conductor_module
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.processes import Processes
from harness.conductor.progress import Silent
from harness.conductor.session import RunnerSession
from harness.jobs.compare import Question, compare_runs, values_of
from harness.jobs.pairing import sides_of
from harness.record import Cell, DeviceFacts, Outcome, RunPlan, Trial
from harness.scenario import Burst, Prepare, Require, Warmup
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant
from phones.ios.apps import RUNNER_BUNDLE
from reports.csv import cells_csv
from reports.view import build_report

LOAD = Burst(Warmup(rule="none"), inferences=5)
SHARED = "shares its process with an earlier trial"


@pytest.fixture
def by_hand(tmp_path, farm, model, cancel, monkeypatch):
    """Begins, and resumes, a run of trials on an iPhone whose app a person opens."""
    monkeypatch.setattr(conductor_module, "BY_HAND_TIMEOUT_S", 30.0)
    simulated = farm("iphone13-ios17.0")
    phone = simulated.phones[0]
    device_id = f"ios:{phone.udid}"
    path, digest = model(64)
    variant = Variant("scripted", "fp32", ModelFormat.TFLITE, digest, 64, "fp32")
    cell = Cell(device_id, variant, "tflite", "cpu", 1, 1, LOAD)
    trials = tuple(Trial(f"{cell.key}-r{number}", cell, number, number) for number in range(4))
    store = ResultsStore(tmp_path / "results")
    context = RunContext(
        "", DeviceFacts(device_id, {"simulated": True}), {"version": "0"}, Gates(thermal=None),
        20.0, None, Require(), Prepare(start="by_hand"),
    )  # fmt: skip

    def run(run_id, numbers, before=lambda number: None):
        """Records of the trials with these numbers."""
        if (tmp_path / "results" / "runs" / run_id).exists():
            writer = store.resume_run(run_id)
        else:
            plan = RunPlan(run_id, "test", None, "2026-01-01T00:00:00+00:00", trials)
            writer = store.create_run(plan)
        device = IosAgent().open(device_id)
        conductor = Conductor(
            device, replace(context, run_id=run_id), InputFactory(tmp_path / "inputs", 0),
            SystemClock(), cancel, Silent(), Processes(store.resolve(run_id).records()),
        )  # fmt: skip
        try:
            records = []
            for number in numbers:
                before(number)
                trial = trials[number]
                records.append(conductor.run(TrialJob(trial, path), writer.begin_trial(trial)))
            return records
        finally:
            device.close()
            writer.close("complete")

    run.open_app = lambda: simulated.open_app(0)
    run.mend = lambda: setattr(phone.condition, "storage_full", False)
    run.fault = lambda text: simulated.fault(0, text)
    run.read = store.resolve
    yield run
    simulated.call(phone.apps[RUNNER_BUNDLE].kill)


def said(record):
    return record.outcome, "PROCESS-REUSED" in {item.id for item in record.findings}


def test_trials_of_one_process_count_as_one(by_hand):
    by_hand.open_app()
    records = by_hand("one", range(3))
    assert [said(record) for record in records] == [
        (Outcome.OK, False),
        (Outcome.SKIPPED, True),
        (Outcome.SKIPPED, True),
    ], [record.failure for record in records]
    assert {record.reason for record in records[1:]} == {SHARED}
    assert all(record.metrics["latency_p50_ns"] > 0 for record in records)  # stored all the same
    resumed = by_hand("one", [3])  # by another process of the host; the app is the same
    assert [said(record) for record in resumed] == [(Outcome.SKIPPED, True)]

    (side,) = sides_of(by_hand.read("one"))
    assert values_of(side, "latency_p50_ns") == [records[0].metrics["latency_p50_ns"]]
    model = build_report([by_hand.read("one")])
    (cell,) = model.cells
    assert cell.estimates["latency_p50_ns"].n == 1
    assert (cell.counts.ok, cell.counts.skipped) == (1, 3)
    assert [skip.reason for skip in model.skips] == [SHARED] * 3
    assert cells_csv(model).count("\n") == 2  # a head and a row


def test_an_app_that_is_opened_for_each_trial_counts_each_time(by_hand):
    records = by_hand("one", range(3), before=lambda number: by_hand.open_app())
    assert [said(record) for record in records] == [(Outcome.OK, False)] * 3
    (side,) = sides_of(by_hand.read("one"))
    assert len(values_of(side, "latency_p50_ns")) == 3


def test_a_comparison_takes_one_trial_of_each_process(by_hand):
    by_hand.open_app()
    by_hand("one", range(4))
    by_hand("two", range(4), before=lambda number: number % 2 == 0 and by_hand.open_app())
    compared = compare_runs(by_hand.read("one"), by_hand.read("two"), Question(()))
    (row,) = [row for row in compared.rows if row.metric == "latency_p50_ns"]
    assert row.n == (1, 2)
    assert row.word == "inconclusive", row.comparison  # too few, but not incomparable


def test_a_trial_that_failed_does_not_count_for_its_process(by_hand):
    """The next one does, and carries what its process had been through."""
    by_hand.open_app()
    by_hand.fault("storage-full@phase:load")  # no input can be pushed
    first, second, third = by_hand("one", range(3), before=lambda number: by_hand.mend())
    assert (first.outcome, said(second), said(third)) == (
        Outcome.FAILED,
        (Outcome.OK, True),
        (Outcome.SKIPPED, True),
    ), first.failure


def test_a_host_that_is_gone_does_not_keep_the_app(farm, opened, soon, cancel):
    """The next token ends the session of a host that never said bye."""
    simulated = farm("iphone12-ios16")
    simulated.open_app(0)
    device = opened(simulated)
    device.prepare(Prepare(start="by_hand"), soon, cancel)
    readies = []
    for _ in range(2):
        runner = device.launch("tflite", soon, cancel)
        session = RunnerSession(device.device_id, runner, SystemClock())
        readies.append(session.open(soon, cancel))
        session.leave()  # and never comes back
    assert readies[0].session != readies[1].session
    assert readies[0].facts["process"] == readies[1].facts["process"]
    simulated.call(simulated.phones[0].apps[RUNNER_BUNDLE].kill)
