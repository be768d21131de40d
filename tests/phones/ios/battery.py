"""The battery as the phone's IORegistry tells it, from the physics' gauge.

Values change only when the gauge refreshes (``UpdateTime``); a negative current arrives as an
unsigned number of the profile's width, as on real phones through a host's plist reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phones.ios.phone import Phone

#: PowerTelemetryData adds one reading of the load, in milliwatts, to its accumulator so often.
_TELEMETRY_S = 1.0


def battery_registry(phone: Phone) -> dict[str, Any]:
    """The entry of class IOPMPowerSource, also known by the name AppleSmartBattery."""
    reading = phone.physics.reading()
    gauge, profile = reading.gauge, phone.profile
    age_s = reading.at_s - gauge.at_s
    current = _wrapped(gauge.current, profile.current_bits)
    full_mah = round(profile.design_capacity_mah * 0.95)
    entry: dict[str, Any] = {
        "AbsoluteCapacity": 0,
        "Amperage": current,
        "AppleRawCurrentCapacity": gauge.charge_uah // 1000,
        "AppleRawExternalConnected": gauge.plugged,
        "AppleRawMaxCapacity": full_mah,
        "AtCriticalLevel": gauge.percent <= 2,
        "AtWarnLevel": gauge.percent <= 10,
        "BatteryInstalled": True,
        "BootVoltage": 3900,
        "CurrentCapacity": gauge.percent,
        "CycleCount": 120,
        "DesignCapacity": profile.design_capacity_mah,
        "ExternalChargeCapable": gauge.plugged,
        "ExternalConnected": gauge.plugged,
        "FullyCharged": gauge.percent >= 100,
        "InstantAmperage": current,
        "IsCharging": gauge.charging,
        "Location": 0,
        "MaxCapacity": 100,
        "NominalChargeCapacity": full_mah,
        "Serial": f"SIM{phone.number:06}",
        "Temperature": gauge.decidegrees * 10,
        "TimeRemaining": 65535,
        "UpdateTime": int(phone.now().timestamp() - age_s),
        "Voltage": gauge.voltage_uv // 1000,
        "built-in": True,
    }
    if profile.power_telemetry:
        entry["PowerTelemetryData"] = _telemetry(phone, gauge.at_s, reading.energy_j)
    if phone.recording is not None:
        entry = phone.recording.battery | {"UpdateTime": entry["UpdateTime"]}
    return {key: entry[key] for key in entry if key not in phone.condition.missing_keys}


def _telemetry(phone: Phone, at_s: float, energy_j: float) -> dict[str, Any]:
    """Accumulators since boot; the mean of a window is the difference of the sum over the count."""
    reading = phone.physics.reading()
    late_j = reading.power_w * (reading.at_s - at_s)
    count = max(0, int((at_s - phone.booted_at_s) / _TELEMETRY_S))
    load_mw = round(reading.power_w * 1000)
    power_in_mw = round(phone.physics.spec.power.charger_w * 1000) if reading.gauge.plugged else 0
    return {
        "AccumulatedSystemLoad": max(0, round((energy_j - late_j) * 1000 / _TELEMETRY_S)),
        "AccumulatedSystemPowerIn": power_in_mw * count,
        "BatteryPower": _wrapped(load_mw - power_in_mw, 64),
        "PowerTelemetryErrorCount": 0,
        "SystemCurrentIn": power_in_mw // 5,
        "SystemLoad": load_mw,
        "SystemLoadAccumulatorCount": count,
        "SystemPowerIn": power_in_mw,
        "SystemPowerInAccumulatorCount": count,
        "SystemVoltageIn": 5000 if power_in_mw else 0,
    }


def _wrapped(value: int, bits: int | None) -> int:
    return value if bits is None or value >= 0 else value + (1 << bits)
