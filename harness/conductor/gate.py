"""The GATE phase: wait until a device is quiet enough to start, for a bounded time."""

from __future__ import annotations

from harness.clock import CancelToken, Clock
from harness.conductor.phases import PhaseLog
from harness.device import Telemetry
from harness.scenario import Gates

#: The channel that tells how busy everybody but the runner keeps the processors.
FOREIGN_CPU = "host.foreign_cpu_percent"
#: How often the gate looks.
POLL_S = 1.0


def wait_for_start(
    gates: Gates, telemetry: Telemetry, clock: Clock, cancel: CancelToken, log: PhaseLog
) -> str | None:
    """Wait until the start conditions hold; None, or what was not met when the time was over."""
    limit = gates.foreign_cpu_percent
    if limit is None:
        return None
    timeout_s = gates.timeout_minutes * 60
    started_at_ns = clock.monotonic_ns()
    busy: float | None = None
    while True:
        clock.sleep(POLL_S, cancel)
        for reading in telemetry.poll():
            if reading.channel == FOREIGN_CPU:
                busy = reading.value
        if busy is not None and busy <= limit:
            return None
        waited_s = (clock.monotonic_ns() - started_at_ns) / 1e9
        seen = "unknown" if busy is None else f"{busy:.0f} %"
        if waited_s >= timeout_s:
            return f"CPU of everyone else was {seen}, above {limit:g} %, for {waited_s:.0f} s"
        log.detail(
            "GATE",
            f"others use {seen} CPU, waiting for {limit:g} %, {timeout_s - waited_s:.0f} s left",
        )
