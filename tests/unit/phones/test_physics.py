"""Heat, throttling and the gauge, on a clock that only moves when told to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phones.physics import Battery, Cluster, Heat, Physics, Power, Spec, Status

MINUTE = 60.0


class Time:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def phone(time):
    return Physics(Spec(), time)


def after(time, phone, seconds, *, every=MINUTE):
    """Readings on the way, at least one."""
    readings = []
    end = time.now + seconds
    while time.now < end:
        time.now = min(end, time.now + every)
        readings.append(phone.reading())
    return readings


def test_a_new_phone_is_as_warm_as_the_room(phone):
    reading = phone.reading()
    assert (reading.skin_c, reading.battery_c, reading.status) == (25.0, 25.0, Status.NONE)
    assert reading.speed == 1.0
    assert reading.frequency_max_khz == (1_704_000, 2_367_000, 2_914_000)


def test_equilibrium_is_what_the_resistances_say(time):
    spec = Spec(power=Power(idle_w=1.0, screen_w=0.0), heat=Heat(ambient_c=20.0))
    phone = Physics(replace(spec, battery=Battery(resistance_ohm=0.0, capacity_ah=1000)), time)
    reading = after(time, phone, 5 * 3600)[-1]
    air, through = spec.heat.skin_to_air_k_per_w, 3.0 + 16.0
    assert reading.skin_c == pytest.approx(20 + 1 / (1 / air + 1 / through), abs=0.01)
    assert reading.battery_c == pytest.approx(20 + (reading.skin_c - 20) * 16 / 19, abs=0.01)
    assert reading.energy_j == pytest.approx(5 * 3600)


def test_the_step_of_asking_does_not_matter():
    warm = []
    for every in (0.5, 60.0, 600.0):
        time = Time()
        phone = Physics(Spec(), time)
        phone.set_load("runner", 0.5)
        warm.append(after(time, phone, 600, every=every)[-1].skin_c)
    assert warm == pytest.approx([warm[0]] * 3, abs=0.05)


def test_load_warms_throttles_and_slows(time, phone):
    cool = phone.reading()
    phone.set_load("runner", 1.0)
    readings = after(time, phone, 40 * MINUTE)
    assert readings[0].processor_c > cool.processor_c + 10
    statuses = [reading.status for reading in readings]
    assert statuses[0] is Status.NONE
    assert max(statuses) >= Status.MODERATE
    hot = readings[-1]
    assert hot.speed < 0.8
    assert hot.frequency_max_khz < cool.frequency_max_khz
    assert hot.frequency_khz == hot.frequency_max_khz
    assert phone.latency_s(0.010) > 0.012


def test_two_loads_share_one_processor(phone):
    phone.set_load("runner", 0.7)
    phone.set_load("update", 0.7)
    assert phone.reading().load == 1.0
    with phone.busy("push", 0.2):
        pass
    phone.set_load("runner", 0.0)
    assert phone.reading().load == pytest.approx(0.7)


def test_a_trip_is_left_below_where_it_was_reached(phone):
    phone.warm_to(41.0)
    assert phone.reading().status is Status.MODERATE
    phone.warm_to(39.6)
    assert phone.reading().status is Status.MODERATE
    phone.warm_to(39.4)
    assert phone.reading().status is Status.LIGHT
    phone.warm_to(20.0)
    assert phone.reading().speed == 1.0


def test_shutdown_is_the_last_level(phone):
    phone.warm_to(90.0)
    assert phone.reading().status is Status.SHUTDOWN


def test_idle_clocks_are_low_and_fixed_ones_are_not(phone):
    reading = phone.reading()
    assert reading.frequency_khz[-1] == 500_000
    phone.set_fixed_performance(True)
    fixed = phone.reading()
    assert fixed.frequency_khz == fixed.frequency_max_khz == (900_000, 1_200_000, 1_400_000)
    assert not fixed.speed > 0.75


def test_the_display_costs_power(phone):
    lit = phone.reading().power_w
    phone.set_screen(False)
    assert lit - phone.reading().power_w == pytest.approx(0.6)


def test_the_gauge_holds_its_value_between_refreshes(time):
    phone = Physics(Spec(battery=Battery(refresh_s=4.0)), time)
    first = phone.reading().gauge
    time.now = 3.9
    assert phone.reading().gauge is first
    time.now = 9.0
    assert phone.reading().gauge.at_s == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("unit", "sign", "low", "high"),
    [(1e6, 1, -2e6, -1e6), (1e3, 1, -2e3, -1e3), (1e6, -1, 1e6, 2e6), (1e3, -1, 1e3, 2e3)],
)
def test_unit_and_sign_are_the_vendors(time, unit, sign, low, high):
    spec = Spec(battery=Battery(unit_per_a=unit, charging_sign=sign, jitter=0.0))
    phone = Physics(spec, time)
    phone.set_load("runner", 1.0)
    gauge = after(time, phone, 5)[-1].gauge
    assert low < gauge.current < high
    assert not gauge.charging


def test_discharge_is_counted(time, phone):
    before = phone.reading()
    phone.set_load("runner", 1.0)
    after(time, phone, 30 * MINUTE)
    gauge = phone.reading().gauge
    taken_uah = before.gauge.charge_uah - gauge.charge_uah
    drawn_wh = (phone.reading().energy_j - before.energy_j) / 3600
    assert taken_uah / 1e6 * 4.1 == pytest.approx(drawn_wh, rel=0.05)
    assert gauge.percent < before.gauge.percent
    assert gauge.decidegrees > before.gauge.decidegrees


def test_a_charger_fills_the_battery_and_stops(time):
    phone = Physics(Spec(power=Power(charger_w=10.0), battery=Battery(charge=0.98)), time)
    assert phone.reading().gauge.charging
    gauge = after(time, phone, 60 * MINUTE)[-1].gauge
    assert (gauge.percent, gauge.current, gauge.charging, gauge.plugged) == (100, 0, False, True)
    phone.set_plugged(False)
    gauge = after(time, phone, 10)[-1].gauge
    assert gauge.current < 0
    assert not gauge.plugged


def test_the_battery_does_not_go_below_empty(time, phone):
    phone.set_charge(0.001)
    gauge = after(time, phone, 3600)[-1].gauge
    assert (gauge.percent, gauge.charge_uah) == (0, 0)


def test_jitter_is_seeded(time):
    first, again, other = (Physics(Spec(), time, seed=seed) for seed in (1, 1, 2))
    values = [[phone.latency_s(0.01) for _ in range(5)] for phone in (first, again, other)]
    assert values[0] == values[1] != values[2]
    assert len(set(values[0])) == 5


def test_a_cap_below_the_lowest_step_is_the_lowest_step():
    assert Cluster((0,), (300, 600, 900)).at_most(0.01) == 300
    assert Cluster((0,), (300, 600, 900)).at_most(0.67) == 600
    assert Cluster((0,), (300, 600, 900)).at_most(1.0) == 900
