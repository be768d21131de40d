"""The runner's own readings as channels."""

from __future__ import annotations

import pytest

from harness.channels import BATTERY_CURRENT, BATTERY_VOLTAGE, THERMAL_STATUS
from harness.conductor.own_readings import OwnReadings
from harness.record import ChannelRecord
from harness.wire.messages import Trace

APP = {
    "app.battery_current_raw": -250_000,
    "app.battery_voltage_mv": 3870,
    "app.battery_decicelsius": 312,
    "app.battery_plugged": 2,
    "app.battery_charge_uah": 2_100_000,
    "app.thermal_status": 3,
    "self.rss_bytes": 7,
    "app.unheard_of": 1,
}
TRACE = Trace(1, 5_000, tuple(APP), tuple(APP.values()))


def test_values_get_their_channels_units_and_the_hosts_clock() -> None:
    found = {one.channel: one for one in OwnReadings([]).read(TRACE, offset_ns=2_000)}
    assert {name: one.value for name, one in found.items()} == pytest.approx(
        {
            "battery.current_a": -0.25,
            "battery.voltage_v": 3.87,
            "temperature.battery_c": 31.2,
            "battery.plugged": 1.0,
            "battery.charge_ah": 2.1,
            "thermal.status": 3.0,
            "runner.rss_bytes": 7.0,
        }
    )
    assert {one.at_ns for one in found.values()} == {3_000}


def test_what_is_read_outside_throughout_stays_as_it_is() -> None:
    own = OwnReadings(
        [
            ChannelRecord(BATTERY_CURRENT, "A", "host", "/sys/class/power_supply/battery"),
            ChannelRecord(BATTERY_VOLTAGE, "V", "host", "dumpsys battery, outside timed regions"),
            ChannelRecord(THERMAL_STATUS, "level", "host", "dumpsys", "not on this phone"),
        ]
    )
    assert not own.lack(BATTERY_CURRENT)
    assert own.lack(BATTERY_VOLTAGE)
    for _ in range(2):
        names = [one.channel for one in own.read(TRACE, 0)]
    assert BATTERY_CURRENT not in names
    assert {BATTERY_VOLTAGE, THERMAL_STATUS} <= set(names)
    records = {item.name: item for item in own.channels}
    voltage, status = records[BATTERY_VOLTAGE], records[THERMAL_STATUS]
    assert voltage.source.startswith("the runner's app.battery_voltage_mv; dumpsys")
    assert voltage.source.count("the runner's") == 1
    assert (status.unavailable, status.source) == (None, "the runner's app.thermal_status")
    assert records[BATTERY_CURRENT].source.startswith("/sys")


def test_what_the_runner_told_of_is_known() -> None:
    own = OwnReadings([])
    assert own.told == frozenset()
    own.read(Trace(1, 5_000, ("device.battery_plugged", "app.unheard_of"), (1, 1)), offset_ns=0)
    assert own.told == {"battery.plugged"}
