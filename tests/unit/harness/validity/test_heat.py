"""Checks of heat, start state, sensors, probe effect and the lab machine."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness.channels import (
    AMBIENT_TEMPERATURE,
    BATTERY_TEMPERATURE,
    FOREIGN_CPU,
    HOST_BUSY,
    NEIGHBOUR_TRIALS,
    SKIN_TEMPERATURE,
    THERMAL_STATUS,
    frequency_max,
)
from harness.conditions import Cooling
from harness.record import BlockRecord, ChannelRecord, DeviceState
from harness.scenario import Sustained
from harness.validity.checks import check_trial

CAP = frequency_max("policy4")
SLOWER = 1e7 * np.linspace(1.0, 1.2, 7000)
STEADY = 1e7 * np.exp(0.01 * np.random.default_rng(3).standard_normal(7000))


def series(*values: float, step_s: float = 1.0, start_s: float = 0.5) -> SimpleNamespace:
    at_ns = ((start_s + np.arange(len(values)) * step_s) * 1e9).astype(np.int64)
    return SimpleNamespace(at_ns=at_ns, value=np.array(values, dtype=np.float64))


def seen(evidence, kind: str) -> list[str]:
    return [item.seen for item in check_trial(evidence) if item.id == kind]


def states(before: dict, after: dict | None = None) -> tuple[DeviceState, DeviceState]:
    return DeviceState(before), DeviceState(after or {})


class TestThrottled:
    def test_the_systems_status(self, evidence) -> None:
        trial = evidence(traces={THERMAL_STATUS: series(*[0.0] * 40, *[2.0] * 30)})
        (text,) = seen(trial, "THERMAL-THROTTLED")
        assert text == "thermal status rose to moderate (42.9 % of the readings)"

    def test_sensors_that_are_read_only_around_the_timed_part(self, evidence) -> None:
        around = {
            THERMAL_STATUS: series(0.0, 1.0, step_s=75, start_s=-2),
            SKIN_TEMPERATURE: series(30.0, 36.0, step_s=75, start_s=-2),
        }
        (text,) = seen(evidence(latency_ns=SLOWER, traces=around), "THERMAL-THROTTLED")
        assert "thermal status rose to light" in text
        assert "latency rose while skin became 6.0 °C warmer" in text
        before = {THERMAL_STATUS: series(0.0, 3.0, 0.0, step_s=10, start_s=-30)}
        assert not seen(evidence(traces=before), "THERMAL-THROTTLED")

    def test_a_lowered_cap(self, evidence) -> None:
        trial = evidence(traces={CAP: series(*[2.8e6] * 40, *[1.5e6] * 30)})
        assert seen(trial, "THERMAL-THROTTLED") == ["policy4 capped at 1500 MHz of 2800 MHz"]

    def test_slower_and_warmer(self, evidence) -> None:
        warm = series(*np.linspace(30, 36, 70))
        trial = evidence(latency_ns=SLOWER, traces={SKIN_TEMPERATURE: warm})
        (text,) = seen(trial, "THERMAL-THROTTLED")
        assert text.startswith("latency rose while skin became 5.")

    def test_warmer_alone_is_work(self, evidence) -> None:
        warm = series(*np.linspace(30, 36, 70))
        assert not seen(
            evidence(latency_ns=STEADY, traces={SKIN_TEMPERATURE: warm}), "THERMAL-THROTTLED"
        )

    def test_slower_alone_is_drift(self, evidence) -> None:
        cool = series(*[30.0] * 70)
        trial = evidence(latency_ns=SLOWER, traces={SKIN_TEMPERATURE: cool})
        assert not seen(trial, "THERMAL-THROTTLED")
        assert seen(trial, "DRIFT")

    def test_a_processors_own_sensor_moves_by_more(self, evidence) -> None:
        for rise_c, found in ((6.0, 0), (25.0, 1)):
            warm = series(*np.linspace(45, 45 + rise_c, 70))
            trial = evidence(latency_ns=SLOWER, traces={"temperature.cpu-0_c": warm})
            assert len(seen(trial, "THERMAL-THROTTLED")) == found

    def test_a_slow_stretch_counts_as_slower(self, evidence, cell) -> None:
        warm = series(*np.linspace(30, 36, 70))
        trial = evidence(latency_ns=STEADY, traces={SKIN_TEMPERATURE: warm})
        metrics = {**trial.metrics, "throttle_events": 1.0}
        sustained = replace(trial, metrics=metrics, cell=replace(cell, load=Sustained(70.0)))
        assert seen(sustained, "THERMAL-THROTTLED")

    @pytest.mark.parametrize(("after", "found"), [(100.0, 0), (109.0, 0), (112.0, 1), (80.0, 0)])
    def test_the_canary(self, evidence, after, found) -> None:
        trial = evidence(states=states({"canary_ns": 100.0}, {"canary_ns": after}))
        assert len(seen(trial, "THERMAL-THROTTLED")) == found

    @pytest.mark.parametrize(("core", "found"), [(7.0, 1), (3.0, 0)])
    def test_the_canary_is_of_one_core(self, evidence, core, found) -> None:
        before = {"canary_ns": 100.0, "canary_core": 7.0}
        after = {"canary_ns": 150.0, "canary_core": core}
        assert len(seen(evidence(states=states(before, after)), "THERMAL-THROTTLED")) == found

    def test_heat_in_repeated_blocks_is_not_in_the_number(self, evidence) -> None:
        blocks = [BlockRecord(n, True, 100, n * 10**9, (n + 1) * 10**9, 10**9) for n in range(9)]
        status = series(0, 0, 0, 2, 2, 0, 0, 0, 0)
        clean = [block for block in blocks if block.seq not in (2, 3, 4)]
        traces = {THERMAL_STATUS: status}
        assert seen(evidence(blocks=blocks, traces=traces), "THERMAL-THROTTLED")
        assert not seen(evidence(blocks=clean, traces=traces), "THERMAL-THROTTLED")

    @pytest.mark.parametrize("values", [(), (float("nan"),) * 70], ids=["none", "no numbers"])
    def test_no_readings_are_no_witness(self, evidence, values) -> None:
        names = (THERMAL_STATUS, CAP, SKIN_TEMPERATURE, AMBIENT_TEMPERATURE, HOST_BUSY)
        trial = evidence(traces={name: series(*values) for name in names}, host_cores=2.0)
        assert not seen(trial, "THERMAL-THROTTLED")
        assert not seen(trial, "NEIGHBOUR-LOAD")


class TestStart:
    @pytest.mark.parametrize(
        ("cooling", "text"),
        [
            (Cooling("skin", end_c=33.0, start_c=27.0), "skin 33.0 °C, 6.0 °C above the"),
            (Cooling("skin", end_c=22.0, start_c=27.0), "5.0 °C below the device's start state"),
            (Cooling("skin", end_c=29.0, start_c=27.0), ""),
            (Cooling("processor", end_c=53.0, start_c=47.0), ""),
            (Cooling("processor", end_c=60.0, start_c=47.0), "13.0 °C above"),
            (Cooling(""), ""),
            (None, ""),
        ],
    )
    def test_temperature(self, evidence, cooling, text) -> None:
        told = "".join(seen(evidence(states=states({}), cooling=cooling), "START-STATE"))
        assert (text in told) if text else told == ""

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({THERMAL_STATUS: 1.0}, "thermal status light"),
            ({"battery.percent": 12.0}, "battery at 12 %"),
            ({"power_save": "on"}, "power save on"),
            ({"low_power_mode": 1.0}, "low power mode 1.0"),
            ({"power_save": "off", "battery.percent": 60.0, THERMAL_STATUS: 0.0}, ""),
            ({"battery.percent": "unknown"}, ""),
        ],
    )
    def test_values(self, evidence, values, text) -> None:
        assert "".join(seen(evidence(states=states(values)), "START-STATE")) == text

    def test_what_the_gate_waited_out_is_past(self, evidence) -> None:
        warm = states({THERMAL_STATUS: 1.0})
        opened = Cooling("skin", end_c=27.0, start_c=27.0)
        assert not seen(evidence(states=warm, cooling=opened), "START-STATE")
        assert seen(evidence(states=warm, cooling=replace(opened, met=False)), "START-STATE")


class TestSensors:
    def long(self, evidence, name, trace):
        latency = np.full(70_000, 10_000_000)  # 700 s
        return "".join(seen(evidence(latency_ns=latency, traces={name: trace}), "SENSOR-FAULT"))

    def test_a_stuck_skin(self, evidence) -> None:
        told = self.long(evidence, SKIN_TEMPERATURE, series(*[31.0] * 700))
        assert told == "temperature.skin_c stuck at 31.0 °C"

    def test_a_battery_has_time(self, evidence) -> None:
        assert self.long(evidence, BATTERY_TEMPERATURE, series(*[31.0] * 700)) == ""

    def test_a_jump(self, evidence) -> None:
        values = [30.0 + 0.01 * n for n in range(700)]
        values[300] = 85.0
        assert "jumped by 52.0 °C" in self.long(evidence, SKIN_TEMPERATURE, series(*values))

    def test_a_sensor_that_vanishes(self, evidence) -> None:
        values = [30.0 + 0.01 * n for n in range(200)]
        told = self.long(evidence, SKIN_TEMPERATURE, series(*values))
        assert told == "temperature.skin_c silent for the last 8 min 20 s"

    def test_no_numbers_are_no_readings(self, evidence) -> None:
        values = [30.0 + 0.01 * n for n in range(200)] + [float("nan")] * 500
        assert "silent" in self.long(evidence, SKIN_TEMPERATURE, series(*values))

    def test_once_a_minute_is_not_silent(self, evidence) -> None:
        values = [30.0 + 0.1 * n for n in range(11)]
        assert self.long(evidence, SKIN_TEMPERATURE, series(*values, step_s=60)) == ""

    def test_a_good_one(self, evidence) -> None:
        values = [30.0 + 0.01 * n for n in range(700)]
        assert self.long(evidence, SKIN_TEMPERATURE, series(*values)) == ""
        assert self.long(evidence, FOREIGN_CPU, series(*[3.0] * 700)) == ""


class TestProbe:
    def test_inferences_beside_a_reading_that_are_slower(self, evidence) -> None:
        latency = STEADY.copy()
        latency[::10] *= 1.5  # every tenth of a second a reading, and it costs
        start = np.cumsum(latency) - latency
        at_ns = start[::10].astype(np.int64)
        trace = SimpleNamespace(at_ns=at_ns, value=np.ones(len(at_ns)))
        trial = evidence(latency_ns=latency, traces={"runner.rss_bytes": trace})
        assert not seen(trial, "PROBE-EFFECT")  # 50 ms take in four more, which are as ever
        latency = STEADY.copy()
        latency[0:5], at = latency[0:5], np.arange(0, 7000, 20)
        for place in at:
            latency[place : place + 5] *= 1.2
        start = np.cumsum(latency) - latency
        trace = SimpleNamespace(at_ns=start[at].astype(np.int64), value=np.ones(len(at)))
        (text,) = seen(
            evidence(latency_ns=latency, traces={"runner.rss_bytes": trace}), "PROBE-EFFECT"
        )
        assert "longer; they are 2" in text

    def test_readings_that_cost_nothing(self, evidence) -> None:
        for seed in range(40):
            latency = 1e7 * np.exp(0.05 * np.random.default_rng(seed).standard_normal(7000))
            trial = evidence(latency_ns=latency, traces={"x": series(*[1.0] * 70)})
            assert not seen(trial, "PROBE-EFFECT")

    def test_the_rooms_thermometer_is_no_probe(self, evidence) -> None:
        assert not seen(
            evidence(traces={AMBIENT_TEMPERATURE: series(*[20.0] * 70)}), "PROBE-EFFECT"
        )


class TestSurroundings:
    SKIN = ChannelRecord(SKIN_TEMPERATURE, "degC", "device", "thermal_zone3")

    def test_nobody_told_the_rooms_temperature(self, evidence) -> None:
        assert seen(evidence(channels=[self.SKIN]), "AMBIENT-UNRECORDED") == [
            "unavailable: none is given"
        ]

    def test_a_room_sensor_that_failed(self, evidence) -> None:
        room = ChannelRecord(AMBIENT_TEMPERATURE, "degC", "host", "/dev/x", "/dev/x: gone")
        told = seen(evidence(channels=[self.SKIN, room]), "AMBIENT-UNRECORDED")
        assert told == ["unavailable: /dev/x: gone"]

    def test_the_room_is_known(self, evidence) -> None:
        traces = {AMBIENT_TEMPERATURE: series(21.0)}
        assert not seen(evidence(channels=[self.SKIN], traces=traces), "AMBIENT-UNRECORDED")

    def test_a_machine_without_a_sensor_is_not_asked(self, evidence) -> None:
        assert not seen(evidence(), "AMBIENT-UNRECORDED")

    @pytest.mark.parametrize(
        ("others", "said"),
        [(3.0, "3 other devices"), (1.0, "1 other device"), (0.5, "0.5 other devices")],
    )
    def test_a_busy_lab_machine(self, evidence, others, said) -> None:
        traces = {HOST_BUSY: series(*[150.0] * 70), NEIGHBOUR_TRIALS: series(*[others] * 70)}
        assert seen(evidence(traces=traces, host_cores=2.0), "NEIGHBOUR-LOAD") == [
            f"the lab machine's 2 cores were 75.0 % busy on average, with {said} measured"
        ]

    def test_a_lab_machine_with_little_to_do(self, evidence) -> None:
        traces = {HOST_BUSY: series(*[90.0] * 70), NEIGHBOUR_TRIALS: series(*[3.0] * 70)}
        assert not seen(evidence(traces=traces, host_cores=2.0), "NEIGHBOUR-LOAD")

    def test_unknown_cores_judge_nothing(self, evidence) -> None:
        assert not seen(evidence(traces={HOST_BUSY: series(*[999.0] * 70)}), "NEIGHBOUR-LOAD")
