"""Readings of the host and of the runner from outside, taken when the conductor asks for them.

No thread of our own: the conductor polls between messages, so that nothing runs beside the runner
that the conductor does not know of. All files stay open; a poll costs one system call per channel.

=============================  =========  ==========================================================
channel                        unit       meaning
=============================  =========  ==========================================================
``runner.rss_bytes``           bytes      resident memory of the runner process
``runner.rss_peak_bytes``      bytes      the most that was ever resident (``VmHWM``)
``runner.pss_bytes``           bytes      resident memory, shared pages divided; memory pass only
``runner.cpu_percent``         percent    processor time of the runner; 100 % is one core
``device.foreign_cpu_percent``   percent    processor time of everybody else; 100 % is one core,
                                          so the most is 100 times the number of cores
``device.steal_percent``         percent    the part of it that the hypervisor gave to others
``cpu.frequency_khz.<policy>`` kHz        current frequency of one frequency domain
``cpu.frequency_max_khz.<policy>`` kHz    what the domain may reach now; cooling lowers it
``temperature.<sensor>_c``     degC       one thermal zone or processor sensor
``battery.percent``            percent    charge of the battery (a second one is ``battery2``...)
``battery.current_a``          A          current as the battery driver signs it
``battery.voltage_v``          V          voltage of the battery
``power.battery_w``            W          power into or out of the battery, signed like the current
``power.<domain>_w``           W          mean since the last reading, from a RAPL energy counter
=============================  =========  ==========================================================

All are on the host's monotonic clock. A class without any sensor appears once, without the part in
angle brackets, as unavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from device_agents.local.files import HostFiles, Unreadable
from device_agents.local.probes import GaugeProbe, Probe, RaplProbe, channel, rapl_domains
from device_agents.local.processes import ProcessView, has_proc, host_cpu, process_view
from device_agents.local.runner_probes import CpuProbe, MemoryProbe
from device_agents.local.sensors import survey
from harness.clock import Clock
from harness.device import Reading, Runner
from harness.record import ChannelRecord
from harness.units import NS_PER_S


@runtime_checkable
class HasPid(Protocol):
    """A runner that is a process of this host."""

    pid: int


class LocalTelemetry:
    """Outside readings of this host; ``attach`` adds those of the runner."""

    def __init__(
        self,
        files: HostFiles,
        clock: Clock,
        rate_hz: float,
        purpose: Literal["timing", "memory"] = "timing",
    ) -> None:
        """Find what can be read. ``rate_hz`` bounds how often; 0 reads nothing."""
        self._files, self._clock, self._with_pss = files, clock, purpose == "memory"
        self._period_ns = NS_PER_S / rate_hz if rate_hz > 0 else float("inf")
        self._last_ns: int | None = None
        self._process: ProcessView | None = None
        self._missing: list[ChannelRecord] = []
        self._memory = MemoryProbe(on_proc=has_proc(files), with_pss=self._with_pss)
        self._cpu = self._cpu_probe()
        self._probes: list[Probe] = [self._memory]
        if self._cpu is not None:
            self._probes.append(self._cpu)
        self._add_sensors()
        self._add_power_meters()

    def channels(self) -> Sequence[ChannelRecord]:
        """What is read, then what cannot be read with the reason."""
        return (*(record for probe in self._probes for record in probe.channels), *self._missing)

    def attach(self, runner: Runner) -> None:
        """Read this runner's process from now on; one that has already ended gives no readings."""
        if not isinstance(runner, HasPid):
            raise TypeError(f"a local runner has a pid, {type(runner).__name__} has none")
        self._let_go()
        try:
            self._process = process_view(self._files, runner.pid, with_pss=self._with_pss)
        except Unreadable:
            self._process = None
        self._memory.attach(self._process)
        if self._cpu is not None:
            self._cpu.attach(self._process, self._clock.monotonic_ns())

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """What can be read now; nothing while the sampling period is not over, unless ``final``."""
        now_ns = self._clock.monotonic_ns()
        due = self._last_ns is None or now_ns - self._last_ns >= self._period_ns
        if self._period_ns == float("inf") or not (due or final):
            return ()
        self._last_ns = now_ns
        return [
            Reading(name, now_ns, value)
            for probe in self._probes
            for name, value in probe.read(now_ns)
        ]

    def close(self) -> None:
        """Close every file; may be called again."""
        self._let_go()
        while self._probes:
            self._probes.pop().close()

    def _let_go(self) -> None:
        """Forget the runner, before its files are closed."""
        self._memory.attach(None)
        if self._process is not None:
            self._process.close()
            self._process = None

    def _cpu_probe(self) -> CpuProbe | None:
        try:
            return CpuProbe(host_cpu(self._files), self._clock.monotonic_ns())
        except Unreadable as problem:
            for name in (CpuProbe.FOREIGN, CpuProbe.STEAL, CpuProbe.RUNNER):
                self._missing.append(channel(name, "percent", "/proc/stat", str(problem)))
            return None

    def _add_sensors(self) -> None:
        gauges, missing = survey(self._files)
        for gap in missing:
            self._missing.append(channel(gap.channel, gap.unit, gap.source, gap.reason))
        for gauge in gauges:
            try:
                self._probes.append(GaugeProbe(self._files, gauge))
            except Unreadable as problem:  # went away since the survey
                self._missing.append(
                    channel(gauge.channel, gauge.unit, gauge.sources[0], str(problem))
                )

    def _add_power_meters(self) -> None:
        try:
            domains = rapl_domains(self._files)
        except Unreadable as problem:
            self._missing.append(channel("power", "W", "/sys/class/powercap", str(problem)))
            return
        for name, folder in domains.items():
            try:
                self._probes.append(RaplProbe(self._files, folder, name))
            except Unreadable as problem:
                self._missing.append(channel(name, "W", f"{folder}/energy_uj", str(problem)))
