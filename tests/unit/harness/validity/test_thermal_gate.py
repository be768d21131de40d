"""Decisions of the thermal gate; the waiting is tested with the conductor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import ChannelRecord
from harness.validity.gates import battery_gate
from harness.validity.thermal_gate import (
    ThermalSensor,
    Warmth,
    choose_sensor,
    limit_of,
    thermal_gate,
)

SKIN = ThermalSensor("skin", ("temperature.skin_c",))
PROCESSOR = ThermalSensor("processor", ("temperature.cpu_c",), 5.0, None, None, None)


def channels(*names: str, **missing: str) -> list[ChannelRecord]:
    there = [ChannelRecord(name, "degC", "host", "x") for name in names]
    return [
        *there,
        *(
            ChannelRecord(f"temperature.{name}_c", "degC", "host", "x", why)
            for name, why in missing.items()
        ),
    ]


def readings(*values: float, step_s: float = 1.0) -> list[tuple[int, float]]:
    return [(round(place * step_s * 1e9), value) for place, value in enumerate(values)]


def decide(warmth: Warmth, sensor: ThermalSensor | None = SKIN, **changes: float | None):
    asked = {"max_c": None, "waited_s": 10.0, "timeout_s": 900.0, **changes}
    return thermal_gate(sensor, warmth, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("temperature.skin_c", "temperature.battery_c", "temperature.cpu-0_c"), "skin"),
        (("temperature.battery_c", "temperature.cpu-0_c"), "battery"),
        (("temperature.x86_pkg_temp_c", "temperature.iwlwifi_c"), "processor"),
        (("temperature.package-id-0_c",), "processor"),
        (("temperature.tctl_c",), "processor"),
        (("temperature.soc-thermal_c",), "processor"),
        (("temperature.AP_c",), "processor"),
    ],
)
def test_skin_then_battery_then_processor(names, chosen) -> None:
    sensor = choose_sensor(channels(*names))
    assert isinstance(sensor, ThermalSensor)
    assert sensor.name == chosen


@pytest.mark.parametrize("name", ["temperature.iwlwifi_c", "temperature.acpitz_c", "cpu.percent"])
def test_other_sensors_say_nothing_of_the_processor(name) -> None:
    assert "no temperature of skin, battery or processor" in str(choose_sensor(channels(name)))


def test_the_reason_for_no_sensor_is_the_agents() -> None:
    assert choose_sensor(channels(skin="permission denied")) == "permission denied"


def test_the_hottest_zone_counts() -> None:
    sensor = choose_sensor(channels("temperature.cpu-1_c", "temperature.cpu-0_c"))
    assert isinstance(sensor, ThermalSensor)
    assert sensor.channels == ("temperature.cpu-0_c", "temperature.cpu-1_c")


@pytest.mark.parametrize(
    ("sensor", "start_c", "max_c", "limit_c"),
    [
        (SKIN, None, None, 35.0),
        (SKIN, 26.0, None, 27.0),
        (SKIN, 34.5, None, 35.0),
        (SKIN, 26.0, 25.0, 25.0),
        (SKIN, None, 40.0, 40.0),
        (PROCESSOR, None, None, None),
        (PROCESSOR, 45.0, None, 50.0),
        (PROCESSOR, None, 60.0, 60.0),
    ],
)
def test_the_limit(sensor, start_c, max_c, limit_c) -> None:
    assert limit_of(sensor, start_c, max_c) == limit_c


@pytest.mark.parametrize(
    ("warmth", "verdict"),
    [
        (Warmth(readings(27.0)), "open"),  # plainly at rest
        (Warmth(readings(32.0)), "wait"),  # may be falling
        (Warmth(readings(*[32.0] * 62)), "open"),  # is not
        (Warmth(readings(*[36.0] * 62)), "wait"),
        (Warmth(readings(26.0), start_c=26.0), "open"),
        (Warmth(readings(26.8), start_c=26.0), "wait"),
        (Warmth(readings(*[26.8] * 62), start_c=26.0), "open"),
        (Warmth(readings(*[27.2] * 62), start_c=26.0), "wait"),
        (Warmth(readings(*(26.0 + 0.01 * n for n in range(62))), start_c=26.0), "wait"),
        (Warmth(readings(20.0), status=1.0), "wait"),
        (Warmth(readings(20.0), status=0.0), "open"),
        (Warmth([]), "wait"),
        (Warmth([], silent_s=200.0), "timeout"),
    ],
)
def test_skin(warmth, verdict) -> None:
    assert decide(warmth).verdict == verdict


def test_a_processors_first_trial_does_not_wait() -> None:
    assert decide(Warmth(readings(70.0)), PROCESSOR).verdict == "open"
    assert decide(Warmth(readings(52.0), start_c=45.0), PROCESSOR).verdict == "wait"
    assert decide(Warmth(readings(49.0), start_c=45.0), PROCESSOR).verdict == "open"


def test_without_a_sensor_the_status_decides() -> None:
    assert decide(Warmth([], status=2.0), None).verdict == "wait"
    assert "thermal status moderate" in decide(Warmth([], status=2.0), None).seen
    assert decide(Warmth([], status=0.0), None).verdict == "open"


def test_one_jump_changes_nothing() -> None:
    hot = [38.0] * 10
    assert decide(Warmth(readings(*hot, 5.0), start_c=26.0)).verdict == "wait"
    assert decide(Warmth(readings(26.0, 26.0, 26.0, 80.0), start_c=26.0)).verdict == "open"


def test_it_tells_what_it_waits_for() -> None:
    falling = readings(*(40.0 - n * 0.02 for n in range(120)))
    seen = decide(Warmth(falling, start_c=30.0)).seen
    assert seen.startswith("skin 37.6 °C (opens at 31.0 °C), changing by -1.2 °C a minute")
    assert "about 5 min" in seen
    assert seen.endswith("at most 14 min 50 s more")


def test_the_end_says_what_was_wrong() -> None:
    decision = decide(Warmth(readings(40.0), status=3.0), waited_s=900.0)
    assert decision.verdict == "timeout"
    assert decision.seen == (
        "after 15 min 00 s: thermal status severe, skin 40.0 °C (opens at 35.0 °C)"
    )


@given(
    st.lists(st.tuples(st.integers(0, 10**13), st.floats(-300, 300)), max_size=80),
    st.none() | st.floats(-1, 7),
    st.none() | st.floats(0, 60),
    st.floats(0, 1000),
)
def test_any_readings_give_a_decision(history, status, start_c, silent_s) -> None:
    history.sort()
    decision = decide(Warmth(history, status, start_c, silent_s), waited_s=2000.0)
    assert decision.verdict in {"open", "timeout"}


@pytest.mark.parametrize(
    ("values", "waited_s", "verdict"),
    [
        ([50.0], 0, "open"),
        ([20.0], 0, "wait"),
        ([90.0], 0, "wait"),
        ([], 0, "wait"),
        ([20.0], 300, "timeout"),
        ([20.0, 30.0], 300, "open"),
    ],
)
def test_the_battery_gate(values, waited_s, verdict) -> None:
    decision = battery_gate(values, (30.0, 80.0), waited_s=waited_s, timeout_s=300.0)
    assert decision.verdict == verdict


def test_a_battery_that_cannot_be_read_is_not_waited_for() -> None:
    decision = battery_gate([], (30, 80), waited_s=0, timeout_s=9, unavailable="no battery")
    assert (decision.verdict, "no battery" in decision.seen) == ("timeout", True)
    assert battery_gate([], None, waited_s=0, timeout_s=9).verdict == "open"
