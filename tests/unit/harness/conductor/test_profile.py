"""The profile pass of a trial: stored beside it, left out where there is no profiler."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.plan.matrix import profile_load
from harness.record import Cause, DeviceFacts, Outcome, RunPlan
from harness.scenario import Gates, Prepare, ProfilePass, Require
from harness.store.store import ResultsStore

RUN = [
    {"tag": "Invoke", "type": 1, "us": 100},
    {"tag": "CONV_2D", "type": 2, "us": 80},
    {"tag": "Softmax (NC, F32)", "type": 8, "us": 10},
]


@pytest.fixture
def profiled(tmp_path: Path, scripted, make_trial):
    """Runs a profile pass; the trial as it was stored."""

    def run(inferences: int = 2, warmup: int = 1):
        load = profile_load(ProfilePass(inferences, warmup))
        trial = make_trial(load, purpose="profile")
        plan = RunPlan("run", "test", None, "2026-01-01T00:00:00+00:00", (trial,))
        store = ResultsStore(tmp_path / "results")
        writer = store.create_run(plan)
        context = RunContext(
            run_id="run",
            facts=DeviceFacts("local"),
            harness={"version": "0"},
            gates=Gates(),
            telemetry_rate_hz=1.0,
            memory=None,
            require=Require(),
            prepare=Prepare(),
        )
        inputs = InputFactory(tmp_path / "inputs")
        conductor = Conductor(scripted, context, inputs, scripted.clock, scripted.cancel, Silent())
        (tmp_path / "model").write_bytes(b"model")
        conductor.run(TrialJob(trial, tmp_path / "model"), writer.begin_trial(trial))
        writer.close("complete")
        return store.resolve("run").trial(trial.id)

    return run


def test_what_the_profiler_wrote_is_stored_and_never_a_latency(profiled, script, scripted) -> None:
    script.profile = json.dumps(RUN * 3).encode()
    stored = profiled()
    record = stored.record
    assert record.outcome is Outcome.OK
    assert "profile 2 after 1" in scripted.calls.names
    assert record.metrics == {"size_bytes": 1000, "operators_ns": 90_000}
    assert record.trial.cell.primary_metric == "operators_ns"
    profile = stored.profile()
    assert profile is not None
    conv, softmax = profile.nodes
    assert (conv.op_type, conv.processor, conv.total_ns) == ("CONV_2D", "CPU", 160_000)
    assert (softmax.op_type, softmax.processor) == ("Softmax", "CPU (XNNPACK)")
    assert len(stored.samples()) == 0


def test_an_engine_without_a_profiler_leaves_the_trial_out_with_its_reason(profiled) -> None:
    stored = profiled()
    assert stored.record.outcome is Outcome.SKIPPED
    assert stored.record.reason == "no profile: no profiler here"
    assert stored.record.failure is None
    assert stored.profile() is None


@pytest.mark.parametrize("written", [b"", b"[]", json.dumps(RUN).encode()])
def test_a_profile_that_is_none_is_a_failure_and_not_a_number(profiled, script, written) -> None:
    script.profile = written
    record = profiled().record
    assert record.outcome is Outcome.FAILED
    assert record.failure is not None
    assert record.failure.cause is Cause.PROTOCOL
    assert "operators_ns" not in record.metrics
