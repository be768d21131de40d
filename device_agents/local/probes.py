"""What telemetry is made of, one probe per kind of reading; here the sensors and power meters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from device_agents.local.files import HostFiles, KeptFile, Unreadable, close_all, keep_open
from device_agents.local.sensors import Gauge
from harness.record import ChannelRecord
from harness.units import NS_PER_S

_POWERCAP = "/sys/class/powercap"

#: A channel's name and its value.
Value = tuple[str, float]


class Probe(Protocol):
    """Reads some channels of the host."""

    @property
    def channels(self) -> Sequence[ChannelRecord]:
        """What it reads, unavailable ones with the reason."""

    def read(self, now_ns: int, /) -> Iterator[Value]:
        """Values to be had now. A channel that cannot be read just now yields nothing."""

    def close(self) -> None:
        """Let go of what is held open."""


def channel(name: str, unit: str, source: str, unavailable: str | None = None) -> ChannelRecord:
    """A channel on the host's clock."""
    return ChannelRecord(name, unit, "host", source, unavailable)


class GaugeProbe:
    """A sensor whose files are kept open."""

    def __init__(self, files: HostFiles, gauge: Gauge) -> None:
        self._gauge = gauge
        self._kept = keep_open(files, gauge.sources)
        self.channels = (channel(gauge.channel, gauge.unit, " x ".join(gauge.sources)),)

    def read(self, _now_ns: int, /) -> Iterator[Value]:
        """The sensor's value."""
        try:
            yield self._gauge.channel, self._gauge.value(lambda name: self._kept[name].integer())
        except Unreadable:
            return

    def close(self) -> None:
        """Close the files."""
        close_all(self._kept)


class RaplProbe:
    """Mean power of one RAPL domain since the last reading, from its energy counter in microjoules.

    The counter wraps at ``max_energy_range_uj`` (Linux, Documentation/power/powercap).
    """

    def __init__(self, files: HostFiles, domain: str, name: str) -> None:
        self._name = name
        self._range_uj = files.integer(f"{domain}/max_energy_range_uj")
        self._counter = KeptFile(files, f"{domain}/energy_uj")
        self._last: tuple[int, int] | None = None
        self.channels = (channel(name, "W", self._counter.name),)

    def read(self, now_ns: int, /) -> Iterator[Value]:
        """Watts since the last reading; nothing the first time."""
        last = self._last
        try:
            self._last = now_ns, self._counter.integer()
        except Unreadable:
            self._last = None
        if last is None or self._last is None or now_ns <= last[0]:
            return
        energy_uj = self._last[1] - last[1]
        if energy_uj < 0:
            energy_uj += self._range_uj
        yield self._name, energy_uj * 1e-6 * NS_PER_S / (now_ns - last[0])

    def close(self) -> None:
        """Close the counter."""
        self._counter.close()


def rapl_domains(files: HostFiles) -> dict[str, str]:
    """Folders of the RAPL domains by channel: ``power.package-0_w``, ``power.package-0.core_w``.

    Raises Unreadable when the host has none.
    """
    folders = files.glob(f"{_POWERCAP}/intel-rapl:*")  # AMD processors appear under this name too
    if not folders:
        raise Unreadable(f"no {_POWERCAP} domains")
    names = {folder: files.text(f"{folder}/name") for folder in folders}
    return {f"power.{_qualified(folder, names)}_w": folder for folder in folders}


def _qualified(folder: str, names: dict[str, str]) -> str:
    parent = folder.rpartition(":")[0]
    return f"{names[parent]}.{names[folder]}" if parent in names else names[folder]
