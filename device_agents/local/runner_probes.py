"""Processor time and memory of the runner, and the processor time of everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from device_agents.local.files import Unreadable
from device_agents.local.probes import Value, channel
from device_agents.local.processes import HostCpu, HostTimes, ProcessView
from harness import channels
from harness.units import NS_PER_S

#: Shares of processor time come from counters of 10 ms ticks; over less than ten ticks they would
#: be mostly rounding.
_SHORTEST_WINDOW_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class _Counters:
    """All counters at one moment; ``runner_s`` is None while there is no runner."""

    at_ns: int
    host: HostTimes
    runner_s: float | None


class CpuProbe:
    """Shares of processor time since the last reading; 100 % is one core fully busy.

    ``device.foreign_cpu_percent`` is everything the machine did (interrupts and time stolen by the
    hypervisor included) less what the runner did: what everybody else took, this program too.
    """

    FOREIGN = channels.FOREIGN_CPU
    STEAL = channels.STEAL
    RUNNER = channels.RUNNER_CPU

    def __init__(self, host: HostCpu, now_ns: int) -> None:
        """Start the first window at ``now_ns``; raises Unreadable when the host does not tell."""
        self._host = host
        self._process: ProcessView | None = None
        self._last = self._counters(now_ns)
        known = self._last.host.steal_s is not None
        no_steal = None if known else "this host does not tell stolen time"
        self.channels = (
            channel(self.FOREIGN, "percent", f"{host.source} less the runner's time"),
            channel(self.STEAL, "percent", host.source, no_steal),
            channel(self.RUNNER, "percent", "user and system time of the process"),
        )

    def attach(self, process: ProcessView | None, now_ns: int) -> None:
        """From now on tell this process apart from everybody else."""
        self._process = process
        self._next_window(now_ns)

    def read(self, now_ns: int, /) -> Iterator[Value]:
        """The shares since the last reading.

        Nothing when the runner ended in between: nobody can tell its share of that time any more.
        """
        before = self._last
        if now_ns - before.at_ns < _SHORTEST_WINDOW_NS or not self._next_window(now_ns):
            return
        now = self._last
        percent_per_s = 100 * NS_PER_S / (now.at_ns - before.at_ns)
        runner_s = (now.runner_s or 0.0) - (before.runner_s or 0.0)
        foreign_s = now.host.busy_s - before.host.busy_s - runner_s
        yield self.FOREIGN, max(0.0, foreign_s) * percent_per_s
        if now.host.steal_s is not None and before.host.steal_s is not None:
            yield self.STEAL, max(0.0, now.host.steal_s - before.host.steal_s) * percent_per_s
        if now.runner_s is not None:
            yield self.RUNNER, runner_s * percent_per_s

    def close(self) -> None:
        """Stop reading the host; the process belongs to the telemetry."""
        self._host.close()

    def _next_window(self, now_ns: int) -> bool:
        """Begin a window now; False when the counters of the last one cannot be compared."""
        try:
            self._last = self._counters(now_ns)
        except Unreadable:
            if self._process is not None:  # gone; whatever follows is everybody else's
                self.attach(None, now_ns)
            return False
        return True

    def _counters(self, now_ns: int) -> _Counters:
        runner_s = None if self._process is None else self._process.cpu_s()
        return _Counters(now_ns, self._host.times(), runner_s)


class MemoryProbe:
    """The runner's memory; PSS only in the memory pass, because reading it holds the runner up."""

    RSS = channels.RSS
    PEAK = channels.RSS_PEAK
    PSS = channels.PSS

    def __init__(self, *, on_proc: bool, with_pss: bool) -> None:
        self._process: ProcessView | None = None
        self._with_pss = with_pss and on_proc
        no_proc = None if on_proc else "this host has no /proc"
        in_timing = "read in the memory pass only: it would hold the runner up for milliseconds"
        no_pss = no_proc or (None if with_pss else in_timing)
        self.channels = (
            channel(self.RSS, "bytes", "/proc/<pid>/statm" if on_proc else "psutil"),
            channel(self.PEAK, "bytes", "/proc/<pid>/status VmHWM", no_proc),
            channel(self.PSS, "bytes", "/proc/<pid>/smaps_rollup", no_pss),
        )

    def attach(self, process: ProcessView | None) -> None:
        """Read this process from now on."""
        self._process = process

    def read(self, _now_ns: int, /) -> Iterator[Value]:
        """Whatever the process tells; nothing once it is gone."""
        if self._process is None:
            return
        readers = [(self.RSS, self._process.rss_bytes), (self.PEAK, self._process.rss_peak_bytes)]
        if self._with_pss:
            readers.append((self.PSS, self._process.pss_bytes))
        for name, read in readers:
            try:
                yield name, float(read())
            except Unreadable:
                continue

    def close(self) -> None:
        """Nothing is held; the process belongs to the telemetry."""
