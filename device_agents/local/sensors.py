"""What this host can sense about itself: temperatures, frequencies, batteries.

A sensor is found once and then read by name. A class of sensors that is not there is reported with
the reason, and so is a single sensor that cannot be read or shows nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from device_agents.local.files import HostFiles, Unreadable

#: Beyond these a thermal zone is switched off or broken (kernels report -274 or 0 kelvin for it).
_COLDEST_C, _HOTTEST_C = -40.0, 150.0
#: Processor sensors of hwmon: one for the package is enough. Others are left alone, because reading
#: them can be slow (NVMe sends a command) or wake hardware (disks).
_HWMON_LABELS = ("Package", "Tctl", "Tdie")


@dataclass(frozen=True, slots=True)
class Gauge:
    """One sensor: its value is the product of the numbers in ``sources``, times ``scale``."""

    channel: str
    unit: str
    sources: tuple[str, ...]
    scale: float

    def value(self, integer: Callable[[str], int]) -> float:
        """The value now, each source read by ``integer``; raises Unreadable."""
        value = prod(integer(source) for source in self.sources) * self.scale
        if self.unit == "degC" and not _COLDEST_C < value < _HOTTEST_C:
            raise Unreadable(f"{self.sources[0]} shows {value:g} degrees, which no processor has")
        return value


@dataclass(frozen=True, slots=True)
class Missing:
    """A sensor, or a whole class of them, that cannot be read."""

    channel: str
    unit: str
    source: str
    reason: str


Finder = Callable[[HostFiles], Iterator[Gauge]]


def survey(files: HostFiles) -> tuple[list[Gauge], list[Missing]]:
    """Every sensor of the host that works, and what does not with the reason."""
    gauges: list[Gauge] = []
    missing: list[Missing] = []
    for channel, unit, place, what, find in _CLASSES:
        found = list(find(files))
        if not found:
            missing.append(Missing(channel, unit, place, f"no {place} {what}"))
        for gauge in _with_unique_names(found):
            try:
                gauge.value(files.integer)
            except Unreadable as problem:
                missing.append(Missing(gauge.channel, gauge.unit, gauge.sources[0], str(problem)))
            else:
                gauges.append(gauge)
    return gauges, missing


def system_batteries(files: HostFiles) -> list[str]:
    """Folders of the batteries that feed the host, not those of a mouse or a headset."""
    return [
        supply
        for supply in files.glob("/sys/class/power_supply/*")
        if _word(files, f"{supply}/type") == "Battery"
        and _word(files, f"{supply}/scope") != "Device"
    ]


def battery_names(files: HostFiles) -> dict[str, str]:
    """Names of the batteries in channels, by folder: ``battery``, ``battery2``..."""
    folders = system_batteries(files)
    return {
        folder: f"battery{place if place > 1 else ''}"
        for place, folder in enumerate(folders, start=1)
    }


def cpufreq_policies(files: HostFiles) -> list[str]:
    """Folders of the frequency domains, ``/sys/devices/system/cpu/cpufreq/policy0``..."""
    return files.glob("/sys/devices/system/cpu/cpufreq/policy*")


def _temperatures(files: HostFiles) -> Iterator[Gauge]:
    for zone in files.glob("/sys/class/thermal/thermal_zone*"):
        kind = _word(files, f"{zone}/type") or zone.rpartition("/")[2]
        yield Gauge(f"temperature.{kind}_c", "degC", (f"{zone}/temp",), 1e-3)
    for label in files.glob("/sys/class/hwmon/hwmon*/temp*_label"):
        text = _word(files, label)
        if text.startswith(_HWMON_LABELS):
            name = f"temperature.{text.lower().replace(' ', '-')}_c"
            yield Gauge(name, "degC", (label.replace("_label", "_input"),), 1e-3)


def _frequencies(files: HostFiles) -> Iterator[Gauge]:
    for policy in cpufreq_policies(files):
        name = f"cpu.frequency_khz.{policy.rpartition('/')[2]}"
        yield Gauge(name, "kHz", (f"{policy}/scaling_cur_freq",), 1.0)
        # Cooling lowers a policy's maximum, and so is seen here.
        name = f"cpu.frequency_max_khz.{policy.rpartition('/')[2]}"
        yield Gauge(name, "kHz", (f"{policy}/scaling_max_freq",), 1.0)


def _batteries(files: HostFiles) -> Iterator[Gauge]:
    for folder, name in battery_names(files).items():
        current, voltage, power = (
            f"{folder}/{kind}_now" for kind in ("current", "voltage", "power")
        )
        yield Gauge(f"{name}.percent", "percent", (f"{folder}/capacity",), 1.0)
        yield Gauge(f"{name}.voltage_v", "V", (voltage,), 1e-6)
        if files.exists(current):
            yield Gauge(f"{name}.current_a", "A", (current,), 1e-6)
        if files.exists(power):
            yield Gauge(f"power.{name}_w", "W", (power,), 1e-6)
        elif files.exists(current):
            yield Gauge(f"power.{name}_w", "W", (current, voltage), 1e-12)


_CLASSES: tuple[tuple[str, str, str, str, Finder], ...] = (
    ("temperature", "degC", "/sys/class/thermal", "zones", _temperatures),
    ("cpu.frequency_khz", "kHz", "/sys/devices/system/cpu/cpufreq", "policies", _frequencies),
    ("battery", "percent", "/sys/class/power_supply", "battery", _batteries),
)


def _with_unique_names(gauges: list[Gauge]) -> Iterator[Gauge]:
    """Zones of one type get a number from the second on: ``acpitz``, ``acpitz-2``."""
    seen: dict[str, int] = {}
    for gauge in gauges:
        count = seen[gauge.channel] = seen.get(gauge.channel, 0) + 1
        if count == 1:
            yield gauge
        else:
            name = f"{gauge.channel.removesuffix('_c')}-{count}_c"
            yield Gauge(name, gauge.unit, gauge.sources, gauge.scale)


def _word(files: HostFiles, name: str) -> str:
    """The content of a small file, empty where there is none."""
    try:
        return files.text(name)
    except Unreadable:
        return ""
