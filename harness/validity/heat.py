"""Was the device in a state to be measured, and did heat slow it down?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.channels import (
    AMBIENT_TEMPERATURE,
    BATTERY_PERCENT,
    BATTERY_TEMPERATURE,
    CANARY,
    CANARY_CORE,
    LOW_POWER,
    SKIN_TEMPERATURE,
    THERMAL_STATUS,
    frequency_max,
)
from harness.conditions import Cooling
from harness.findings import Finding, finding
from harness.record import BlockRecord, ChannelRecord, DeviceState
from harness.stats.traces import Trace
from harness.units import format_percent
from harness.validity.disturbance import CAP_SHARE
from harness.validity.thermal_gate import ThermalSensor, choose_sensor, thermal_status

#: A start temperature this far from the device's start state is another state.
AWAY_C = 3.0
#: Slower and warmer by this much: heat. A processor's own sensor moves by more, see :func:`_step`.
WARMER_C = 3.0
_PROCESSOR_FACTOR = 10.0 / 3.0
#: Below this charge phones begin to save power even when plugged in (AndroidX Benchmark).
LOW_BATTERY_PERCENT = 25.0
#: The canary may take this much longer after the trial (AndroidX Benchmark's threshold).
CANARY_SHARE = 1.10
_POWER_SAVING = ("power_save", "low_power_mode")
_OFF = frozenset({"0", "0.0", "off", "false", "no", "unknown", ""})
_SMOOTH = 3

Traces = Mapping[str, Trace]


@dataclass(frozen=True, slots=True)
class TimedPart:
    """The stretches in which inferences were timed, in order, on the clock of the traces."""

    begins_ns: NDArray[np.int64]
    ends_ns: NDArray[np.int64]

    @classmethod
    def of(cls, blocks: Sequence[BlockRecord]) -> TimedPart:
        """The timed ones of ``blocks``."""
        timed = [(block.started_at_ns, block.ended_at_ns) for block in blocks if block.timed]
        edges = np.array(sorted(timed), dtype=np.int64).reshape(-1, 2)
        return cls(edges[:, 0], edges[:, 1])

    @property
    def seconds(self) -> float:
        """From the first begin to the last end."""
        return float(self.ends_ns[-1] - self.begins_ns[0]) * 1e-9 if len(self.begins_ns) else 0.0

    def values(self, trace: Trace | None) -> NDArray[np.float64]:
        """The readings that speak for it, each for the time since the one before.

        So also a sensor counts that is too slow to be read while something is timed, and is read
        right after. Readings that are no numbers count as none.
        """
        if trace is None or not len(self.begins_ns):
            return np.empty(0)
        numbers = np.isfinite(trace.value)
        at_ns, value = trace.at_ns[numbers], trace.value[numbers]
        since_ns = np.concatenate([at_ns[:1] - 1, at_ns[:-1]])
        block = np.searchsorted(self.begins_ns, at_ns, side="left") - 1
        found: NDArray[np.float64] = value[
            (block >= 0) & (self.ends_ns[np.maximum(block, 0)] > since_ns)
        ]
        return found

    def before(self, trace: Trace) -> NDArray[np.float64]:
        """The last reading before it, if there is one."""
        begin_ns = self.begins_ns[0] if len(self.begins_ns) else 0
        earlier: NDArray[np.float64] = trace.value[
            np.isfinite(trace.value) & (trace.at_ns <= begin_ns)
        ]
        return earlier[-1:]


def no_thermal_sensor(cooling: Cooling | None) -> Iterator[Finding]:
    """NO-THERMAL-SENSOR: the thermal gate had nothing to look at, and nothing was waited for."""
    if cooling is not None and cooling.unavailable is not None:
        yield finding("NO-THERMAL-SENSOR", f"unavailable: {cooling.unavailable}")


def start_state(state: DeviceState, cooling: Cooling | None, traces: Traces) -> Iterator[Finding]:
    """START-STATE: not the device's usual state when the trial began."""
    cooled = cooling is not None and cooling.met  # the status was none when the gate opened
    seen = [*_unusual_temperature(cooling), *_unusual_values(state, cooled=cooled)]
    saving = traces.get(LOW_POWER)  # only an app can tell on an iPhone
    if saving is not None and (saving.value > 0).any():
        seen.append("low power mode on")
    if seen:
        yield finding("START-STATE", ", ".join(seen))


def thermal_throttled(
    traces: Traces, part: TimedPart, states: Sequence[DeviceState], *, slower: bool
) -> Iterator[Finding]:
    """THERMAL-THROTTLED: at least one witness saw heat slow the device down.

    ``slower`` says whether latency rose during the timed part.
    """
    seen = [*_status(traces, part), *_caps(traces, part), *_canary(states)]
    seen += _warmer(traces, part) if slower else ()
    if seen:
        yield finding("THERMAL-THROTTLED", "; ".join(seen))


def ambient_unrecorded(channels: Sequence[ChannelRecord], traces: Traces) -> Iterator[Finding]:
    """AMBIENT-UNRECORDED: the device feels its temperature, and nobody told the room's."""
    room = traces.get(AMBIENT_TEMPERATURE)
    known = room is not None and bool(np.isfinite(room.value).any())
    if isinstance(choose_sensor(channels), ThermalSensor) and not known:
        reasons = [item.unavailable for item in channels if item.name == AMBIENT_TEMPERATURE]
        yield finding("AMBIENT-UNRECORDED", f"unavailable: {(reasons or ['none is given'])[0]}")


def _unusual_temperature(cooling: Cooling | None) -> Iterator[str]:
    if cooling is None or cooling.end_c is None or cooling.start_c is None:
        return
    away_c = cooling.end_c - cooling.start_c
    if abs(away_c) > AWAY_C * (_PROCESSOR_FACTOR if cooling.sensor == "processor" else 1.0):
        way = "above" if away_c > 0 else "below"
        yield (
            f"{cooling.sensor} {cooling.end_c:.1f} °C, {abs(away_c):.1f} °C {way} the "
            "device's start state"
        )


def _unusual_values(state: DeviceState, *, cooled: bool) -> Iterator[str]:
    status, charge = state.values.get(THERMAL_STATUS), state.values.get(BATTERY_PERCENT)
    if isinstance(status, int | float) and status > 0 and not cooled:
        yield f"thermal status {thermal_status(status)}"
    if isinstance(charge, int | float) and charge < LOW_BATTERY_PERCENT:
        yield f"battery at {charge:.0f} %"
    for name in _POWER_SAVING:
        value = state.values.get(name)
        if value is not None and str(value).lower() not in _OFF:
            yield f"{name.replace('_', ' ')} {value}"


def _status(traces: Traces, part: TimedPart) -> Iterator[str]:
    values = part.values(traces.get(THERMAL_STATUS))
    if len(values) and values.max() > 0:
        share = float((values > 0).mean())
        yield (
            f"thermal status rose to {thermal_status(float(values.max()))} "
            f"({format_percent(share)} of the readings)"
        )


def _caps(traces: Traces, part: TimedPart) -> Iterator[str]:
    prefix = frequency_max("")
    for name, trace in traces.items():
        values, known = part.values(trace), trace.value[np.isfinite(trace.value)]
        if not name.startswith(prefix) or not len(values) or known[0] <= 0:
            continue
        if values.min() < CAP_SHARE * known[0]:
            yield (
                f"{name.removeprefix(prefix)} capped at {values.min() / 1000:.0f} MHz "
                f"of {known[0] / 1000:.0f} MHz"
            )


def _canary(states: Sequence[DeviceState]) -> Iterator[str]:
    if len(states) < 2 or _core(states[0]) != _core(states[-1]):
        return
    before, after = states[0].values.get(CANARY), states[-1].values.get(CANARY)
    if not isinstance(before, int | float) or not isinstance(after, int | float) or before <= 0:
        return
    if after > CANARY_SHARE * before:
        yield f"a fixed piece of work took {format_percent(after / before - 1.0)} longer afterwards"


def _core(state: DeviceState) -> object:
    return state.values.get(CANARY_CORE)


def _warmer(traces: Traces, part: TimedPart) -> Iterator[str]:
    for name, trace in traces.items():
        values = np.concatenate([part.before(trace), part.values(trace)])
        if not name.startswith("temperature.") or len(values) < 2:
            continue
        few = min(_SMOOTH, len(values) // 2)
        rise_c = float(np.median(values[-few:]) - np.median(values[:few]))
        if rise_c >= _step(name):
            sensor = name.removeprefix("temperature.").removesuffix("_c")
            yield f"latency rose while {sensor} became {rise_c:.1f} °C warmer"
            return


def _step(channel: str) -> float:
    """A rise that means something on this sensor."""
    slow = channel in (SKIN_TEMPERATURE, BATTERY_TEMPERATURE)
    return WARMER_C if slow else WARMER_C * _PROCESSOR_FACTOR
