"""``dumpsys thermalservice`` and ``cmd thermalservice``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said
from phones.android.profiles import HalSensor
from phones.physics import Reading

if TYPE_CHECKING:
    from phones.android.framework import Framework

_SKIN = 3


def dump(phone: Framework, words: list[str]) -> Answer:
    """Status, cached and current temperatures; the cache lags behind as the real one may."""
    reading = phone.physics.reading()
    override = phone.state.switches.thermal_override
    status = int(reading.status) if override is None else override
    rows = [_row(sensor, reading) for sensor in phone.profile.hal]
    return said(
        "\n".join(
            [
                f"IsStatusOverride: {'false' if override is None else 'true'}",
                "ThermalEventListeners:",
                "\tcallbacks: 4",
                "\tkilled: false",
                "\tbroadcasts count: -1",
                "ThermalStatusListeners:",
                "\tcallbacks: 2",
                "\tkilled: false",
                "\tbroadcasts count: -1",
                f"Thermal Status: {status}",
                "Cached temperatures:",
                *[_row(sensor, None) for sensor in phone.profile.hal],
                "HAL Ready: true",
                "HAL connection:",
                "\tThermalHAL 2.0 connected: yes",
                "Current temperatures from HAL:",
                *rows,
                "Current cooling devices from HAL:",
                f"\tCoolingDevice{{mValue={int(reading.status)}, mType=2, mName=cpufreq-0}}",
                "Temperature static thresholds from HAL:",
            ]
        )
    )


def _row(sensor: HalSensor, reading: Reading | None) -> str:
    value, status = sensor.constant, 0
    if sensor.follows:
        value = 29.0 if reading is None else _followed(sensor.follows, reading)
    if reading is not None and sensor.kind == _SKIN and sensor.follows:
        status = int(reading.status)
    return (
        f"\tTemperature{{mValue={value:.6g}, mType={sensor.kind}, mName={sensor.name}, "
        f"mStatus={status}}}"
    )


def _followed(source: str, reading: Reading) -> float:
    known = {"skin": reading.skin_c, "battery": reading.battery_c, "cpu": reading.processor_c}
    return known[source]


def command(phone: Framework, words: list[str]) -> Answer:
    """``override-status N`` fakes what apps see; ``reset`` undoes it."""
    match words:
        case ["override-status", level] if level.isdigit():
            phone.state.switches.thermal_override = int(level)
        case ["reset"]:
            phone.state.switches.thermal_override = None
        case _:
            return refused("Unknown command: " + " ".join(words))
    return Answer()
