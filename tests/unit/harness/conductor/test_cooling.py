"""The thermal gate under the real conductor, on a phone whose skin warms up and cools down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.conditions import Gates, ThermalGate
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.gate import CoolDown
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.device import Reading
from harness.record import Cause, ChannelRecord, DeviceFacts, RunPlan, Trial, TrialRecord
from harness.scenario import Burst, Prepare, Require, SingleStream, Warmup
from harness.store.store import ResultsStore

SKIN = "temperature.skin_c"
LOAD = SingleStream(Warmup(rule="none"), min_seconds=120.0, min_inferences=10)


class Heat:
    """Newton's law: 0.05 degrees a second from work, back to the room in about five minutes."""

    def __init__(self, scripted, room_c: float = 25.0, begin_c: float | None = None) -> None:
        self._script, self.room_c = scripted.script, room_c
        self.skin_c = room_c + 2.0 if begin_c is None else begin_c
        self._at_ns = 0
        scripted.clock.on_advance = self.advance
        scripted.script.sensors[SKIN] = lambda _: round(self.skin_c, 1)

    def advance(self, now_ns: int) -> None:
        seconds, self._at_ns = (now_ns - self._at_ns) / 1e9, now_ns
        rest_c = self.room_c + 2.0 + (15.0 if self._script.busy else 0.0)
        self.skin_c = rest_c + (self.skin_c - rest_c) * math.exp(-seconds / 300.0)


class Told(Silent):
    """Remembers what was told of a phase."""

    def __init__(self) -> None:
        self.details: list[str] = []

    def phase(self, trial: Trial, name: str, detail: str = "") -> None:
        if name == "COOL" and detail:
            self.details.append(detail)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def run_all(tmp_path: Path, scripted, told) -> Callable[..., list[TrialRecord]]:
    """Run trials one after the other on one device."""

    def run(
        *trials: Trial, gates: Gates | None = None, earlier: Sequence[TrialRecord] = ()
    ) -> list[TrialRecord]:
        plan = RunPlan(f"run{len(earlier)}", "test", None, "2026-01-01T00:00:00+00:00", trials)
        writer = ResultsStore(tmp_path / "results").create_run(plan)
        context = RunContext(
            "run",
            DeviceFacts("local"),
            {},
            gates=gates or Gates(),
            telemetry_rate_hz=1.0,
            memory=None,
            require=Require(),
            prepare=Prepare(),
        )
        inputs = InputFactory(tmp_path / "inputs")
        conductor = Conductor(
            *(scripted, context, inputs, scripted.clock, scripted.cancel, told),
            cool_down=CoolDown(earlier),
        )
        model = tmp_path / "model"
        model.write_bytes(b"model")
        records = [conductor.run(TrialJob(one, model), writer.begin_trial(one)) for one in trials]
        writer.close("complete")
        return records

    return run


def ids(record: TrialRecord) -> set[str]:
    return {item.id for item in record.findings}


def test_the_second_trial_starts_where_the_first_did(run_all, make_trial, scripted, told) -> None:
    Heat(scripted)
    first, second = run_all(make_trial(LOAD), make_trial(LOAD, repeat=1))
    assert first.cooling is not None
    assert (first.cooling.sensor, first.cooling.waited_ns) == ("skin", 0)
    assert first.cooling.start_c == pytest.approx(27.0)
    cooling = second.cooling
    assert cooling is not None
    assert cooling.begin_c is not None
    assert cooling.begin_c > 30.0
    assert cooling.end_c is not None
    assert cooling.end_c <= 28.0
    assert cooling.limit_c == pytest.approx(28.0)
    assert cooling.met
    assert 200e9 < cooling.waited_ns < 15 * 60e9
    assert any("skin 30" in text and "at most" in text for text in told.details)
    assert any("about" in text for text in told.details)
    assert not {"GATE-TIMEOUT", "NO-THERMAL-SENSOR"} & ids(second)


def test_a_resumed_run_goes_on_from_its_start_state(run_all, make_trial, scripted) -> None:
    Heat(scripted)
    records = run_all(make_trial(LOAD))
    (resumed,) = run_all(make_trial(LOAD, repeat=1), earlier=records)
    # Without it, a gate that opens below 30 degrees or at rest would have been a first one.
    assert resumed.cooling.start_c == records[0].cooling.start_c == pytest.approx(27.0)
    assert resumed.cooling.end_c <= 28.0
    assert resumed.cooling.waited_ns > 60e9


def test_in_a_quad_only_the_first_trial_waits(run_all, make_trial, scripted) -> None:
    Heat(scripted)
    quad = [replace(make_trial(LOAD, repeat=n), quad=7, quad_place=n) for n in range(4)]
    following = replace(make_trial(LOAD, repeat=4), quad=8, quad_place=0)
    records = run_all(*quad, following)
    assert [record.cooling is None for record in records] == [False, True, True, True, False]
    assert [len([s for s in r.phases if s.name == "COOL"]) for r in records] == [1, 0, 0, 0, 1]
    assert records[4].cooling.waited_ns > 60e9


def test_the_wait_ends_with_a_finding(run_all, make_trial, scripted) -> None:
    Heat(scripted)
    _, hot = run_all(make_trial(LOAD), make_trial(LOAD, repeat=1), gates=Gates(timeout_minutes=1))
    assert hot.cooling.waited_ns == pytest.approx(60e9, abs=1e9)
    assert not hot.cooling.met
    seen = next(item.seen for item in hot.findings if item.id == "GATE-TIMEOUT")
    assert "after 1 min 00 s: skin" in seen
    assert "opens at 28.0" in seen


def test_a_warmer_room_is_learned_after_one_timeout(run_all, make_trial, scripted) -> None:
    scripted.script.sensors[SKIN] = lambda now_s: 27.0 if now_s < 60 else 33.0
    first, second, third = run_all(*(make_trial(LOAD, repeat=n) for n in range(3)))
    assert (first.cooling.met, second.cooling.met, third.cooling.met) == (True, False, True)
    assert third.cooling.start_c == 33.0
    assert third.cooling.waited_ns == 0


@pytest.mark.parametrize("with_skin", [True, False])
def test_a_status_that_never_falls_costs_one_timeout(
    run_all, make_trial, scripted, with_skin
) -> None:
    if with_skin:
        scripted.script.sensors[SKIN] = lambda _: 27.0
    scripted.script.sensors["thermal.status"] = lambda _: 1.0
    first, second, third = run_all(*(make_trial(Burst(), repeat=n) for n in range(3)))
    assert "thermal status light" in str(first.findings)
    assert [one.cooling.met for one in (first, second, third)] == [False, True, True]
    assert second.cooling.waited_ns == 0


def test_a_first_trial_on_a_hot_phone_waits_until_it_rests(run_all, make_trial, scripted) -> None:
    Heat(scripted, begin_c=39.0)
    (record,) = run_all(make_trial(Burst()))
    assert record.cooling.begin_c == 39.0
    assert record.cooling.end_c <= 30.0
    assert record.cooling.start_c == record.cooling.end_c


def test_the_systems_own_status_counts_without_a_sensor(run_all, make_trial, scripted) -> None:
    scripted.script.sensors["thermal.status"] = lambda now_s: 1.0 if now_s < 40 else 0.0
    (record,) = run_all(make_trial(Burst()))
    assert record.cooling.sensor == ""
    assert record.cooling.waited_ns == pytest.approx(40e9, abs=2e9)
    assert "NO-THERMAL-SENSOR" in ids(record)


def test_without_a_sensor_nothing_is_waited_for(run_all, make_trial, scripted) -> None:
    (record,) = run_all(make_trial(Burst()))
    assert record.cooling.unavailable == "no sensor"
    assert record.cooling.waited_ns == 0
    assert next(i.seen for i in record.findings if i.id == "NO-THERMAL-SENSOR") == (
        "unavailable: no sensor"
    )


def test_off_is_off(run_all, make_trial, scripted) -> None:
    Heat(scripted, begin_c=60.0)
    (record,) = run_all(make_trial(Burst()), gates=Gates(thermal=None))
    assert record.cooling is None
    assert "COOL" not in [span.name for span in record.phases]


def test_a_bound_of_the_users_own(run_all, make_trial, scripted) -> None:
    Heat(scripted, begin_c=33.0)
    (record,) = run_all(make_trial(Burst()), gates=Gates(thermal=ThermalGate(max_c=28.0)))
    assert record.cooling.end_c <= 28.0


@pytest.mark.parametrize(
    ("sensor", "waited_s"),
    [
        (lambda now_s: 40.0 if now_s < 10 else None, 165),  # vanishes: nobody waits for it
        (lambda _: None, 155),  # never says anything
        (lambda _: float("nan"), 155),
        (lambda now_s: 36.0 if now_s % 60 < 1 and now_s < 300 else None, 391),  # once a minute
    ],
    ids=["vanishes", "silent", "no number", "once a minute, then gone"],
)
def test_a_sensor_that_goes_ends_the_wait(run_all, make_trial, scripted, sensor, waited_s) -> None:
    scripted.script.sensors[SKIN] = sensor
    (record,) = run_all(make_trial(Burst()))
    assert record.cooling.waited_ns / 1e9 == pytest.approx(waited_s, abs=15)
    assert "no reading of the skin for" in str(
        [item.seen for item in record.findings if item.id == "GATE-TIMEOUT"]
    )


def test_once_a_minute_is_enough(run_all, make_trial, scripted) -> None:
    heat = Heat(scripted, begin_c=38.0)
    scripted.script.sensors[SKIN] = lambda now: heat.skin_c if now % 60 < 1 else None
    (record,) = run_all(make_trial(Burst()))
    assert record.cooling.met
    assert record.cooling.end_c <= 31.5


def test_a_jump_neither_opens_nor_shuts(run_all, make_trial, scripted) -> None:
    heat = Heat(scripted, begin_c=38.0)
    scripted.script.sensors[SKIN] = lambda now: 5.0 if 30 <= now < 31 else heat.skin_c
    (record,) = run_all(make_trial(Burst()))
    assert record.cooling.waited_ns > 300e9


def test_what_was_read_while_waiting_is_kept(run_all, make_trial, scripted, tmp_path) -> None:
    Heat(scripted, begin_c=38.0)
    (record,) = run_all(make_trial(Burst()))
    trial = ResultsStore(tmp_path / "results").resolve("run").trial(record.trial.id)
    assert len(trial.trace(SKIN)) > record.cooling.waited_ns / 1e9 - 5


def test_a_phone_that_goes_while_it_cools_is_offline_soon(run_all, make_trial, scripted) -> None:
    class Gone:
        """Says two things and then nothing more."""

        def __init__(self, clock, script) -> None:
            self._clock, self._left = clock, 2

        def channels(self):
            return (ChannelRecord(SKIN, "degC", "host", "made up"),)

        def attach(self, runner: object) -> None:
            pass

        def poll(self, *, final: bool = False):
            self._left -= 1
            return [Reading(SKIN, self._clock.monotonic_ns(), 40.0)] if self._left >= 0 else []

        def close(self) -> None:
            pass

    scripted.script.telemetry = Gone
    scripted.script.offline_after = 2  # once before the trial, once when it was silent too long
    (record,) = run_all(make_trial(Burst()))
    assert record.failure is not None
    assert record.failure.cause is Cause.OFFLINE
    assert scripted.clock.monotonic_ns() < 30e9
