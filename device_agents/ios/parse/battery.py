"""The battery's entry of the IORegistry (class IOPMPowerSource)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from device_agents.ios.parse.values import flag, whole

#: No phone's battery gives or takes more.
MOST_CURRENT_MA = 20_000
#: What a working gauge of an iPhone can show.
_LEAST_C, _MOST_C = -40.0, 100.0
_LEAST_MV, _MOST_MV = 2000, 6000
_WIDTHS = (16, 32, 64)

Status = Literal["charging", "full", "discharging", "not charging"]


@dataclass(frozen=True, slots=True)
class Accumulator:
    """The system's load since some moment: the sum of ``count`` readings in milliwatts."""

    total: int
    count: int
    now_w: float | None = None  #: the last of them, in watts

    def mean_w(self, before: Accumulator) -> float | None:
        """Mean power since ``before``; None where nothing was added or the count began anew."""
        added = self.count - before.count
        if added <= 0 or self.total < before.total:
            return None
        return (self.total - before.total) / added / 1000.0


@dataclass(frozen=True, slots=True)
class Battery:
    """One reading of the gauge; None where it does not tell.

    ``current_a`` is positive into the battery. ``updated_s`` is the phone's calendar time of the
    gauge's last update: readings with the same one are the same reading.
    """

    temperature_c: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    percent: float | None = None
    charge_ah: float | None = None
    charging: bool | None = None
    plugged: bool | None = None
    full: bool | None = None
    cycles: int | None = None
    health_percent: float | None = None
    updated_s: int | None = None
    load: Accumulator | None = None

    @property
    def status(self) -> Status | None:
        """What the battery does, in the words that all platforms use."""
        if self.charging:
            return "charging"
        if self.plugged is None:
            return None
        if not self.plugged:
            return "discharging"
        return "full" if self.full else "not charging"


def read_battery(registry: Mapping[str, Any]) -> Battery:
    """The reading in a registry entry; what is missing or cannot be is None."""
    design, nominal = whole(registry, "DesignCapacity"), whole(registry, "NominalChargeCapacity")
    current = _current_ma(registry)
    charge = whole(registry, "AppleRawCurrentCapacity")
    percent = whole(registry, "CurrentCapacity")
    millivolts = _within(whole(registry, "Voltage"), _LEAST_MV, _MOST_MV)
    return Battery(
        temperature_c=_temperature_c(whole(registry, "Temperature")),
        current_a=None if current is None else current / 1000.0,
        voltage_v=None if millivolts is None else millivolts / 1000.0,
        percent=_within(percent, 0, 100),
        charge_ah=None if charge is None or charge < 0 else charge / 1000.0,
        charging=flag(registry, "IsCharging"),
        plugged=flag(registry, "ExternalConnected"),
        full=flag(registry, "FullyCharged"),
        cycles=whole(registry, "CycleCount"),
        health_percent=100.0 * nominal / design if nominal and design and design > 0 else None,
        updated_s=whole(registry, "UpdateTime"),
        load=_load(registry.get("PowerTelemetryData")),
    )


def folded(value: int, most: int = MOST_CURRENT_MA) -> int | None:
    """A number that arrived without its sign, by the narrowest width that makes it plausible.

    Negative currents come as unsigned numbers of 16, 32 or 64 bits; None if no width fits.
    """
    if abs(value) <= most:
        return value
    for bits in _WIDTHS:
        if 0 <= value < 1 << bits and abs(value - (1 << bits)) <= most:
            return value - (1 << bits)
    return None


def _current_ma(registry: Mapping[str, Any]) -> int | None:
    for key in ("InstantAmperage", "Amperage"):
        raw = whole(registry, key)
        if raw is not None and (value := folded(raw)) is not None:
            return value
    return None


def _temperature_c(raw: int | None) -> float | None:
    """Hundredths of a degree."""
    return None if raw is None else _within(raw / 100.0, _LEAST_C, _MOST_C)


def _load(telemetry: Any) -> Accumulator | None:
    if not isinstance(telemetry, Mapping):
        return None
    total = whole(telemetry, "AccumulatedSystemLoad")
    count = whole(telemetry, "SystemLoadAccumulatorCount")
    if total is None or count is None or total < 0 or count < 0:
        return None
    last = whole(telemetry, "SystemLoad")
    return Accumulator(total, count, None if last is None or last < 0 else last / 1000.0)


def _within(value: float | None, least: float, most: float) -> float | None:
    return float(value) if value is not None and least <= value <= most else None
