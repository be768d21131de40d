from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.findings import Severity, finding
from harness.record import BlockRecord, DeviceFacts, Outcome
from harness.scenario import (
    Burst,
    Cold,
    MemoryPass,
    Offline,
    Periodic,
    Require,
    SingleStream,
    Sustained,
)
from harness.validity.checks import apply_require, check_cell, check_trial

FOREIGN = "device.foreign_cpu_percent"


def ids(evidence):
    return [item.id for item in check_trial(evidence)]


def seen(evidence, kind):
    return next(item.seen for item in check_trial(evidence) if item.id == kind)


def with_load(cell, load, **changes):
    return replace(cell, load=load, **changes)


def test_a_blameless_trial_has_no_findings(evidence):
    assert check_trial(evidence()) == ()


def test_all_that_can_be_wrong_at_once_keeps_a_stable_order(evidence, cell):
    spoilt = evidence(
        latency_ns=np.concatenate([np.full(500, 10_000_000), np.full(500, 12_000_000)]),
        facts=DeviceFacts("local", {"governor": "schedutil", "simulated": True}),
        warmup_capped=True,
        gate_timeout="others use 80 %",
        unprepared=("airplane: adb comes over Wi-Fi",),
        cpu_share=0.5,
        cell=replace(cell, variant=replace(cell.variant, findings=("SYNTHETIC-MODEL",))),
    )
    assert ids(spoilt) == [
        "SIMULATED-DEVICE",
        "SYNTHETIC-MODEL",
        "GOVERNOR-NOT-FIXED",
        "GATE-TIMEOUT",
        "NOT-PREPARED",
        "FEW-SAMPLES",
        "WARMUP-CAPPED",
        "DRIFT",
        "CPU-STARVED",
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_samples(evidence, count):
    found = ids(evidence(latency_ns=np.full(count, 10_000_000)))
    assert found == (["FEW-SAMPLES", "TAIL-UNSUPPORTED"] if count else ["FEW-SAMPLES"])


# --- how much each load promises ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "count", "enough"),
    [
        (SingleStream(min_seconds=10, min_inferences=500), 1_000, True),
        (SingleStream(min_seconds=10, min_inferences=2_000), 1_000, False),
        (SingleStream(min_seconds=20, min_inferences=500), 1_000, False),
        (Burst(inferences=50), 50, True),
        (Burst(inferences=50), 49, False),
        (Offline(samples=1_000), 1_000, True),
        (Offline(samples=1_000), 999, False),
        (Sustained(seconds=10), 1_000, True),
        (Sustained(seconds=11), 1_000, False),
    ],
)
def test_each_load_is_held_to_what_it_asked_for(evidence, cell, load, count, enough):
    found = ids(evidence(latency_ns=np.full(count, 10_000_000), cell=with_load(cell, load)))
    assert ("FEW-SAMPLES" not in found) is enough


def test_offline_counts_inputs_not_batches(evidence, cell):
    latency = np.full(125, 10_000_000)
    batched = with_load(cell, Offline(samples=1_000), batch=8)
    assert "FEW-SAMPLES" not in ids(evidence(latency_ns=latency, cell=batched))


def test_a_periodic_load_counts_dropped_frames_as_arrived(evidence, cell):
    camera = with_load(cell, Periodic(rate_hz=30, seconds=10))
    latency = np.full(250, 10_000_000)
    blocks = [BlockRecord(1, True, 250, 0, 10**10, 2_500_000_000, dropped=50)]
    assert "FEW-SAMPLES" not in ids(evidence(latency_ns=latency, cell=camera, blocks=blocks))
    blocks = [replace(blocks[0], dropped=0)]
    few = evidence(latency_ns=latency, cell=camera, blocks=blocks)
    assert seen(few, "FEW-SAMPLES") == "250 of 297 frames"


def test_what_is_missing_is_told(evidence):
    few = evidence(latency_ns=np.full(100, 10_000_000))
    assert seen(few, "FEW-SAMPLES") == "100 of 1024 inferences and 1.0 s of 1 min 00 s"


def test_a_cold_start_is_one_inference_and_judged_as_such(evidence, cell):
    cold = evidence(latency_ns=np.array([10_000_000]), cell=with_load(cell, Cold()), cpu_share=0.1)
    assert ids(cold) == ["FEW-SAMPLES"]
    assert ids(replace(cold, metrics={"cold_start_ns": 5e8})) == []


def test_a_shortened_standard_is_noted(evidence, cell):
    short = evidence(cell=with_load(cell, SingleStream(min_seconds=2, min_inferences=100)))
    assert ids(short) == ["SHORT-RUN"]
    assert check_trial(short)[0].severity is Severity.NOTE


@pytest.mark.parametrize(
    ("count", "weak"), [(1_000, None), (999, "p99"), (199, "p95, p99"), (99, "p90, p95, p99")]
)
def test_a_tail_needs_ten_samples_beyond_it(evidence, cell, count, weak):
    burst = evidence(
        latency_ns=np.full(count, 10_000_000), cell=with_load(cell, Burst(inferences=10))
    )
    if weak is None:
        assert ids(burst) == []
    else:
        told = seen(burst, "TAIL-UNSUPPORTED").partition("beyond ")[2]
        assert [part.split()[0] for part in told.split(", ")] == weak.split(", ")


@pytest.mark.parametrize("valid", [0, 1, 2])
def test_cells_of_few_trials(valid):
    assert [item.id for item in check_cell(valid)] == ["FEW-TRIALS"]


def test_three_trials_are_enough():
    assert check_cell(3) == ()


# --- the memory pass ------------------------------------------------------------------------------


def test_the_memory_pass_is_judged_by_its_waiting_time_only(evidence, cell):
    memory = replace(cell, purpose="memory", load=Sustained(seconds=420))
    trial = evidence(latency_ns=np.full(3, 1), cell=memory, memory=MemoryPass(settle_minutes=0.5))
    assert ids(trial) == ["SHORT-MEMORY-WAIT"]
    assert seen(trial, "SHORT-MEMORY-WAIT") == "read after 30 s instead of 5 min 00 s"
    assert ids(replace(trial, memory=MemoryPass())) == []


# --- steadiness -----------------------------------------------------------------------------------


def test_drift_is_told_with_its_size(evidence):
    latency = np.concatenate([np.full(4_000, 10_000_000), np.full(4_000, 11_000_000)])
    told = seen(evidence(latency_ns=latency), "DRIFT")
    assert told == "the last fifth is 10.0 % slower than the first; chance explains up to 2.0 %"


def test_a_few_outliers_among_thousands_are_no_matter(evidence):
    latency = np.full(7_000, 10_000_000)
    latency[100:103] *= 10
    assert ids(evidence(latency_ns=latency)) == []


def test_outliers_that_hold_time_are_noted(evidence):
    latency = np.full(7_000, 10_000_000)
    latency[100] = 2_000_000_000
    told = seen(evidence(latency_ns=latency, cpu_share=1.0), "OUTLIERS")
    assert told.startswith("1 of 7000 inferences took more than")
    assert told.endswith("the slowest 2000 ms; they hold 2.8 % of the time")


def test_warm_up_is_not_part_of_what_is_judged(evidence):
    trial = evidence()
    timed = np.arange(len(trial.samples)) >= 500
    trial.samples.invoke_ns[:500] *= 50
    assert ids(replace(trial, samples=replace(trial.samples, timed=timed))) == []


@pytest.mark.parametrize("bad", [0, -7])
def test_impossible_latencies_condemn_the_clock(evidence, bad):
    trial = evidence()
    trial.samples.invoke_ns[5] = bad
    assert seen(trial, "UNTRUSTED-CLOCK").startswith("of 7000 latencies 1 were zero or negative")


def test_starts_that_go_backwards_condemn_the_clock(evidence):
    trial = evidence()
    trial.samples.start_ns[3_000:] -= 1_000_000_000
    assert "UNTRUSTED-CLOCK" in ids(trial)


def test_huge_latencies_are_no_error(evidence):
    assert "UNTRUSTED-CLOCK" not in ids(evidence(latency_ns=np.full(1_024, 2**52)))


def test_dropped_frames_are_told(evidence):
    trial = evidence()
    metrics = {**trial.metrics, "dropped_frames": 17.0, "dropped_percent": 0.94}
    assert seen(replace(trial, metrics=metrics), "DROPPED-FRAMES") == "17 frames dropped, 0.9 %"
    metrics = {**trial.metrics, "dropped_frames": 0.0, "dropped_percent": 0.0}
    assert ids(replace(trial, metrics=metrics)) == []


# --- surroundings ---------------------------------------------------------------------------------


def test_busy_neighbours_are_told_relative_to_the_cores(evidence, trace):
    quiet = evidence(traces={FOREIGN: trace(*[19.0] * 60)})
    busy = evidence(traces={FOREIGN: trace(*[21.0] * 60)})
    assert ids(quiet) == []
    assert ids(busy) == ["INTERFERENCE"]
    eight = DeviceFacts("local", {"cores": 8, "governor": "performance"})
    assert ids(replace(busy, facts=eight)) == []


def test_only_readings_of_the_timed_part_count(evidence, trace):
    before = trace(*[150.0] * 30, start_ns=-30_000_000_000)
    assert "INTERFERENCE" not in ids(evidence(traces={FOREIGN: before}))


def test_runs_shorter_than_a_reading_use_the_trials_own_figure(evidence, trace):
    trial = evidence(traces={FOREIGN: trace(5.0, start_ns=-10)})
    metrics = {**trial.metrics, "foreign_cpu_percent": 90.0}
    assert "INTERFERENCE" in ids(replace(trial, metrics=metrics))


def test_unread_foreign_cpu_is_no_finding(evidence):
    assert ids(evidence(traces={})) == []


@pytest.mark.parametrize("threads", [1, 4])
def test_a_runner_that_did_not_get_the_processor(evidence, cell, threads):
    starved = evidence(cpu_share=0.8, cell=replace(cell, threads=threads))
    assert ids(starved) == ["CPU-STARVED"]


def test_more_cpu_time_than_wall_time_is_what_threads_are_for(evidence, cell):
    assert ids(evidence(cpu_share=1.9, cell=replace(cell, threads=2))) == []


@pytest.mark.parametrize("delegate", ["gpu", "nnapi", "coreml"])
def test_waiting_for_an_accelerator_is_no_starving(evidence, cell, delegate):
    assert ids(evidence(cpu_share=0.1, cell=replace(cell, delegate=delegate))) == []


def test_an_unread_cpu_time_is_no_starving(evidence):
    assert ids(evidence(cpu_share=0.0)) == []


def test_waiting_for_frames_is_no_starving(evidence, cell):
    camera = with_load(cell, Periodic(rate_hz=10, seconds=60))
    latency = np.full(600, 10_000_000)
    blocks = [BlockRecord(1, True, 600, 0, 60 * 10**9, 5_950_000_000)]
    trial = evidence(latency_ns=latency, cell=camera, blocks=blocks)
    intended = trial.samples.start_ns.copy()
    trial = replace(trial, samples=replace(trial.samples, intended_ns=intended))
    assert ids(trial) == ["TAIL-UNSUPPORTED"]


@pytest.mark.parametrize(
    ("governor", "fixed"),
    [
        ("performance", True),
        ("performance, performance", True),
        ("userspace", True),
        ("schedutil", False),
        ("performance,schedutil", False),
        ("powersave", False),
    ],
)
def test_governors(evidence, governor, fixed):
    facts = DeviceFacts("local", {"cores": 2, "governor": governor})
    assert ids(evidence(facts=facts)) == ([] if fixed else ["GOVERNOR-NOT-FIXED"])


def test_an_unknown_governor_is_not_accused(evidence):
    assert ids(evidence(facts=DeviceFacts("local", {"cores": 2}))) == []


# --- require --------------------------------------------------------------------------------------

DRIFTED = finding("DRIFT", "10 % slower")


def test_a_forbidden_finding_makes_a_trial_invalid():
    outcome, reason = apply_require(Outcome.OK, [DRIFTED], Require(absent=("DRIFT",)))
    assert outcome is Outcome.INVALID
    assert reason == "the scenario requires absent: DRIFT (10 % slower)"


@pytest.mark.parametrize("absent", [(), ("INTERFERENCE",)])
def test_other_findings_leave_it_valid(absent):
    assert apply_require(Outcome.OK, [DRIFTED], Require(absent)) == (Outcome.OK, None)


def test_a_failed_trial_stays_failed():
    require = Require(absent=("DRIFT",))
    assert apply_require(Outcome.FAILED, [DRIFTED], require) == (Outcome.FAILED, None)
