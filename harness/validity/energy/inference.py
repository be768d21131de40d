"""Gross and net energy per inference, with an uncertainty.

Steady power of the timed part, times its length, over its inferences is the gross energy; with the
idle power (model loaded, mean of before and after) taken off it is the net energy. Standard
uncertainties of one trial, in joules per inference::

    run     scatter of the run's batch means; over trials, a Student t interval takes its place
    idle    scatter of idle power before and after (:func:`harness.validity.energy.held.idle_error`)
    edge    P_run * period / sqrt(12) / inferences: one update more or less at the ends

The source's gain is listed apart: it is the same in every trial on one device and drops out of
ratios. Rules and constants: docs/method.md, from simulation (tests/benchmarks/energy.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median, stdev
from typing import Protocol

from harness.findings import Finding, finding
from harness.stats.interval import MIN_TRIALS, t_quantile
from harness.stats.traces import Trace
from harness.units import format_duration, format_percent, significant
from harness.validity.energy.battery import Reported, battery_power
from harness.validity.energy.counter import counter
from harness.validity.energy.held import Mean, held, idle_error
from harness.validity.energy.refusal import Refusal, RefusalCode, Refused
from harness.validity.energy.series import Span, Windows, usable

#: A run is long enough from here on: at least a minute, and many updates of the source.
LEAST_RUN_S = 60.0
LEAST_UPDATES = 20
#: Net power below this many idle uncertainties is not told from idle.
_TOLD_APART = 2.0
#: Idle uncertainty above this part of the net power makes the net energy worse than 5 %.
_GOOD_IDLE = 0.025
#: A 95 % interval of a normal quantity is this many standard uncertainties wide on either side.
COVERAGE = 1.96


class SourceKind(StrEnum):
    """Where readings of power come from."""

    BATTERY = "battery"  #: its own gauge, refused unless the device runs on its battery
    RAILS = "rails"  #: counters behind the battery: charging does not matter
    RAPL = "rapl"  #: counters of a PC's processor
    ACCUMULATOR = "accumulator"  #: a phone's own mean of its load, refused as the gauge is
    METER = "meter"  #: outside the device; has to be shown to follow its load


#: Gain error as a fraction of the value, where a figure is known (method.md section 3).
GAIN: dict[SourceKind, float | None] = {
    SourceKind.BATTERY: 0.05,
    SourceKind.RAILS: None,
    SourceKind.RAPL: None,
    SourceKind.ACCUMULATOR: None,
    SourceKind.METER: 0.02,
}


class PowerReadings(Protocol):
    """What gives the mean power of a stretch."""

    @property
    def period_s(self) -> float:
        """Time between updates."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was left out or looks odd."""

    def mean(self, span: Span) -> Mean:
        """Mean power in watts. Raises Refused."""


@dataclass(frozen=True, slots=True)
class TrialEnergy:
    """Energy of one trial; ``*_j`` are joules per inference, uncertainties standard ones.

    ``net_j`` is None where the run is not told from idle, ``idle_w`` where idle was not read by
    itself; a finding then says so. ``how`` tells how unit and sign of a gauge were found, empty for
    other sources.
    """

    source: SourceKind
    inferences: int
    seconds: float
    period_s: float
    idle_w: float | None
    run_w: float
    gross_j: float
    net_j: float | None
    run_error_j: float
    idle_error_j: float
    edge_error_j: float
    gain: float | None
    findings: tuple[Finding, ...] = ()
    how: str = ""


class EnergyFigures(Protocol):
    """What a cell needs of each of its trials; see :class:`TrialEnergy`."""

    @property
    def gross_j(self) -> float:
        """Joules per inference."""

    @property
    def net_j(self) -> float | None:
        """The same without idle."""

    @property
    def idle_error_j(self) -> float:
        """Standard uncertainty by idle."""

    @property
    def edge_error_j(self) -> float:
        """Standard uncertainty by the edges."""

    @property
    def gain(self) -> float | None:
        """Of the source, as a fraction."""


@dataclass(frozen=True, slots=True)
class CellEnergy:
    """Means over ``n`` trials in joules per inference; ``*_error_j`` are 95 % half-widths.

    The errors are None below three trials; ``net_j`` also where too few trials have one. ``gain``
    is not in them.
    """

    n: int
    gross_j: float
    gross_error_j: float | None
    net_j: float | None
    net_error_j: float | None
    gain: float | None


def gauge_energy(
    current: Trace,
    voltage: Trace,
    windows: Windows,
    inferences: int,
    reported: Reported = "unknown",
    known_sign: int | None = None,
    charge: Trace | None = None,
) -> TrialEnergy | Refusal:
    """Energy from a battery gauge in whatever unit and sign; refused unless discharge is proven."""
    try:
        power = battery_power(current, voltage, windows, reported, known_sign, charge)
        how = f"discharge is {'+' if power.calibration.discharge_sign > 0 else '-'}, by "
        how += f"{power.calibration.how}; 1 unit is {power.calibration.amperes_per_unit:g} A"
        return steady_energy(power.held, windows, inferences, SourceKind.BATTERY, how)
    except Refused as refused:
        return refused.refusal


def meter_energy(power: Trace, windows: Windows, inferences: int) -> TrialEnergy | Refusal:
    """Energy from an external meter's watts; refused unless they follow the device's load."""
    try:
        found = steady_energy(held(usable(power), windows), windows, inferences, SourceKind.METER)
    except Refused as refused:
        return refused.refusal
    if found.net_j is None or found.net_j <= 0:
        return Refusal(
            RefusalCode.UNPROVEN,
            f"the meter shows {found.run_w:.3g} W under load and {found.idle_w:.3g} W at idle: it "
            "does not follow this device; check what it is wired to",
        )
    return found


def counter_energy(
    microjoules: Trace,
    windows: Windows,
    inferences: int,
    source: SourceKind,
    wraps_at: float | None = None,
) -> TrialEnergy | Refusal:
    """Energy from a counter in microjoules (RAPL, power rails); valid while charging, too."""
    try:
        return steady_energy(counter(microjoules, windows, wraps_at), windows, inferences, source)
    except Refused as refused:
        return refused.refusal


def cell_energy(trials: Sequence[EnergyFigures]) -> CellEnergy | Refusal:
    """Several trials of one cell together, by the same source.

    Half-widths are sqrt(run^2 + idle^2 + edge^2): the run's t interval, and 1.96 median standard
    uncertainties of idle and edges, which are taken to be common to all trials.
    """
    if not trials:
        return Refusal(RefusalCode.TOO_FEW, "no trial has an energy")
    idle, edge = (
        COVERAGE * median(getattr(trial, name) for trial in trials)
        for name in ("idle_error_j", "edge_error_j")
    )
    gross = [trial.gross_j for trial in trials]
    net = [trial.net_j for trial in trials if trial.net_j is not None]
    whole = len(net) == len(trials)  # those left out would be the small ones
    return CellEnergy(
        n=len(trials),
        gross_j=fmean(gross),
        gross_error_j=_half_width(gross, edge),
        net_j=fmean(net) if whole else None,
        net_error_j=_half_width(net, idle, edge) if whole else None,
        gain=trials[0].gain,
    )


def _half_width(values: Sequence[float], *others: float) -> float | None:
    if len(values) < MIN_TRIALS:
        return None
    run = t_quantile(len(values) - 1, 0.95) * stdev(values) / math.sqrt(len(values))
    return math.hypot(run, *others)


def steady_energy(
    power: PowerReadings, windows: Windows, inferences: int, source: SourceKind, how: str = ""
) -> TrialEnergy:
    """Energy of the run by a source that tells its mean, and those of idle. Raises Refused."""
    if inferences < 1 or windows.run.seconds <= 0:
        raise Refused(RefusalCode.TOO_FEW, "nothing was timed, so there is no energy per inference")
    before, run, after = (power.mean(span) for span in windows.all)
    idle_w, seconds = (before.value + after.value) / 2, windows.run.seconds
    idle_error_w = idle_error(before, after)
    net_w = run.value - idle_w
    told_apart = net_w > _TOLD_APART * idle_error_w
    per_inference = seconds / inferences
    return TrialEnergy(
        source=source,
        inferences=inferences,
        seconds=seconds,
        period_s=power.period_s,
        idle_w=idle_w,
        run_w=run.value,
        gross_j=run.value * per_inference,
        net_j=net_w * per_inference if told_apart else None,
        run_error_j=run.error * per_inference,
        idle_error_j=idle_error_w * per_inference,
        edge_error_j=run.value * power.period_s / math.sqrt(12) / inferences,
        gain=GAIN[source],
        findings=(
            *_integrity(power),
            *_uncertain(net_w, idle_error_w, seconds, power.period_s),
        ),
        how=how,
    )


def _integrity(power: PowerReadings) -> list[Finding]:
    return [finding("POWER-INTEGRITY", "; ".join(power.doubts))] if power.doubts else []


def _uncertain(net_w: float, idle_error_w: float, seconds: float, period_s: float) -> list[Finding]:
    """ENERGY-UNCERTAIN, once, with everything that makes it so."""
    seen = []
    share = idle_error_w / net_w if net_w > 0 else math.inf
    if share > 1 / _TOLD_APART:
        seen.append(
            f"net power {significant(net_w, 3)} W is not told from idle, which is uncertain by "
            f"{significant(idle_error_w, 3)} W"
        )
    elif share > _GOOD_IDLE:
        seen.append(f"idle is uncertain by {format_percent(share)} of the net power")
    enough_s = max(LEAST_RUN_S, LEAST_UPDATES * period_s)
    if seconds < enough_s:
        seen.append(
            f"{format_duration(seconds)} of work, {format_duration(enough_s)} are needed for a "
            f"source that updates every {format_duration(period_s)}"
        )
    return [finding("ENERGY-UNCERTAIN", "; ".join(seen))] if seen else []
