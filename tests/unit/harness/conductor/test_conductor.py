"""Whole trials on a manual clock, through the real session, codec and store."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clock import ManualClock
from harness.conditions import Gates
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.record import (
    Cause,
    DeviceFacts,
    Outcome,
    PlacementVerdict,
    RunPlan,
    Trial,
    TrialRecord,
)
from harness.scenario import (
    Burst,
    Cold,
    MemoryPass,
    Prepare,
    Require,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.store.run_writer import RunWriter
from harness.store.store import ResultsStore
from harness.wire.messages import Error

ONE_SECOND = SingleStream(min_seconds=1.0, min_inferences=10)
PHASES = [
    *("ACQUIRE", "PREPARE", "GATE", "COOL", "PUSH", "LAUNCH", "LOAD"),
    *("WARM", "MEASURE", "COLLECT", "RESTORE"),
]


@pytest.fixture
def run_trial(tmp_path: Path, scripted):
    """Run one trial of a load and give its record, and where it was stored."""

    def run(trial: Trial, **context: object) -> tuple[TrialRecord, RunWriter]:
        plan = RunPlan("run", "test", None, "2026-01-01T00:00:00+00:00", (trial,))
        writer = ResultsStore(tmp_path / "results").create_run(plan)
        fields: dict[str, object] = {
            "gates": Gates(),
            "telemetry_rate_hz": 1.0,
            "memory": None,
            "require": Require(),
            "prepare": Prepare(),
        }
        conductor = Conductor(
            scripted,
            RunContext("run", DeviceFacts("local"), {"version": "0"}, **(fields | context)),
            InputFactory(tmp_path / "inputs"),
            scripted.clock,
            scripted.cancel,
            Silent(),
        )
        model = tmp_path / "model"
        model.write_bytes(b"model")
        record = conductor.run(TrialJob(trial, model), writer.begin_trial(trial))
        writer.close("complete")
        return record, writer

    return run


def test_a_good_trial_has_every_phase_and_number(run_trial, make_trial, scripted) -> None:
    record, writer = run_trial(make_trial(ONE_SECOND))
    assert record.outcome is Outcome.OK
    assert [span.name for span in record.phases] == PHASES
    assert record.metrics["latency_p50_ns"] == scripted.script.latency_ns
    assert record.metrics["load_ns"] == 200
    assert record.metrics["first_ns"] == scripted.script.latency_ns
    assert record.metrics["rss_peak_bytes"] == 120
    assert record.load_times.launch_ns is not None
    assert record.outputs[0].scale == 0.5
    assert record.engine["version"] == "1"
    assert len(record.input_digests) == 1
    assert {offset.offset_ns for offset in record.clock_offsets} == {7_000}
    stored = ResultsStore(writer.folder.parents[1]).resolve("run").trial(record.trial.id)
    assert stored.record == record
    assert stored.log() == "the runner's log"
    assert len(stored.samples().timed_only) == record.metrics["inferences"]


def test_a_channel_that_cannot_be_read_stays_unavailable(run_trial, make_trial) -> None:
    record, _ = run_trial(make_trial(ONE_SECOND))
    (skin,) = [channel for channel in record.channels if channel.unavailable]
    assert skin.unavailable == "no sensor"
    assert not any("skin" in name for name in record.metrics)


def test_a_crash_keeps_its_signal_and_log_and_the_device_is_restored(
    run_trial, make_trial, scripted, script
) -> None:
    script.dies_at_block = 4
    record, writer = run_trial(make_trial(ONE_SECOND))
    assert record.outcome is Outcome.FAILED
    assert record.failure is not None
    assert (record.failure.cause, record.failure.signal_name) == (Cause.CRASHED, "SIGSEGV")
    assert "boom" in record.failure.log_tail
    assert scripted.calls.names[-1] == "restore"
    assert record.phases[-1].name == "RESTORE"
    blocks = ResultsStore(writer.folder.parents[1]).resolve("run").trial(record.trial.id).blocks()
    assert len(blocks) == 3  # what was measured before is kept


def test_a_refused_model_is_rejected_in_the_engines_own_words(
    run_trial, make_trial, script
) -> None:
    script.load_error = Error("model-rejected", "op FOO is unknown", fatal=True)
    record, _ = run_trial(make_trial(ONE_SECOND))
    assert record.failure is not None
    assert record.failure.cause is Cause.REJECTED
    assert "op FOO is unknown" in record.failure.message


def test_an_inference_that_never_returns_times_out(run_trial, make_trial, scripted, script) -> None:
    script.hangs_at_block = 3
    record, _ = run_trial(make_trial(ONE_SECOND))
    assert record.failure is not None
    assert record.failure.cause is Cause.TIMEOUT
    assert "kill" in scripted.calls.names
    assert scripted.calls.names[-1] == "restore"


def test_cancelling_keeps_what_was_measured(run_trial, make_trial, scripted, script) -> None:
    script.cancel_at_block = 5
    record, _ = run_trial(make_trial(ONE_SECOND))
    assert record.outcome is Outcome.FAILED
    assert record.failure is not None
    assert record.failure.cause is Cause.INTERRUPTED
    assert scripted.calls.names[-1] == "restore"


def test_a_device_that_is_gone_is_offline(run_trial, make_trial, scripted, script) -> None:
    script.offline_after = 0
    record, _ = run_trial(make_trial(ONE_SECOND))
    assert record.failure is not None
    assert record.failure.cause is Cause.OFFLINE
    assert "launch" not in scripted.calls.names


def test_forbidden_findings_make_a_trial_invalid(run_trial, make_trial) -> None:
    load = SingleStream(min_seconds=0.5, min_inferences=5, max_seconds=600)
    record, _ = run_trial(make_trial(load), require=Require(absent=("TAIL-UNSUPPORTED",)))
    assert record.outcome is Outcome.INVALID
    assert "TAIL-UNSUPPORTED" in str(record.reason)
    assert record.metrics["latency_p50_ns"] > 0


def test_a_delegate_that_fell_back_is_invalid(run_trial, make_trial, script) -> None:
    script.log = "ERROR: Failed to apply GPU delegate."
    record, _ = run_trial(make_trial(ONE_SECOND, delegate="gpu"))
    assert record.outcome is Outcome.INVALID
    assert record.placed is not None
    assert record.placed.verdict is PlacementVerdict.FELL_BACK
    assert "FELL-BACK" in [item.id for item in record.findings]
    assert record.metrics["latency_p50_ns"] > 0


def test_a_placement_that_nobody_proves_is_noted(run_trial, make_trial) -> None:
    record, _ = run_trial(make_trial(ONE_SECOND, delegate="gpu"))
    assert record.outcome is Outcome.OK
    assert "PLACEMENT-UNPROVEN" in [item.id for item in record.findings]
    required, _ = run_trial(make_trial(Cold(), delegate="gpu"), require=Require(placement="full"))
    assert required.outcome is Outcome.INVALID


def test_a_model_that_was_never_loaded_has_no_placement(run_trial, make_trial, script) -> None:
    script.load_error = Error("delegate-rejected", "no GPU")
    record, _ = run_trial(make_trial(ONE_SECOND, delegate="gpu"))
    assert (record.outcome, record.placed) == (Outcome.FAILED, None)


def test_cold_start_is_one_pipelined_inference_after_a_primer(
    run_trial, make_trial, scripted
) -> None:
    record, _ = run_trial(make_trial(Cold()))
    assert record.outcome is Outcome.OK
    assert scripted.calls.names.count("launch") == 2
    assert record.metrics["cold_start_ns"] == 100_000_000 + scripted.script.latency_ns
    assert record.metrics["inferences"] == 1
    assert "WARM" not in [span.name for span in record.phases]


def test_the_memory_pass_reads_after_settling(run_trial, make_trial, scripted) -> None:
    memory = MemoryPass(settle_minutes=1, every_seconds=10, readings=5)
    trial = make_trial(Sustained(seconds=110, warmup=Warmup(rule="none")), purpose="memory")
    record, _ = run_trial(trial, memory=memory)
    assert record.metrics["rss_steady_bytes"] == 100
    assert record.metrics["pss_steady_bytes"] == 80
    assert "latency_p50_ns" not in record.metrics


def test_three_days_pass_in_moments_with_every_sample_kept(
    run_trial, make_trial, scripted, script
) -> None:
    script.latency_ns = 30_000_000_000
    hours = 72
    record, _ = run_trial(make_trial(Sustained(seconds=hours * 3600)), telemetry_rate_hz=0.1)
    assert record.outcome is Outcome.OK
    assert record.metrics["inferences"] == pytest.approx(hours * 3600 / 30, rel=1e-3)
    assert len(record.clock_offsets) >= hours * 120  # a ping after every inference here
    assert isinstance(scripted.clock, ManualClock)


def test_a_burst_is_exact(run_trial, make_trial) -> None:
    record, _ = run_trial(make_trial(Burst(inferences=20)))
    assert record.metrics["inferences"] == 20
    assert record.metrics["warmup_inferences"] == 3


def test_settings_that_could_not_be_made_are_a_finding(run_trial, scripted, make_trial):
    scripted.unprepared = ("refresh_hz: the phone shows 60 Hz only",)
    record, _ = run_trial(make_trial(Burst()))
    (doubt,) = [item for item in record.findings if item.id == "NOT-PREPARED"]
    assert doubt.seen == "refresh_hz: the phone shows 60 Hz only"


def test_an_answer_is_kept_where_delegates_are_compared(run_trial, make_trial, scripted) -> None:
    trial = make_trial(Burst(), delegate="xnnpack")
    record, writer = run_trial(trial, compare_outputs=True)
    assert record.outcome is Outcome.OK
    assert "infer 0 to 1" in scripted.calls.names
    stored = ResultsStore(writer.folder.parents[1]).resolve("run").trial(trial.id)
    assert [answer.tolist() for answer in stored.outputs()] == [[[9, 5]]]
    names = [span.name for span in record.phases]
    assert names.index("COMPARE") == names.index("MEASURE") + 1
    assert record.metrics["inferences"] == 50  # the answer is none of the timed ones


def test_no_answer_is_asked_for_otherwise(run_trial, make_trial, scripted) -> None:
    run_trial(make_trial(Burst()))
    assert not any(name.startswith("infer") for name in scripted.calls.names)
