"""The GATE phase: wait until a device is quiet enough to start, for a bounded time."""

from __future__ import annotations

from harness.channels import FOREIGN_CPU
from harness.clock import CancelToken, Clock
from harness.conductor.phases import PhaseLog
from harness.device import Telemetry
from harness.scenario import Gates
from harness.units import NS_PER_S
from harness.validity.gates import foreign_cpu_gate

#: How often the gate looks.
POLL_S = 1.0


def wait_for_start(
    gates: Gates, telemetry: Telemetry, clock: Clock, cancel: CancelToken, log: PhaseLog
) -> str | None:
    """Wait until the start conditions hold; None, or what was not met when the time was over."""
    readings: list[float] = []
    timeout_s = gates.timeout_minutes * 60
    started_at_ns = clock.monotonic_ns()
    while True:
        decision = foreign_cpu_gate(
            readings,
            gates.foreign_cpu_percent,
            waited_s=(clock.monotonic_ns() - started_at_ns) / NS_PER_S,
            timeout_s=timeout_s,
            unavailable=_unavailable(telemetry),
        )
        if decision.verdict == "open":
            return None
        if decision.verdict == "timeout":
            return decision.seen
        log.detail("GATE", decision.seen)
        clock.sleep(POLL_S, cancel)
        readings += [
            reading.value for reading in telemetry.poll() if reading.channel == FOREIGN_CPU
        ]


def _unavailable(telemetry: Telemetry) -> str | None:
    """Why nobody can tell how busy the others are, if so."""
    for channel in telemetry.channels():
        if channel.name == FOREIGN_CPU:
            return channel.unavailable
    return "the device's agent does not read it"
