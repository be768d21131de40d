"""Facts of the host, which stay the same during a run."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping
from functools import partial

from device_agents.local import processor
from device_agents.local.files import HostFiles, Unreadable
from harness.record import DeviceFacts

#: Distributions that bring an engine to this host, the preferred one first.
ENGINE_PACKAGES: dict[str, tuple[str, ...]] = {
    "tflite": ("ai-edge-litert", "tflite-runtime"),
    "onnxruntime": ("onnxruntime",),
}

Value = str | int | float | bool


def read_facts(files: HostFiles, device_id: str) -> DeviceFacts:
    """Everything that can be told about this host, and the reasons for what cannot."""
    known: dict[str, Value] = {
        "platform": "local",
        "simulated": False,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "architecture": platform.machine(),
    }
    readers: dict[str, Callable[[], Value | None]] = {
        **{name: partial(reader, files) for name, reader in _FACTS.items()},
        **{f"engine.{name}": partial(engine_version, name) for name in ENGINE_PACKAGES},
    }
    values, unavailable = collect(readers)
    return DeviceFacts(device_id, known | values, unavailable)


def collect(
    readers: Mapping[str, Callable[[], Value | None]],
) -> tuple[dict[str, Value], dict[str, str]]:
    """Values by name, and the reasons for gaps; None from a reader means "does not apply"."""
    values: dict[str, Value] = {}
    unavailable: dict[str, str] = {}
    for name, read in readers.items():
        try:
            value = read()
        except Unreadable as problem:
            unavailable[name] = str(problem)
            continue
        if value is not None:
            values[name] = value
    return values, unavailable


def engine_version(engine: str) -> str:
    """``ai-edge-litert 2.3.0``; raises Unreadable when nothing that brings the engine is installed.

    Nothing is imported: only the runner may do that.
    """
    packages = ENGINE_PACKAGES[engine]
    for package in packages:
        try:
            return f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    raise Unreadable(f"not installed: pip install {packages[0]}")


def host_name(files: HostFiles) -> str:
    """The name the host gives itself."""
    try:
        return files.text("/proc/sys/kernel/hostname")
    except Unreadable:
        return platform.node()


def _model(files: HostFiles) -> str:
    """The machine's product name, from the device tree or from DMI."""
    for place in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        if files.exists(place):
            return files.text(place)
    raise Unreadable("no /sys/class/dmi/id/product_name and no /proc/device-tree/model")


def _soc(files: HostFiles) -> str:
    """The system on chip, on boards that name it."""
    tree = "/proc/device-tree/compatible"
    if files.exists("/sys/devices/soc0/machine"):
        return files.text("/sys/devices/soc0/machine")
    if files.exists(tree):  # from the most to the least specific: the board first, the SoC last
        return files.text(tree).split("\0")[-1]
    raise Unreadable(f"no /sys/devices/soc0 and no {tree}")


def _os(files: HostFiles) -> str:
    for place in ("/etc/os-release", "/usr/lib/os-release"):
        if files.exists(place):
            for line in files.text(place).splitlines():
                if line.startswith("PRETTY_NAME="):
                    return line.partition("=")[2].strip("\"'")
    return platform.platform(terse=True)


def _kernel(files: HostFiles) -> str:
    try:
        return files.text("/proc/sys/kernel/osrelease")
    except Unreadable:
        return platform.release()


def _os_build(files: HostFiles) -> str:
    try:
        return files.text("/proc/sys/kernel/version")
    except Unreadable:
        return platform.version()


def _ram_bytes(files: HostFiles) -> int:
    if files.exists("/proc/meminfo"):
        return meminfo_bytes(files, "MemTotal")
    import psutil

    return int(psutil.virtual_memory().total)


def meminfo_bytes(files: HostFiles, key: str) -> int:
    """One row of ``/proc/meminfo``; raises Unreadable."""
    for line in files.text("/proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        number = value.removesuffix("kB").strip()
        if name == key and number.isdigit():
            return int(number) * 1024
    raise Unreadable(f"no {key} in /proc/meminfo")


def _container(files: HostFiles) -> bool:
    """Whether this program runs in a Docker or Podman container, by the file these put there."""
    return files.exists("/.dockerenv") or files.exists("/run/.containerenv")


def _boot_id(files: HostFiles) -> str:
    return files.text("/proc/sys/kernel/random/boot_id")


_FACTS: dict[str, Callable[[HostFiles], Value | None]] = {
    "model": _model,
    "soc": _soc,
    "os": _os,
    "os_build": _os_build,
    "kernel": _kernel,
    "hostname": host_name,
    "cpu": processor.cpu_name,
    "cores": processor.usable_cores,
    "cores_online": processor.online_cores,
    "clusters": processor.clusters,
    "governor": processor.governor,
    "frequency_min_khz": processor.frequency_min_khz,
    "frequency_max_khz": processor.frequency_max_khz,
    "turbo": processor.turbo,
    "ram_bytes": _ram_bytes,
    "virtualised": processor.virtualised,
    "container": _container,
    "boot_id": _boot_id,
}
