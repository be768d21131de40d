"""The state of a phone: what changes from minute to minute. Read only outside timed regions."""

from __future__ import annotations

from device_agents.android.facts import sections
from device_agents.android.parse import battery, processor, screen, thermal
from device_agents.android.parse.text import channel_part, number
from device_agents.android.phone import Phone
from harness import channels
from harness.clock import CancelToken, Deadline
from harness.record import DeviceState

_SCRIPT = """
echo @@battery; dumpsys battery
echo @@thermal; dumpsys thermalservice
echo @@load; read l </proc/loadavg && echo $l
echo @@uptime; read u </proc/uptime && echo $u
echo @@meminfo; cat /proc/meminfo
echo @@power; dumpsys power | grep mWakefulness=
echo @@window; dumpsys window | grep mCurrentFocus=
echo @@caps
for n in 0 1 2 3 4 5 6 7 8 9 10 11; do
  read m </sys/devices/system/cpu/cpufreq/policy$n/scaling_max_freq && echo "policy$n|$m"
done
"""
BATTERY_CHANNELS = {
    "percent": channels.BATTERY_PERCENT,
    "temperature_c": channels.BATTERY_TEMPERATURE,
    "voltage_v": channels.BATTERY_VOLTAGE,
    "charge_ah": channels.BATTERY_CHARGE,
}


def read_state(phone: Phone, deadline: Deadline, cancel: CancelToken) -> DeviceState:
    """Battery, temperatures, load, memory, screen and frequency limits."""
    return state_from(phone.run(_SCRIPT, deadline, cancel, check=False).text)


def state_from(output: str) -> DeviceState:
    """The state in the script's output."""
    found = sections(output)
    values: dict[str, float | str] = {}
    unavailable: dict[str, str] = {}
    _battery(found.get("battery", ""), values, unavailable)
    _thermal(found.get("thermal", ""), values, unavailable)
    for minutes, text in zip((1, 5, 15), found.get("load", "").split(), strict=False):
        load = number(text)
        if load is not None:
            values[f"load_{minutes}m"] = load
    uptime = number((found.get("uptime", "").split() or [""])[0])
    if uptime is not None:
        values["uptime_s"] = uptime
    memory = processor.read_kilobytes(found.get("meminfo", "")).get("MemAvailable")
    if memory is None:
        unavailable["memory_available_bytes"] = "no MemAvailable in /proc/meminfo"
    else:
        values["memory_available_bytes"] = float(memory)
    _screen(found, values, unavailable)
    for line in found.get("caps", "").splitlines():
        policy, _, khz = line.partition("|")
        cap = number(khz)
        if cap is not None:
            values[channels.frequency_max(channel_part(policy))] = cap
    return DeviceState(values, unavailable)


def _battery(text: str, values: dict[str, float | str], unavailable: dict[str, str]) -> None:
    read = battery.read_battery(text)
    values |= {BATTERY_CHANNELS[name]: value for name, value in read.found.values.items()}
    unavailable |= {BATTERY_CHANNELS[name]: why for name, why in read.found.unavailable.items()}
    if read.status is None:
        unavailable["battery.status"] = "dumpsys battery has no 'status'"
    else:
        values["battery.status"] = read.status
    if read.plugged is None:
        unavailable[channels.BATTERY_PLUGGED] = "dumpsys battery names no source of power"
    else:
        values[channels.BATTERY_PLUGGED] = float(read.plugged)


def _thermal(text: str, values: dict[str, float | str], unavailable: dict[str, str]) -> None:
    read = thermal.read_thermalservice(text)
    if read.status is None:
        unavailable[channels.THERMAL_STATUS] = "dumpsys thermalservice says no 'Thermal Status'"
    else:
        values[channels.THERMAL_STATUS] = float(read.status)
    if read.skin_c is None:
        unavailable[channels.SKIN_TEMPERATURE] = "no sensor of type SKIN"
    else:
        values[channels.SKIN_TEMPERATURE] = read.skin_c


def _screen(
    found: dict[str, str], values: dict[str, float | str], unavailable: dict[str, str]
) -> None:
    awake = screen.is_awake(found.get("power", ""))
    if awake is None:
        unavailable[channels.SCREEN_ON] = "dumpsys power says no mWakefulness"
    else:
        values[channels.SCREEN_ON] = float(awake)
    values["foreground"] = screen.focused_window(found.get("window", "")) or "nothing"
