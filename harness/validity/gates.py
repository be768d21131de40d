"""May a trial start? The decision only; whoever asks does the waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from harness.units import format_duration

#: The newest readings of which the middle one must be quiet: one spike neither opens nor shuts.
RECENT = 3


@dataclass(frozen=True, slots=True)
class GateDecision:
    """``open``: start. ``wait``: look again soon. ``timeout``: start, with GATE-TIMEOUT on it.

    ``seen`` says what the gate saw; on a timeout it is the text of the finding.
    """

    verdict: Literal["open", "wait", "timeout"]
    seen: str


def foreign_cpu_gate(
    readings: Sequence[float],
    threshold_percent: float | None,
    *,
    waited_s: float,
    timeout_s: float,
    unavailable: str | None = None,
) -> GateDecision:
    """Whether the machine is quiet enough.

    ``readings`` are percentages of one core used by everyone else, oldest first. The gate opens
    when the median of the last three is at or below ``threshold_percent``, at once when no
    threshold is set. It does not wait for a channel that is ``unavailable`` (the reason).
    """
    if threshold_percent is None:
        return GateDecision("open", "no limit on other processes' CPU is set")
    if unavailable is not None:
        return GateDecision("timeout", f"other processes' CPU cannot be read: {unavailable}")
    if len(readings) >= RECENT:
        level = median(readings[-RECENT:])
        seen = f"other processes use {level:.0f} % CPU, the limit is {threshold_percent:g} %"
        if level <= threshold_percent:
            return GateDecision("open", seen)
    else:
        seen = f"{len(readings)} of {RECENT} readings of other processes' CPU so far"
    if waited_s < timeout_s:
        return GateDecision("wait", seen)
    return GateDecision("timeout", f"after {waited_s:.0f} s: {seen}")


def battery_gate(
    readings: Sequence[float],
    wanted_percent: tuple[float, float] | None,
    *,
    waited_s: float,
    timeout_s: float,
    unavailable: str | None = None,
) -> GateDecision:
    """Whether the battery's charge lies in the wanted range, by the newest reading.

    Open at once when no range is asked for. It does not wait for a channel that is ``unavailable``
    (the reason).
    """
    if wanted_percent is None:
        return GateDecision("open", "no range of charge is set")
    if unavailable is not None:
        return GateDecision("timeout", f"the battery's charge cannot be read: {unavailable}")
    low, high = wanted_percent
    seen = "no reading of the battery's charge so far"
    if readings:
        seen = f"the battery is at {readings[-1]:.0f} %, wanted is {low:g} to {high:g} %"
        if low <= readings[-1] <= high:
            return GateDecision("open", seen)
    if waited_s < timeout_s:
        return GateDecision("wait", f"{seen}; at most {format_duration(timeout_s - waited_s)} more")
    return GateDecision("timeout", f"after {waited_s:.0f} s: {seen}")
