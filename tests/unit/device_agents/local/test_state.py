"""The state of made-up hosts and of this one."""

from __future__ import annotations

import pytest

from device_agents.local.files import HostFiles
from device_agents.local.state import read_state


def test_a_laptop(host):
    state = read_state(host("laptop"))
    assert state.values.pop("canary_ns") > 0
    assert state.values == {
        "memory_available_bytes": 8_000_000 * 1024,
        "uptime_s": 3600.25,
        "load_1m": 0.52,
        "load_5m": 0.41,
        "load_15m": 0.30,
        "ac": "offline",
        "battery.percent": 81,
        "battery.status": "Discharging",
        "battery.voltage_v": pytest.approx(12.0),
        "battery.current_a": pytest.approx(1.5),
        "power.battery_w": pytest.approx(18.0),
        "temperature.acpitz_c": pytest.approx(47.0),
        "temperature.acpitz-2_c": pytest.approx(45.5),
        "temperature.package-id-0_c": pytest.approx(52.0),
        **{f"cpu.frequency_khz.policy{cpu}": 1_200_000 + cpu for cpu in range(4)},
        **{f"cpu.frequency_max_khz.policy{cpu}": 4_800_000 for cpu in range(4)},
    }
    assert set(state.unavailable) == {"temperature.iwlwifi_1_c"}
    assert "-274 degrees" in state.unavailable["temperature.iwlwifi_1_c"]


def test_a_board(host):
    state = read_state(host("sbc"))
    assert state.values["temperature.cpu-thermal_c"] == pytest.approx(41.111)
    assert state.values["cpu.frequency_khz.policy4"] == 1_800_000
    assert state.unavailable["battery"] == "no /sys/class/power_supply battery"


def test_a_virtual_machine_has_reasons_instead_of_sensors(host):
    state = read_state(host("vm"))
    assert set(state.values) == {
        "memory_available_bytes", "uptime_s", "load_1m", "load_5m", "load_15m",
    }  # fmt: skip
    assert state.unavailable == {
        "temperature": "no /sys/class/thermal zones",
        "cpu.frequency_khz": "no /sys/devices/system/cpu/cpufreq policies",
        "battery": "no /sys/class/power_supply battery",
        "ac": "no /sys/class/power_supply mains supply",
        "canary_ns": "a virtual machine's speed changes with its neighbours'",
    }


def test_a_host_without_proc(host):
    state = read_state(host("mac"))
    assert state.values["memory_available_bytes"] > 0
    assert "load_1m" in state.values
    assert state.unavailable["uptime_s"] == "no /proc/uptime"


def test_this_very_host():
    state = read_state(HostFiles())
    assert state.values["memory_available_bytes"] > 0
    assert not set(state.values) & set(state.unavailable)


@pytest.mark.parametrize(
    ("name", "text", "channel"),
    [
        ("/proc/loadavg", "", "load_5m"),
        ("/proc/uptime", "long", "uptime_s"),
        ("/sys/class/power_supply/AC/online", "?", "ac"),
        ("/sys/class/power_supply/BAT0/capacity", "full", "battery.percent"),
        ("/sys/class/thermal/thermal_zone0/temp", "hot", "temperature.acpitz_c"),
        ("/sys/class/thermal/thermal_zone0/temp", "999000", "temperature.acpitz_c"),
    ],
)
def test_nonsense_is_unavailable_never_zero(host, name, text, channel):
    state = read_state(host("laptop", {name: text}))
    assert channel not in state.values
    assert state.unavailable[channel]


def test_a_sensor_without_its_file_is_unavailable(host):
    state = read_state(host("laptop", {"/sys/class/power_supply/BAT0/voltage_now": None}))
    assert "battery.voltage_v" in state.unavailable
    assert "power.battery_w" in state.unavailable
    assert state.values["battery.current_a"] == pytest.approx(1.5)


def test_power_is_taken_from_the_driver_where_it_tells(host):
    changes = {
        "/sys/class/power_supply/BAT0/power_now": "17250000",
        "/sys/class/power_supply/BAT0/current_now": None,
    }
    state = read_state(host("laptop", changes))
    assert state.values["power.battery_w"] == pytest.approx(17.25)
    assert "battery.current_a" not in state.values


def test_a_second_battery_has_a_name_of_its_own(host):
    second = "/sys/class/power_supply/BAT1"
    changes = {f"{second}/type": "Battery", f"{second}/capacity": "40", f"{second}/status": "Full"}
    state = read_state(host("laptop", changes))
    assert state.values["battery.percent"] == 81
    assert state.values["battery2.percent"] == 40
    assert state.values["battery2.status"] == "Full"
