"""Processor and memory files: ``/proc/stat``, ``/proc/cpuinfo``, ``/proc/meminfo``, cpufreq."""

from __future__ import annotations

import re
from collections.abc import Mapping

from device_agents.android.parse.text import integer

_KB = re.compile(r"^[ \t]*([A-Za-z_()]{1,40}):[ \t]*([0-9]{1,15})[ \t]*kB[ \t\r]*$", re.MULTILINE)
_PART = re.compile(
    r"^CPU (implementer|part)[ \t]*:[ \t]*(0x[0-9a-fA-F]{1,4})[ \t\r]*$", re.MULTILINE
)
_PSS = (
    re.compile(r"^[ \t]*TOTAL PSS:[ \t]+([0-9]{1,12})\b", re.MULTILINE),
    re.compile(r"^[ \t]*TOTAL:[ \t]+([0-9]{1,12})\b", re.MULTILINE),
    re.compile(r"^[ \t]*TOTAL[ \t]+([0-9]{1,12})\b", re.MULTILINE),
)
#: Clock ticks per second of /proc (USER_HZ): 100 on every Android.
TICKS_PER_S = 100
#: Arm's own cores by part number, from the reference manuals' MIDR_EL1 tables.
_ARM_CORES = {
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0D: "Cortex-A77",
    0xD41: "Cortex-A78",
    0xD44: "Cortex-X1",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD48: "Cortex-X2",
    0xD4D: "Cortex-A715",
    0xD4E: "Cortex-X3",
    0xD80: "Cortex-A520",
    0xD81: "Cortex-A720",
    0xD82: "Cortex-X4",
    0xD85: "Cortex-X925",
    0xD87: "Cortex-A725",
}
_ARM = 0x41


def read_kilobytes(text: str) -> dict[str, int]:
    """Rows ``Name: 123 kB`` of ``/proc/meminfo`` or ``/proc/PID/status``, in bytes."""
    found: dict[str, int] = {}
    for name, value in _KB.findall(text):
        found.setdefault(name, int(value) * 1024)
    return found


def read_pss(text: str) -> int | None:
    """Total PSS in bytes of ``dumpsys meminfo`` of one process."""
    for pattern in _PSS:
        match = pattern.search(text)
        if match is not None:
            return int(match[1]) * 1024
    return None


def core_names(cpuinfo: str) -> str | None:
    """``4x Cortex-A510 + 4x Cortex-A715 + 1x Cortex-X3`` where the parts are known ones of Arm."""
    counts: dict[str, int] = {}
    implementer = 0
    for key, text in _PART.findall(cpuinfo):
        if key == "implementer":
            implementer = int(text, 16)
            continue
        part = int(text, 16)
        known = _ARM_CORES.get(part) if implementer == _ARM else None
        name = known or f"{implementer:#x}/{part:#x}"
        counts[name] = counts.get(name, 0) + 1
    return " + ".join(f"{count}x {name}" for name, count in counts.items()) or None


def core_list(text: str) -> tuple[int, ...]:
    """``0-3 6`` or ``0,1,2``: the numbers of the cores."""
    cores: list[int] = []
    for part in re.split(r"[,\s]+", text.strip()):
        low, dash, high = part.partition("-")
        begin, end = integer(low), integer(high if dash else low)
        if begin is None or end is None or not 0 <= begin <= end < 1024:
            continue
        cores.extend(range(begin, end + 1))
    return tuple(cores)


def clusters_text(policies: Mapping[str, tuple[int, int]]) -> str | None:
    """``4x 1704 MHz + 4x 2367 MHz``: cores and highest frequency (kHz) of each policy."""
    parts = [f"{cores}x {khz / 1000:.0f} MHz" for _, (cores, khz) in sorted(policies.items())]
    return " + ".join(parts) or None


def busy_ticks(stat: str) -> int | None:
    """Ticks spent working by all cores, from the first line of ``/proc/stat``.

    user, nice, system, irq, softirq and steal; idle and iowait are not work, guest is in user.
    """
    fields = stat.split("\n", 1)[0].split()
    if len(fields) < 9 or fields[0] != "cpu":
        return None
    numbers = [integer(field) for field in fields[1:9]]
    if None in numbers:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (n or 0 for n in numbers)
    return user + nice + system + irq + softirq + steal


def process_ticks(stat: str) -> int | None:
    """User and system ticks of one process from ``/proc/PID/stat`` (its name may hold anything)."""
    _, bracket, rest = stat.rpartition(")")
    fields = rest.split()
    if not bracket or len(fields) < 13:
        return None
    user, system = integer(fields[11]), integer(fields[12])
    return None if user is None or system is None else user + system
