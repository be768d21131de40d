"""The room's temperature, and the load of the lab machine, for every trial of a run."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from harness.channels import AMBIENT_TEMPERATURE, HOST_BUSY, NEIGHBOUR_TRIALS
from harness.clock import Clock
from harness.conditions import Ambient
from harness.device import Reading
from harness.fleet.lease import held_elsewhere
from harness.fleet.thermometer import Thermometer, thermometer
from harness.record import ChannelRecord
from harness.units import NS_PER_S

_CONDUCTING_ALONE = "local"
#: Other processes come and go slowly.
_LOOK_EVERY_NS = 2 * NS_PER_S


class LabSurroundings:
    """Implements :class:`harness.conductor.around.Surroundings`.

    Load and neighbours are read where they mean something: on a device that is not the lab machine
    itself, and where more than one device is measured. Neighbours are the other trials of this
    process, and every device that another process of this host has leased: whether that one
    measures at the moment is not known.
    """

    def __init__(self, ambient: Ambient | None, devices: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._thermometer = thermometer(ambient) if ambient is not None else None
        self._with_host = list(devices) != [_CONDUCTING_ALONE]
        self._lock = threading.Lock()
        self._running = 0
        self._elsewhere, self._looked_at_ns = 0, -_LOOK_EVERY_NS

    def open(self, device_id: str, rate_hz: float) -> LabReadings:
        """For a trial that begins now."""
        with self._lock:
            self._running += 1
        return LabReadings(self, device_id, rate_hz)

    def close(self) -> None:
        """Let go of the thermometer."""
        if self._thermometer is not None:
            self._thermometer.close()

    @property
    def clock(self) -> Clock:
        """The host's clock."""
        return self._clock

    @property
    def thermometer(self) -> Thermometer | None:
        """The room's, if the lab has one."""
        return self._thermometer

    @property
    def with_host(self) -> bool:
        """Whether the lab machine's load is read."""
        return self._with_host

    def neighbours(self) -> int:
        """What else is measured on this host, for one of its trials."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            if now_ns - self._looked_at_ns >= _LOOK_EVERY_NS:
                self._looked_at_ns, self._elsewhere = now_ns, held_elsewhere()
            return self._running - 1 + self._elsewhere

    def ended(self) -> None:
        """A trial is over."""
        with self._lock:
            self._running -= 1


class LabReadings:
    """Implements :class:`harness.conductor.around.Around` for one trial."""

    def __init__(self, lab: LabSurroundings, device_id: str, rate_hz: float) -> None:
        self._lab, self._device_id = lab, device_id
        self._period_ns = NS_PER_S / rate_hz
        self._read_at_ns: int | None = None
        self._busy_s: float | None = None
        self._open = True

    def channels(self) -> Sequence[ChannelRecord]:
        """The room, and the lab machine where its load is read."""
        found = []
        if self._lab.thermometer is not None:
            meter = self._lab.thermometer
            found.append(_channel(AMBIENT_TEMPERATURE, "degC", meter.source, meter.unavailable))
        if self._lab.with_host:
            found.append(_channel(HOST_BUSY, "percent", "times of all processors"))
            found.append(_channel(NEIGHBOUR_TRIALS, "trials", "this process, leases of others"))
        return found

    def read(self) -> Sequence[Reading]:
        """At most as often as the device's own telemetry."""
        now_ns, last_ns = self._lab.clock.monotonic_ns(), self._read_at_ns
        if last_ns is not None and now_ns - last_ns < self._period_ns:
            return ()
        self._read_at_ns = now_ns
        found: dict[str, float | None] = {}
        if self._lab.thermometer is not None:
            found[AMBIENT_TEMPERATURE] = self._lab.thermometer.celsius()
        if self._lab.with_host:
            found[NEIGHBOUR_TRIALS] = float(self._lab.neighbours())
            found[HOST_BUSY] = self._host_busy_percent(now_ns, last_ns)
        return [Reading(name, now_ns, value) for name, value in found.items() if value is not None]

    def close(self) -> None:
        """The trial is over; may be called again."""
        if self._open:
            self._open = False
            self._lab.ended()

    def _host_busy_percent(self, now_ns: int, last_ns: int | None) -> float | None:
        """Busy time of all processors since the last reading; None the first time."""
        before, self._busy_s = self._busy_s, _busy_seconds()
        if before is None or last_ns is None or now_ns <= last_ns:
            return None
        return max(0.0, 100.0 * (self._busy_s - before) * NS_PER_S / (now_ns - last_ns))


def _busy_seconds() -> float:
    import psutil

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Guests' time is part of user and nice.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests)


def _channel(name: str, unit: str, source: str, unavailable: str | None = None) -> ChannelRecord:
    return ChannelRecord(name, unit, "host", source, unavailable)
