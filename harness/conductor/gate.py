"""The phases GATE and COOL: wait until a device may start, for a bounded time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from harness.channels import BATTERY_PERCENT, FOREIGN_CPU, THERMAL_STATUS
from harness.clock import CancelToken, Clock
from harness.conditions import Cooling, Gates
from harness.conductor.phases import PhaseLog
from harness.device import Reading, Telemetry
from harness.record import TrialRecord
from harness.units import NS_PER_S
from harness.validity.gates import GateDecision, battery_gate, foreign_cpu_gate
from harness.validity.thermal_gate import (
    ThermalSensor,
    Warmth,
    choose_sensor,
    is_flat,
    limit_of,
    thermal_gate,
)

#: How often a gate looks.
POLL_S = 1.0
#: Without any reading for so long, the device may be gone.
SILENCE_NS = 10 * NS_PER_S

#: What a gate decides after so many seconds of waiting.
Decide = Callable[[float], GateDecision]
#: Takes in new readings.
Take = Callable[[Sequence[Reading]], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What every wait before a trial needs."""

    telemetry: Telemetry
    clock: Clock
    cancel: CancelToken
    log: PhaseLog
    ask: Callable[[], object]  #: asks the device something; raises where it is gone

    def until(self, phase: str, decide: Decide, take: Take) -> GateDecision:
        """Poll until the gate opens or gives up; spectators are told what it waits for.

        A device that says nothing at all for ten seconds is asked whether it is still there.
        """
        started_at_ns = heard_at_ns = self.clock.monotonic_ns()
        while True:
            decision = decide((self.clock.monotonic_ns() - started_at_ns) / NS_PER_S)
            if decision.verdict != "wait":
                return decision
            self.log.detail(phase, decision.seen)
            self.clock.sleep(POLL_S, self.cancel)
            readings = self.telemetry.poll()
            take(readings)
            now_ns = self.clock.monotonic_ns()
            if readings:
                heard_at_ns = now_ns
            elif now_ns - heard_at_ns >= SILENCE_NS:
                self.ask()
                heard_at_ns = now_ns

    def why_not(self, channel: str) -> str | None:
        """Why a channel cannot be read, None if it can."""
        for item in self.telemetry.channels():
            if item.name == channel:
                return item.unavailable
        return "the device's agent does not read it"


def wait_for_start(gates: Gates, waiting: Waiting) -> str | None:
    """Wait until charge and quiet are as asked for; None, or what was not when the time was over.

    First the charge, because that wait may be long.
    """
    timeout_s = gates.timeout_minutes * 60
    charge, foreign = _Channel(BATTERY_PERCENT), _Channel(FOREIGN_CPU)
    decisions = (
        waiting.until(
            "GATE",
            lambda waited_s: battery_gate(
                charge.values,
                gates.battery_percent,
                waited_s=waited_s,
                timeout_s=timeout_s,
                unavailable=waiting.why_not(BATTERY_PERCENT),
            ),
            charge.take,
        ),
        waiting.until(
            "GATE",
            lambda waited_s: foreign_cpu_gate(
                foreign.values,
                gates.foreign_cpu_percent,
                waited_s=waited_s,
                timeout_s=timeout_s,
                unavailable=waiting.why_not(FOREIGN_CPU),
            ),
            foreign.take,
        ),
    )
    missed = [decision.seen for decision in decisions if decision.verdict == "timeout"]
    return "; ".join(missed) or None


class CoolDown:
    """The thermal gate of one device; it remembers the device's start state for the whole run."""

    def __init__(self, earlier: Iterable[TrialRecord] = ()) -> None:
        """``earlier`` are the device's trials of the run's sessions before this one."""
        known = (one for one in earlier if one.cooling and one.cooling.start_c is not None)
        newest = max(known, key=lambda one: one.started_at, default=None)
        self._start_c = newest.cooling.start_c if newest and newest.cooling else None
        self._start_status = 0.0

    def wait(self, gates: Gates, waiting: Waiting, store: Take) -> tuple[Cooling, str | None]:
        """Wait until the device has cooled down; ``store`` takes in what is read meanwhile.

        The second value says what was not met when the time was over, or is None. A gate that gave
        up at a temperature that no longer moves has learned a new start state: the room is warmer,
        or the system never reports less thermal pressure.
        """
        chosen = choose_sensor(waiting.telemetry.channels())
        sensor = chosen if isinstance(chosen, ThermalSensor) else None
        max_c = gates.thermal.max_c if gates.thermal else None
        heat = _Heat(sensor, waiting.clock, self._start_c, self._start_status)

        def take(readings: Sequence[Reading]) -> None:
            store(heat.take(readings))

        def decide(waited_s: float) -> GateDecision:
            return thermal_gate(
                sensor,
                heat.warmth,
                max_c=max_c,
                waited_s=waited_s,
                timeout_s=gates.timeout_minutes * 60,
            )

        begun_at_ns = waiting.clock.monotonic_ns()
        decision = GateDecision("open", "nothing to wait for")
        if sensor is not None or waiting.why_not(THERMAL_STATUS) is None:
            take(waiting.telemetry.poll(final=True))
            decision = waiting.until("COOL", decide, take)
        met, start_c = decision.verdict == "open", self._start_c
        self._learn(sensor, heat.warmth, met=met)
        cooling = Cooling(
            sensor=sensor.name if sensor else "",
            channels=sensor.channels if sensor else (),
            unavailable=chosen if isinstance(chosen, str) else None,
            begin_c=heat.begin_c,
            end_c=heat.warmth.now_c,
            limit_c=limit_of(sensor, start_c, max_c) if sensor else None,
            start_c=self._start_c if met else start_c,
            waited_ns=waiting.clock.monotonic_ns() - begun_at_ns,
            met=met,
        )
        return cooling, None if met else f"thermal gate: {decision.seen}"

    def _learn(self, sensor: ThermalSensor | None, warmth: Warmth, *, met: bool) -> None:
        """The first open gate shows the start state, and one that gave up what has become of it."""
        if met and self._start_c is None:
            self._start_c = warmth.now_c
        if not met and warmth.heard and (sensor is None or is_flat(sensor, warmth)):
            self._start_c, self._start_status = warmth.now_c, warmth.status or 0.0


@dataclass(slots=True)
class _Channel:
    """The readings of one channel."""

    name: str
    values: list[float] = field(default_factory=list)

    def take(self, readings: Sequence[Reading]) -> None:
        self.values += [item.value for item in readings if item.channel == self.name]


class _Heat:
    """Temperature and thermal status as they come in."""

    def __init__(
        self,
        sensor: ThermalSensor | None,
        clock: Clock,
        start_c: float | None,
        start_status: float,
    ) -> None:
        self._channels = sensor.channels if sensor else ()
        self._clock, self._start_c, self._start_status = clock, start_c, start_status
        self._newest: dict[str, float] = {}
        self._history: list[tuple[int, float]] = []
        self._status: float | None = None
        self._heard_at_ns = clock.monotonic_ns()

    def take(self, readings: Sequence[Reading]) -> list[Reading]:
        """Take in what belongs to heat, and give it back for the store."""
        kept = [item for item in readings if _about_heat(item.channel)]
        for item in kept:
            if item.channel == THERMAL_STATUS:
                self._status = item.value
                if not self._channels:
                    self._heard_at_ns = self._clock.monotonic_ns()
            if item.channel in self._channels and math.isfinite(item.value):
                self._newest[item.channel] = item.value
                self._add(item.at_ns, max(self._newest.values()))
        return kept

    def _add(self, at_ns: int, hottest_c: float) -> None:
        if self._history and self._history[-1][0] >= at_ns:  # several zones read together
            self._history[-1] = (self._history[-1][0], hottest_c)
        else:
            self._history.append((at_ns, hottest_c))
        self._heard_at_ns = self._clock.monotonic_ns()

    @property
    def begin_c(self) -> float | None:
        """The first temperature that was read."""
        return self._history[0][1] if self._history else None

    @property
    def warmth(self) -> Warmth:
        """What is known now."""
        silent_s = (self._clock.monotonic_ns() - self._heard_at_ns) / NS_PER_S
        return Warmth(self._history, self._status, self._start_c, silent_s, self._start_status)


def _about_heat(channel: str) -> bool:
    return channel.startswith(("temperature.", "thermal.", "lab."))
