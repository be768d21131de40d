"""CPU time and memory of the host and of one process: from ``/proc``, or through psutil elsewhere.

Seconds are seconds of processor time since boot (host) or since the process started. On Linux they
come in ticks of 10 ms (``SC_CLK_TCK``), so a share over one second is known to about 1 %.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from device_agents.local.files import HostFiles, KeptFile, Unreadable, close_all, keep_open

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_NO_PROC = "this host has no /proc"
_ENDED = "the process has ended"


@dataclass(frozen=True, slots=True)
class HostTimes:
    """Processor time of the whole machine since boot, all cores added up.

    ``busy_s`` is all but idling and waiting for I/O, time stolen by the hypervisor included;
    ``steal_s`` is that stolen part, None where the host does not tell it.
    """

    busy_s: float
    steal_s: float | None


class HostCpu(Protocol):
    """The processors of the whole machine."""

    source: str

    def times(self) -> HostTimes:
        """The counters now; raises Unreadable."""

    def close(self) -> None:
        """Stop reading."""


class ProcessView(Protocol):
    """One process from outside. Every method raises Unreadable once it is gone."""

    def cpu_s(self) -> float:
        """Processor time, all threads added up."""

    def rss_bytes(self) -> int:
        """Resident memory."""

    def rss_peak_bytes(self) -> int:
        """The most memory that was ever resident."""

    def pss_bytes(self) -> int:
        """Resident memory with shared pages divided among those who share them; slow to read."""

    def close(self) -> None:
        """Stop reading."""


class ProcHostCpu:
    """From the first line of ``/proc/stat``; guest time is already part of user time there."""

    source = "/proc/stat"

    def __init__(self, files: HostFiles) -> None:
        self._file = KeptFile(files, self.source)

    def times(self) -> HostTimes:
        """Everything but idle and iowait, and the column ``steal``."""
        fields = self._file.text().split("\n", 1)[0].split()
        if len(fields) < 9 or fields[0] != "cpu" or not all(map(str.isdigit, fields[1:9])):
            raise Unreadable("/proc/stat does not start with the line of all processors")
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
        busy = user + nice + system + irq + softirq + steal
        return HostTimes(busy / _TICKS_PER_S, steal / _TICKS_PER_S)

    def close(self) -> None:
        """Close ``/proc/stat``."""
        self._file.close()


class PsutilHostCpu:
    """Through psutil, where there is no ``/proc``."""

    source = "psutil.cpu_times"

    def times(self) -> HostTimes:
        """User, nice and system time."""
        import psutil

        times = psutil.cpu_times()
        return HostTimes(float(times.user + times.system + getattr(times, "nice", 0.0)), None)

    def close(self) -> None:
        """Nothing is held."""


class ProcProcess:
    """From ``/proc/<pid>``, its files kept open."""

    def __init__(self, files: HostFiles, pid: int, *, with_pss: bool) -> None:
        self._stat, self._statm, self._status, self._rollup = (
            f"/proc/{pid}/{name}" for name in ("stat", "statm", "status", "smaps_rollup")
        )
        names = [self._stat, self._statm, self._status]
        self._files = keep_open(files, [*names, self._rollup] if with_pss else names)

    def cpu_s(self) -> float:
        """``utime`` plus ``stime``."""
        fields = _stat_fields_of_living(self._text(self._stat))
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_bytes(self) -> int:
        """``statm``; a process that has ended but was not waited for shows 0 there."""
        fields = self._text(self._statm).split()
        pages = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
        if pages == 0:
            raise Unreadable(_ENDED)
        return pages * _PAGE_BYTES

    def rss_peak_bytes(self) -> int:
        """``VmHWM`` of ``status``."""
        return self._kib(self._status, "VmHWM")

    def pss_bytes(self) -> int:
        """``Pss`` of ``smaps_rollup``; the kernel walks all pages of the process for it."""
        return self._kib(self._rollup, "Pss")

    def close(self) -> None:
        """Close the files."""
        close_all(self._files)

    def _text(self, name: str) -> str:
        if name not in self._files:
            raise Unreadable(f"{name} is not read")
        return self._files[name].text()

    def _kib(self, name: str, key: str) -> int:
        for line in self._text(name).splitlines():
            label, _, value = line.partition(":")
            number = value.removesuffix("kB").strip()
            if label == key and number.isdigit():
                return int(number) * 1024
        raise Unreadable(f"no {key} in {name}")


class PsutilProcess:
    """Through psutil, where there is no ``/proc``."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._gone = psutil.Error
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise Unreadable(str(error)) from error

    def cpu_s(self) -> float:
        """User plus system time."""
        try:
            times = self._process.cpu_times()
        except self._gone as error:
            raise Unreadable(str(error)) from error
        return float(times.user + times.system)

    def rss_bytes(self) -> int:
        """Resident memory."""
        try:
            size = int(self._process.memory_info().rss)
        except self._gone as error:
            raise Unreadable(str(error)) from error
        if size == 0:
            raise Unreadable(_ENDED)
        return size

    def rss_peak_bytes(self) -> int:
        """Not told by psutil."""
        raise Unreadable(_NO_PROC)

    def pss_bytes(self) -> int:
        """Linux only."""
        raise Unreadable(_NO_PROC)

    def close(self) -> None:
        """Nothing is held."""


def has_proc(files: HostFiles) -> bool:
    """Whether the host tells about itself under ``/proc``."""
    return files.exists("/proc/stat")


def host_cpu(files: HostFiles) -> HostCpu:
    """The best way to read the processors of this host; raises Unreadable."""
    return ProcHostCpu(files) if has_proc(files) else PsutilHostCpu()


def process_view(files: HostFiles, pid: int, *, with_pss: bool) -> ProcessView:
    """The best way to look at a process of this host; raises Unreadable when it is gone."""
    if has_proc(files):
        return ProcProcess(files, pid, with_pss=with_pss)
    return PsutilProcess(pid)


def start_stamp(files: HostFiles, pid: int) -> str:
    """What tells this process from a later one with the same number.

    Raises Unreadable when it is gone, or has ended and only waits to be collected by its parent.
    """
    if not has_proc(files):
        return _psutil_stamp(pid)
    fields = _stat_fields_of_living(files.text(f"/proc/{pid}/stat"))
    return f"{files.text('/proc/sys/kernel/random/boot_id')}/{fields[19]}"


def _psutil_stamp(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            raise Unreadable(_ENDED)
        return f"{process.create_time():.2f}"
    except psutil.Error as error:
        raise Unreadable(str(error)) from error


def _stat_fields_of_living(text: str) -> list[str]:
    """Fields of ``/proc/<pid>/stat`` after the name, which may hold blanks and parentheses.

    ``[0]`` is the state, ``[11]`` and ``[12]`` user and system time, ``[19]`` the start (proc(5)).
    """
    fields = text.rpartition(")")[2].split()
    if len(fields) < 20 or not all(fields[place].isdigit() for place in (11, 12, 19)):
        raise Unreadable("/proc/<pid>/stat is not as proc(5) describes it")
    if fields[0] in "ZX":
        raise Unreadable(_ENDED)
    return fields
