"""Can the sensors be believed, and did reading them disturb what they were to guard?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from harness.channels import (
    BATTERY_TEMPERATURE,
    FOREIGN_CPU,
    HOST_BUSY,
    NEIGHBOUR_TRIALS,
    SKIN_TEMPERATURE,
    THERMAL_STATUS,
    frequency_max,
)
from harness.findings import Finding, finding
from harness.stats.probe_effect import find_probe_effect
from harness.stats.samples import Samples
from harness.stats.traces import Trace
from harness.units import NS_PER_S, format_duration, format_percent
from harness.validity.heat import TimedPart

#: A temperature that is the same all the time under work for so long, is stuck. The battery's has
#: steps of up to a degree and much heat to store.
STUCK_S, STUCK_BATTERY_S, STUCK_READINGS = 600.0, 3600.0, 10
#: No skin and no battery changes by so much so fast.
JUMP_C, JUMP_NS = 10.0, 10 * NS_PER_S
#: Silence counts when it is longer than this and than five of the sensor's own periods.
SILENT_S, SILENT_PERIODS = 30.0, 5.0
#: The lab machine is busy when more than this part of its cores is.
BUSY_SHARE = 0.5

Traces = Mapping[str, Trace]


def sensor_fault(traces: Traces, part: TimedPart) -> Iterator[Finding]:
    """SENSOR-FAULT: a sensor that gates or checks rely on stuck, jumped or fell silent."""
    seen = [text for name, trace in traces.items() for text in _faults(name, trace, part)]
    if seen:
        yield finding("SENSOR-FAULT", "; ".join(seen))


def probe_effect(timed: Samples, traces: Traces) -> Iterator[Finding]:
    """PROBE-EFFECT: inferences beside a reading were slower, and the mean shows it."""
    own = [trace.at_ns for name, trace in traces.items() if not name.startswith(("lab.", "host."))]
    if not own:
        return
    service_ns = timed.input_ns + timed.invoke_ns + timed.output_ns
    found = find_probe_effect(timed.start_ns, service_ns, np.unique(np.concatenate(own)))
    if found is not None and found.found:
        yield finding(
            "PROBE-EFFECT",
            f"inferences beside a reading took {format_percent(found.slowdown)} longer; they are "
            f"{format_percent(found.share)} of all and raise the mean by "
            f"{format_percent(found.bias)}",
        )


def neighbour_load(traces: Traces, part: TimedPart, host_cores: float) -> Iterator[Finding]:
    """NEIGHBOUR-LOAD: the lab machine itself was busy; ``host_cores`` is how many it has."""
    busy, trials = (part.values(traces.get(name)) for name in (HOST_BUSY, NEIGHBOUR_TRIALS))
    if not len(busy) or host_cores <= 0:
        return
    share = float(busy.mean()) / 100.0 / host_cores
    if share > BUSY_SHARE:
        others = f", with {_other_devices(float(trials.mean()))} measured" if len(trials) else ""
        yield finding(
            "NEIGHBOUR-LOAD",
            f"the lab machine's {host_cores:g} cores were {format_percent(share)} busy on "
            f"average{others}",
        )


def _other_devices(mean: float) -> str:
    """How many on average: ``1 other device``, ``0.5 other devices``."""
    shown = f"{round(mean, 1):g}"
    return f"{shown} other device{'' if shown == '1' else 's'}"


def _faults(name: str, trace: Trace, part: TimedPart) -> Iterator[str]:
    numbers = np.isfinite(trace.value)
    at_ns, value = trace.at_ns[numbers], trace.value[numbers]
    if not _relied_on(name) or not len(value):
        return
    inside = part.values(trace)
    long_enough = STUCK_BATTERY_S if name == BATTERY_TEMPERATURE else STUCK_S
    if (
        name.startswith("temperature.")
        and part.seconds >= long_enough
        and len(inside) >= STUCK_READINGS
        and inside.min() == inside.max()
    ):
        yield f"{name} stuck at {inside[0]:.1f} °C"
    if name in (SKIN_TEMPERATURE, BATTERY_TEMPERATURE) and len(value) > 1:
        sudden = (np.abs(np.diff(value)) > JUMP_C) & (np.diff(at_ns) <= JUMP_NS)
        if sudden.any():
            yield f"{name} jumped by {np.abs(np.diff(value))[sudden].max():.1f} °C"
    silent_s = float(part.ends_ns[-1] - at_ns[-1]) / NS_PER_S if len(part.ends_ns) else 0.0
    period_s = float(np.median(np.diff(at_ns))) / NS_PER_S if len(at_ns) > 1 else 0.0
    if silent_s > max(SILENT_S, SILENT_PERIODS * period_s) and part.seconds >= 2 * SILENT_S:
        yield f"{name} silent for the last {format_duration(silent_s)}"


def _relied_on(name: str) -> bool:
    return name in (FOREIGN_CPU, THERMAL_STATUS, SKIN_TEMPERATURE, BATTERY_TEMPERATURE) or (
        name.startswith(frequency_max(""))
    )
