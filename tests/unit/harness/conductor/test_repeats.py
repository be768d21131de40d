"""Blocks that sensors saw disturbed are measured again, under the real conductor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.channels import COVERED, FOREIGN_CPU, SCREEN_ON, THERMAL_STATUS, frequency_max
from harness.conditions import Gates
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.device import Reading
from harness.record import ChannelRecord, DeviceFacts, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import (
    Burst,
    Offline,
    Periodic,
    Prepare,
    Require,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.store.run_reader import TrialReader
from harness.store.store import ResultsStore

BARE = Warmup(rule="none")
MINUTE = SingleStream(BARE, min_seconds=60.0, min_inferences=10)
CAP = frequency_max("policy4")
Sensor = Callable[[float], float | None]


@pytest.fixture
def measure(tmp_path: Path, scripted) -> Callable[..., tuple[TrialRecord, TrialReader]]:
    def run(trial: Trial, **gates: float) -> tuple[TrialRecord, TrialReader]:
        plan = RunPlan("run", "test", None, "2026-01-01T00:00:00+00:00", (trial,))
        store = ResultsStore(tmp_path / "results")
        writer = store.create_run(plan)
        context = RunContext(
            "run",
            DeviceFacts("local"),
            {},
            gates=Gates(thermal=None, **gates),
            telemetry_rate_hz=1.0,
            memory=None,
            require=Require(),
            prepare=Prepare(),
        )
        inputs = InputFactory(tmp_path / "inputs")
        conductor = Conductor(scripted, context, inputs, scripted.clock, scripted.cancel, Silent())
        model = tmp_path / "model"
        model.write_bytes(b"model")
        record = conductor.run(TrialJob(trial, model), writer.begin_trial(trial))
        writer.close("complete")
        return record, store.resolve("run").trial(trial.id)

    return run


def found(record: TrialRecord, kind: str) -> str:
    return next((item.seen for item in record.findings if item.id == kind), "")


def pulse(begin_s: float, end_s: float, value: float, otherwise: float) -> Sensor:
    return lambda now_s: value if begin_s <= now_s < end_s else otherwise


@pytest.mark.parametrize(
    ("channel", "sensor", "words"),
    [
        (THERMAL_STATUS, pulse(20, 24, 1, 0), "thermal status light"),
        (CAP, pulse(20, 24, 1_500_000, 2_800_000), "frequency cap lowered"),
        (SCREEN_ON, pulse(20, 24, 0, 1), "screen went off"),
        (COVERED, pulse(20, 24, 1, 0), "something came into the foreground"),
        (FOREIGN_CPU, pulse(20, 24, 90, 3), "others used more than 50 % CPU"),
    ],
)
def test_what_a_sensor_saw_is_measured_again(
    measure, make_trial, scripted, channel, sensor, words
) -> None:
    scripted.script.sensors[channel] = sensor
    record, stored = measure(make_trial(MINUTE), foreign_cpu_percent=50)
    blocks = stored.blocks()
    tainted = [block for block in blocks if block.tainted is not None]
    assert 4 <= len(tainted) <= 6
    assert {block.tainted for block in tainted} == {words}
    clean_ns = sum(b.ended_at_ns - b.started_at_ns for b in blocks if b.tainted is None)
    assert 60e9 <= clean_ns <= 62e9
    assert record.outcome is Outcome.OK
    assert record.metrics["repeated_blocks"] == len(tainted)
    assert record.metrics["repeated_percent"] == pytest.approx(100 * len(tainted) / len(blocks))
    assert record.metrics["inferences"] == sum(b.count for b in blocks if b.tainted is None)
    assert words in found(record, "BLOCKS-REPEATED")
    assert not found(record, "STILL-DISTURBED")
    assert not found(record, "FEW-SAMPLES")


def test_both_medians_are_kept(measure, make_trial, scripted) -> None:
    """While the cap is lowered, an inference takes twice as long."""
    script = scripted.script
    slow = pulse(10, 40, 1_500_000, 2_800_000)
    script.sensors[CAP] = slow

    def throttle(now_ns: int) -> None:
        script.latency_ns = 10_000_000 if slow(now_ns / 1e9) < 2e6 else 5_000_000

    scripted.clock.on_advance = throttle
    load = SingleStream(BARE, min_seconds=40.0, min_inferences=10)
    record, _ = measure(make_trial(load))
    assert record.metrics["latency_p50_ns"] == 5_000_000
    assert record.metrics["latency_p50_all_ns"] >= 5_000_000
    assert "latency_p50_all_ns" in record.metrics


def test_slow_inferences_alone_repeat_nothing(measure, make_trial, scripted) -> None:
    script = scripted.script
    script.sensors[THERMAL_STATUS] = lambda _: 0.0
    scripted.clock.on_advance = lambda now_ns: setattr(
        script, "latency_ns", 50_000_000 if 20e9 < now_ns < 30e9 else 5_000_000
    )
    record, stored = measure(make_trial(MINUTE))
    assert record.metrics["repeated_blocks"] == 0
    assert all(block.tainted is None for block in stored.blocks())


def test_repeating_has_an_end(measure, make_trial, scripted) -> None:
    scripted.script.sensors[THERMAL_STATUS] = lambda now_s: 0.0 if now_s < 30 else 2.0
    record, stored = measure(make_trial(MINUTE))
    spent_ns = sum(block.ended_at_ns - block.started_at_ns for block in stored.blocks())
    assert 88e9 <= spent_ns <= 94e9
    assert "thermal status moderate" in found(record, "STILL-DISTURBED")
    assert "of 1 min 00 s" in found(record, "FEW-SAMPLES")


def test_where_all_is_disturbed_the_numbers_are_of_all(measure, make_trial, scripted) -> None:
    scripted.script.sensors[FOREIGN_CPU] = lambda _: 180.0
    record, stored = measure(
        make_trial(SingleStream(BARE, min_seconds=10.0, min_inferences=10)),
        foreign_cpu_percent=20,
        timeout_minutes=0,
    )
    assert record.metrics["inferences"] == sum(block.count for block in stored.blocks())
    assert found(record, "STILL-DISTURBED")


@pytest.mark.parametrize(
    "load",
    [Burst(BARE, inferences=400), Offline(BARE, samples=4000), Periodic(20.0, 20.0, BARE)],
    ids=["burst", "offline", "periodic"],
)
def test_every_load_with_an_end_gets_its_amount(measure, make_trial, scripted, load) -> None:
    scripted.script.sensors[SCREEN_ON] = pulse(1, 2.5, 0, 1)
    record, _ = measure(make_trial(load))
    assert record.metrics["repeated_blocks"] >= 1
    assert record.metrics["inferences"] >= 400
    assert not found(record, "FEW-SAMPLES")


def test_the_last_block_is_judged_too(measure, make_trial, scripted) -> None:
    scripted.script.sensors[THERMAL_STATUS] = lambda now_s: 0.0 if now_s < 59.5 else 1.0
    record, _ = measure(make_trial(MINUTE))
    assert record.metrics["repeated_blocks"] >= 1


def test_heat_is_the_subject_of_a_sustained_load(measure, make_trial, scripted) -> None:
    scripted.script.sensors[THERMAL_STATUS] = lambda now_s: 0.0 if now_s < 30 else 3.0
    record, stored = measure(make_trial(Sustained(60.0)))
    assert "repeated_blocks" not in record.metrics
    assert all(block.tainted is None for block in stored.blocks())


def test_others_are_watched_only_where_a_limit_is_set(measure, make_trial, scripted) -> None:
    scripted.script.sensors[FOREIGN_CPU] = lambda _: 190.0
    record, _ = measure(make_trial(Burst()))
    assert "repeated_blocks" not in record.metrics


@pytest.mark.parametrize(
    "sensor",
    [
        lambda now_s: 0.0 if now_s < 5 else None,
        lambda _: float("nan"),
        lambda now_s: float("inf") if 10 < now_s < 12 else 0.0,
    ],
    ids=["vanishes", "no number", "infinite"],
)
def test_a_broken_sensor_repeats_nothing(measure, make_trial, scripted, sensor) -> None:
    scripted.script.sensors[THERMAL_STATUS] = sensor
    record, _ = measure(make_trial(MINUTE))
    assert record.outcome is Outcome.OK
    assert record.metrics["repeated_blocks"] == 0


def test_a_sensor_that_reports_once_a_minute_still_guards(measure, make_trial, scripted) -> None:
    scripted.script.sensors[THERMAL_STATUS] = lambda now_s: (
        (1.0 if 100 < now_s < 130 else 0.0) if now_s % 60 < 1 else None
    )
    load = SingleStream(BARE, min_seconds=200.0, min_inferences=10)
    _, stored = measure(make_trial(load))
    tainted = [block for block in stored.blocks() if block.tainted]
    assert 55 <= len(tainted) <= 65  # the minute before the reading, for which it speaks


@pytest.mark.parametrize("ppm", [-100.0, 100.0])
def test_drifting_clocks_are_laid_over_each_other(measure, make_trial, scripted, ppm) -> None:
    """After two hours 100 ppm are 0.7 s: without following, the wrong block would be repeated."""
    scripted.script.clock_drift_ppm = ppm
    scripted.script.latency_ns = 100_000_000
    scripted.script.sensors[SCREEN_ON] = pulse(7000, 7001.5, 0, 1)
    load = SingleStream(BARE, min_seconds=7200.0, min_inferences=10, max_seconds=9000)
    _, stored = measure(make_trial(load))
    tainted = [block for block in stored.blocks() if block.tainted]
    assert 1 <= len(tainted) <= 4
    for block in tainted:
        host_s = (block.started_at_ns - scripted.script.clock_offset_ns) / 1e9 / (1 + ppm * 1e-6)
        assert 6997 <= host_s <= 7003


class SlowSensor:
    """What ``dumpsys`` tells: read at the begin, at the end, and never while something is timed."""

    def __init__(self, clock, script) -> None:
        self._clock, self._script = clock, script

    def channels(self):
        return (ChannelRecord(SCREEN_ON, "0 or 1", "host", "dumpsys power"),)

    def attach(self, runner: object) -> None:
        pass

    def poll(self, *, final: bool = False):
        now_ns = self._clock.monotonic_ns()
        if not final:
            return []
        assert not self._script.busy
        return [Reading(SCREEN_ON, now_ns, 1.0 if now_ns < 10e9 else 0.0)]

    def close(self) -> None:
        pass


def test_a_sensor_that_is_read_only_around_the_load_guards_it(
    measure, make_trial, scripted
) -> None:
    scripted.script.telemetry = SlowSensor
    record, stored = measure(make_trial(SingleStream(BARE, min_seconds=20.0, min_inferences=10)))
    tainted = [block for block in stored.blocks() if block.tainted]
    assert len(tainted) == len(stored.blocks())  # nobody knows when it went off
    assert "screen went off" in found(record, "STILL-DISTURBED")
