"""Watts from a battery gauge, whose unit and sign every vendor chooses for itself.

Neither is believed; both are found from the readings. And the gauge only tells the device's power
while nobody else supplies it. What proves that is the current itself: under load it moves towards
discharge, and it has to lie on that side of zero, idle and running alike. A status that the system
reports proves nothing: ``dumpsys battery unplug`` changes the report and the charger goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.stats.traces import Trace
from harness.units import NS_PER_S
from harness.validity.energy.held import Held, held, idle_error
from harness.validity.energy.refusal import RefusalCode, Refused
from harness.validity.energy.series import Series, Windows, usable

Reported = Literal["charging", "discharging", "unknown"]

#: A cell or two in series: what any phone's battery shows, in volts.
_VOLTS = (2.5, 15.0)
#: What a phone draws that is awake, with its model loaded, and at most, in amperes.
_AMPERES = (0.01, 10.0)
#: Units in use, largest number per ampere or volt first. The last is a gauge that counts in mA and
#: that its agent took for one that counts in uA, as the system's documentation says.
_PER_UNIT = (1e-6, 1e-3, 1.0, 1e3)
#: Below this an awake phone is fed by somebody else.
_LEAST_IDLE_W = 0.05
#: The response to load has to stand out of the noise by so many standard errors.
_SIGNIFICANT = 3.0
#: Changes of the charge counter that are enough to find the current's unit with it.
_LEAST_STEPS = 10
#: How near the two have to be in that unit, and how far they may be apart before it is told:
#: counters are rough, wrong units are off by ten at least.
_NEAR, _MOST_APART = 2.0, 3.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the readings told about the gauge: factors to SI, and which sign discharging has."""

    amperes_per_unit: float
    volts_per_unit: float
    discharge_sign: int
    how: str


@dataclass(frozen=True, slots=True)
class BatteryPower:
    """Watts drawn from the battery."""

    held: Held
    calibration: Calibration


def battery_power(
    current: Trace,
    voltage: Trace,
    windows: Windows,
    reported: Reported = "unknown",
    known_sign: int | None = None,
    charge: Trace | None = None,
) -> BatteryPower:
    """Power of a device that runs on its battery. Raises Refused.

    ``known_sign`` is the unit's discharge sign from an earlier calibration. It serves where a load
    is too light to show in the current; what it then proves is the same: discharge throughout.
    ``charge`` is the gauge's charge counter in ampere-hours. Where it contradicts the unit that the
    current looks to have, the counter's is taken, if a phone can draw so much, and that is told.
    """
    gauge = held(usable(current), windows)
    volts_per_unit, volts = _volts(usable(voltage))
    sign, how = _discharge_sign(gauge, windows, reported, known_sign)
    amperes_per_unit, odd = _amperes_per_unit(gauge, windows, charge)
    series = gauge.series
    place = np.searchsorted(volts.at_ns, series.at_ns, side="right") - 1
    watts = np.abs(series.value) * amperes_per_unit * volts.value[np.maximum(place, 0)]
    doubts = (*series.doubts, *volts.doubts, *odd)
    power = Held(Series(series.at_ns, watts, doubts), gauge.period_s)
    idle_w = min(power.mean(windows.before).value, power.mean(windows.after).value)
    if idle_w < _LEAST_IDLE_W:
        raise Refused(
            RefusalCode.CHARGING,
            f"the battery gave {idle_w * 1e3:.1f} mW at idle, too little for an awake device; "
            "somebody else supplies it: cut the USB power and verify by the current",
        )
    return BatteryPower(power, Calibration(amperes_per_unit, volts_per_unit, sign, how))


def _discharge_sign(
    gauge: Held, windows: Windows, reported: Reported, known_sign: int | None
) -> tuple[int, str]:
    """Which sign discharging has, proven by what the current does under load."""
    before, run, after = (gauge.mean(span) for span in windows.all)
    noise = math.hypot(run.error, idle_error(before, after))
    response = run.value - (before.value + after.value) / 2
    if abs(response) > _SIGNIFICANT * noise:
        sign, how = int(math.copysign(1, response)), "the current's response to the load"
    elif known_sign:
        sign, how = int(math.copysign(1, known_sign)), "an earlier calibration of the unit"
    else:
        raise Refused(
            RefusalCode.UNPROVEN,
            f"the current does not follow the load (status: {reported}), so it is not shown that "
            "the device runs on its battery; cut the USB power, or use a heavier model",
        )
    if any(mean.value * sign <= 0 for mean in (before, run, after)):
        raise Refused(
            RefusalCode.CHARGING,
            f"the current shows charging (status: {reported}); cut the USB power, or measure over "
            "Wi-Fi: a status of discharging alone proves nothing",
        )
    return sign, how


def _amperes_per_unit(
    gauge: Held, windows: Windows, charge: Trace | None
) -> tuple[float, tuple[str, ...]]:
    """The unit in which the current under load is a phone's, and what is odd about it."""
    size = abs(gauge.mean(windows.run).value)
    by_size, ratio = _unit(size, _AMPERES), _counter_ratio(gauge.series, charge)
    unit = _unit_by_counter(ratio, size) or by_size
    if unit is None:
        raise Refused(
            RefusalCode.IMPLAUSIBLE,
            f"a current of {size:.6g} under load is a phone's in no unit (A, mA, uA)",
        )
    if unit != by_size:
        looks = "none" if by_size is None else f"{by_size:g} A"
        odd = f"the charge counter makes the current's unit {unit:g} A, its size alone {looks}"
        return unit, (odd,)
    if ratio is not None and not 1 / _MOST_APART <= ratio / unit <= _MOST_APART:
        odd = f"the charge counter tells {ratio / unit:.3g} times the current; "
        return unit, (odd + "the unit of one of them is another one",)
    return unit, ()


def _unit_by_counter(ratio: float | None, size: float) -> float | None:
    """The power of ten that is near the ratio, where a phone can draw so much."""
    if ratio is None:
        return None
    unit = 10.0 ** round(math.log10(ratio))
    is_near = 1 / _NEAR <= ratio / unit <= _NEAR
    return unit if is_near and _AMPERES[0] <= size * unit <= _AMPERES[1] else None


def _counter_ratio(current: Series, charge: Trace | None) -> float | None:
    """Amperes by the charge counter for each unit of the current; None where it is too rough."""
    if charge is None:
        return None
    counter = usable(charge)
    if np.count_nonzero(np.diff(counter.value)) < _LEAST_STEPS:
        return None
    seconds = float(counter.at_ns[-1] - counter.at_ns[0]) / NS_PER_S
    told_a = abs(float(counter.value[-1] - counter.value[0])) * 3600 / seconds
    during = (current.at_ns >= counter.at_ns[0]) & (current.at_ns <= counter.at_ns[-1])
    shown = abs(float(current.value[during].mean())) if during.any() else 0.0
    return told_a / shown if told_a > 0 and shown > 0 else None


def _volts(series: Series) -> tuple[float, Series]:
    """Voltage in volts, and the factor that makes it so. Readings out of range are left out."""
    unit = _unit(float(np.median(series.value)), _VOLTS) if len(series) else None
    if unit is None:
        raise Refused(
            RefusalCode.IMPLAUSIBLE, "the voltage is a battery's in no unit (V, mV, uV), or missing"
        )
    volts = series.value * unit
    good = (volts >= _VOLTS[0]) & (volts <= _VOLTS[1])
    odd = np.count_nonzero(~good)
    doubts = (f"{odd} readings of the voltage were out of range",) if odd else ()
    return unit, Series(series.at_ns, volts, series.doubts).only(good, *doubts)


def _unit(size: float, plausible: tuple[float, float]) -> float | None:
    least, most = plausible
    return next((unit for unit in _PER_UNIT if least <= size * unit <= most), None)
