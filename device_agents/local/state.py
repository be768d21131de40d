"""The state of the host: what changes from minute to minute."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from device_agents.local.canary import canary_ns
from device_agents.local.facts import Value, collect, meminfo_bytes
from device_agents.local.files import HostFiles, Unreadable
from device_agents.local.processes import has_proc
from device_agents.local.sensors import battery_names, survey
from harness.record import DeviceState


def read_state(files: HostFiles) -> DeviceState:
    """Load averages, memory, uptime, every sensor of the telemetry, what feeds the host, and how
    fast its processor is just now.
    """
    gauges, missing = survey(files)
    readers: dict[str, Callable[[], Value | None]] = {
        "memory_available_bytes": partial(_memory_available_bytes, files),
        "uptime_s": partial(_uptime_s, files),
        "ac": partial(_mains, files),
        "canary_ns": partial(canary_ns, files),
    }
    for place, minutes in enumerate((1, 5, 15)):
        readers[f"load_{minutes}m"] = partial(_load, files, place)
    for gauge in gauges:
        readers[gauge.channel] = partial(gauge.value, files.integer)
    for folder, name in battery_names(files).items():
        readers[f"{name}.status"] = partial(files.text, f"{folder}/status")
    values, unavailable = collect(readers)
    reasons = {gap.channel: gap.reason for gap in missing}
    return DeviceState(values, reasons | unavailable)


def _load(files: HostFiles, place: int) -> float:
    """Mean number of running or waiting processes over the last 1, 5 or 15 minutes."""
    if not has_proc(files):
        return os.getloadavg()[place]
    text = files.text("/proc/loadavg")
    try:
        return float(text.split()[place])
    except (IndexError, ValueError):
        raise Unreadable(f"/proc/loadavg holds {text[:40]!r}") from None


def _memory_available_bytes(files: HostFiles) -> float:
    if has_proc(files):
        return meminfo_bytes(files, "MemAvailable")
    import psutil

    return float(psutil.virtual_memory().available)


def _uptime_s(files: HostFiles) -> float:
    text = files.text("/proc/uptime")
    try:
        return float(text.split()[0])
    except (IndexError, ValueError):
        raise Unreadable(f"/proc/uptime holds {text[:40]!r}") from None


def _mains(files: HostFiles) -> str:
    """``online`` or ``offline``: whether the host is fed from the mains."""
    supplies = files.glob("/sys/class/power_supply/*")
    mains = [
        files.integer(f"{supply}/online")
        for supply in supplies
        if files.exists(f"{supply}/online") and files.text(f"{supply}/type") == "Mains"
    ]
    if not mains:
        raise Unreadable("no /sys/class/power_supply mains supply")
    return "online" if any(mains) else "offline"
