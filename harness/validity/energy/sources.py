"""Which sources of power a trial has, and what they say: one interface over its channels.

A source takes the channels that are its own and gives an energy, a refusal, or None where the
device has no such thing. With ``auto`` the first of :data:`ORDER` that gives a number counts: an
external meter sees the whole device and nothing disturbs it, rails are exact for what they feed, a
processor's counters leave out the rest of the machine, and a phone's accumulators and its gauge
need a device off the charger.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.channels import (
    BATTERY_CHARGE,
    BATTERY_CURRENT,
    BATTERY_PLUGGED,
    BATTERY_VOLTAGE,
    METER_POWER,
    SYSTEM_LOAD,
)
from harness.findings import Finding, finding
from harness.record import ChannelRecord, Energy
from harness.stats.traces import Trace
from harness.validity.energy.accumulator import accumulated, accumulator_energy
from harness.validity.energy.battery import Reported
from harness.validity.energy.inference import (
    COVERAGE,
    SourceKind,
    TrialEnergy,
    counter_energy,
    gauge_energy,
    meter_energy,
)
from harness.validity.energy.refusal import Refusal, RefusalCode
from harness.validity.energy.series import FloatArray, Series, Windows, usable

ORDER = (
    SourceKind.METER,
    SourceKind.RAILS,
    SourceKind.RAPL,
    SourceKind.ACCUMULATOR,
    SourceKind.BATTERY,
)
#: RAPL's domains that make up a processor: packages with their memory, or the whole platform.
_PLATFORM, _PACKAGE, _MEMORY = "power.psys_w", "power.package-", ".dram_w"
_MICRO = 1e-6


@dataclass(frozen=True, slots=True)
class PowerEvidence:
    """What one trial knows of its power.

    ``traces`` are by channel name, all on one clock. ``status`` is what the system says of the
    charger. ``usb_power_cut``: the lab has proven that the device's port brings no current.
    """

    traces: Mapping[str, Trace]
    channels: Sequence[ChannelRecord] = ()
    status: str = ""
    usb_power_cut: bool = False


@dataclass(frozen=True, slots=True)
class EnergyVerdict:
    """What becomes of it: the record, the numbers by metric, and the doubts."""

    record: Energy
    metrics: dict[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


_Answer = tuple[tuple[str, ...], TrialEnergy | Refusal]
_Source = Callable[[PowerEvidence, Windows, int], _Answer | None]


def power_channels(channels: Sequence[ChannelRecord]) -> frozenset[str]:
    """The names of the channels that any source looks at."""
    battery = {BATTERY_CURRENT, BATTERY_VOLTAGE, BATTERY_CHARGE, BATTERY_PLUGGED}
    fixed = battery | {METER_POWER, SYSTEM_LOAD}
    return frozenset(
        item.name
        for item in channels
        if item.name in fixed or _is_rail(item.name) or _is_rapl(item.name)
    )


def judge_energy(
    source: str, evidence: PowerEvidence, windows: Windows, inferences: int
) -> EnergyVerdict:
    """The energy of a trial by ``source`` (``auto`` or a SourceKind). Never raises.

    Where every source says no there is no number; the finding ENERGY-REFUSED has the reasons.
    """
    kinds = ORDER if source == "auto" else (SourceKind(source),)
    charging = reported(evidence, windows)
    refused: dict[str, str] = {}
    for kind in kinds:
        answer = _SOURCES[kind](evidence, windows, inferences)
        if answer is None:
            continue
        channels, found = answer
        if isinstance(found, TrialEnergy):
            return _measured(found, channels, charging, refused)
        refused[kind.value] = f"{found.code.value}: {found.reason}"
    if not refused:
        refused[source] = _nothing(source, evidence.channels)
    seen = "; ".join(f"{kind}: {reason}" for kind, reason in refused.items())
    return EnergyVerdict(
        Energy(charging=charging, refused=refused), findings=(finding("ENERGY-REFUSED", seen),)
    )


def reported(evidence: PowerEvidence, windows: Windows) -> Reported:
    """What the system says of the charger during the trial; a claim, never a proof."""
    plugged = evidence.traces.get(BATTERY_PLUGGED)
    if plugged is not None:
        held = _held(usable(plugged), windows)
        if len(held):
            return "charging" if bool(np.any(held > 0)) else "discharging"
    status = evidence.status.lower()
    if status in ("charging", "full", "online"):
        return "charging"
    return "discharging" if status == "discharging" else "unknown"


def _held(series: Series, windows: Windows) -> FloatArray:
    """Values within the trial, with the last before it and the first after it: some phones can
    only be asked while nothing is timed.
    """
    first = int(np.searchsorted(series.at_ns, windows.before.start_ns, side="right")) - 1
    last = int(np.searchsorted(series.at_ns, windows.after.end_ns, side="left"))
    return series.value[max(0, first) : last + 1]


def _measured(
    found: TrialEnergy, channels: tuple[str, ...], charging: str, refused: dict[str, str]
) -> EnergyVerdict:
    gross_error = math.hypot(found.run_error_j, found.edge_error_j)
    metrics = {
        "energy_gross_j": found.gross_j,
        "power_mean_w": found.run_w,
    }
    if found.idle_w is not None:
        metrics["power_idle_w"] = found.idle_w
    intervals: dict[str, tuple[float, ...]] = {
        "energy_gross_j": _interval(found.gross_j, gross_error)
    }
    if found.net_j is not None:
        metrics["energy_net_j"] = found.net_j
        net_error = math.hypot(gross_error, found.idle_error_j)
        intervals["energy_net_j"] = _interval(found.net_j, net_error)
    record = Energy(
        source=found.source.value,
        channels=channels,
        charging=charging,
        calibration=found.how,
        period_s=found.period_s,
        seconds=found.seconds,
        inferences=found.inferences,
        run_error_j=found.run_error_j,
        idle_error_j=found.idle_error_j,
        edge_error_j=found.edge_error_j,
        gain=found.gain,
        intervals=intervals,
        refused=refused,
    )
    return EnergyVerdict(record, metrics, found.findings)


def _interval(value: float, error: float) -> tuple[float, float]:
    return value - COVERAGE * error, value + COVERAGE * error


def _nothing(source: str, channels: Sequence[ChannelRecord]) -> str:
    """Why there is no source at all, with what the agent said about those it looked for."""
    said = [
        f"{item.name}: {item.unavailable}"
        for item in channels
        if item.unavailable and item.name.startswith(("battery", "power", "energy"))
    ]
    wanted = "source of power" if source == "auto" else f"source {source!r}"
    return "; ".join([f"the device has no {wanted}, and the lab names no meter for it", *said])


# --- the sources ----------------------------------------------------------------------------------


def _meter(evidence: PowerEvidence, windows: Windows, inferences: int) -> _Answer | None:
    for item in evidence.channels:
        if item.name == METER_POWER and item.unavailable is not None:
            return (METER_POWER,), Refusal(RefusalCode.AWAY, item.unavailable)
    power = evidence.traces.get(METER_POWER)
    if power is None:
        return None
    return (METER_POWER,), meter_energy(power, windows, inferences)


def _rails(evidence: PowerEvidence, windows: Windows, inferences: int) -> _Answer | None:
    names = tuple(sorted(name for name in evidence.traces if _is_rail(name)))
    if not names:
        return None
    parts = [_scaled(usable(evidence.traces[name]), 1 / _MICRO) for name in names]
    return names, _counted(parts, windows, inferences, SourceKind.RAILS)


def _rapl(evidence: PowerEvidence, windows: Windows, inferences: int) -> _Answer | None:
    found = sorted(name for name in evidence.traces if _is_rapl(name))
    names = (_PLATFORM,) if _PLATFORM in found else tuple(found)
    if not names:
        return None
    parts = [accumulated(usable(evidence.traces[name])) for name in names]
    return names, _counted(parts, windows, inferences, SourceKind.RAPL)


_FED = Refusal(
    RefusalCode.CHARGING,
    "a charger or USB power was connected; cut it, measure over Wi-Fi, or use rails or an external "
    "meter",
)


def _accumulator(evidence: PowerEvidence, windows: Windows, inferences: int) -> _Answer | None:
    load = evidence.traces.get(SYSTEM_LOAD)
    if load is None:
        return None
    if reported(evidence, windows) != "discharging" and not evidence.usb_power_cut:
        return (SYSTEM_LOAD,), _FED
    return (SYSTEM_LOAD,), accumulator_energy(load, windows, inferences)


def _battery(evidence: PowerEvidence, windows: Windows, inferences: int) -> _Answer | None:
    current = evidence.traces.get(BATTERY_CURRENT)
    voltage = evidence.traces.get(BATTERY_VOLTAGE)
    if current is None or voltage is None:
        return None
    names, said = (BATTERY_CURRENT, BATTERY_VOLTAGE), reported(evidence, windows)
    if said == "charging" and not evidence.usb_power_cut:
        return names, _FED
    charge = evidence.traces.get(BATTERY_CHARGE)
    return names, gauge_energy(current, voltage, windows, inferences, said, charge=charge)


_SOURCES: dict[SourceKind, _Source] = {
    SourceKind.METER: _meter,
    SourceKind.RAILS: _rails,
    SourceKind.RAPL: _rapl,
    SourceKind.ACCUMULATOR: _accumulator,
    SourceKind.BATTERY: _battery,
}


def _is_rail(name: str) -> bool:
    return name.startswith("energy.") and name.endswith("_j")


def _is_rapl(name: str) -> bool:
    """A package, or a package's memory; the package contains its other domains."""
    if name == _PLATFORM:
        return True
    inner = name.removeprefix(_PACKAGE)
    return inner != name and ("." not in inner or name.endswith(_MEMORY))


def _counted(
    parts: Sequence[Series], windows: Windows, inferences: int, kind: SourceKind
) -> TrialEnergy | Refusal:
    if any(len(part) == 0 for part in parts):
        return Refusal(RefusalCode.TOO_FEW, "one of the counters was never read")
    return counter_energy(_total(parts), windows, inferences, kind)


def _total(parts: Sequence[Series]) -> Series:
    """Several counters as one, at the times of the first that all of them cover."""
    start_ns = max(part.at_ns[0] for part in parts)
    end_ns = min(part.at_ns[-1] for part in parts)
    first = parts[0]
    at_ns = first.at_ns[(first.at_ns >= start_ns) & (first.at_ns <= end_ns)]
    value = sum((np.interp(at_ns, part.at_ns, part.value) for part in parts), np.zeros(len(at_ns)))
    return Series(at_ns, value, tuple(doubt for part in parts for doubt in part.doubts))


def _scaled(series: Series, factor: float) -> Series:
    return Series(series.at_ns, series.value * factor, series.doubts)
