"""What kind of processor the host has: its name, its cores, its clusters and their frequencies."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from device_agents.local.files import HostFiles, Unreadable, parse_cpu_list
from device_agents.local.sensors import cpufreq_policies

_T = TypeVar("_T", int, str)

_CPU = "/sys/devices/system/cpu"
_CPUINFO = "/proc/cpuinfo"
#: Core types of Intel's hybrid processors, by the file that lists them.
_HYBRID = {"/sys/devices/cpu_core/cpus": "P-core", "/sys/devices/cpu_atom/cpus": "E-core"}

#: Part numbers of Arm's own cores in MIDR_EL1 (Linux, arch/arm64/include/asm/cputype.h), for
#: kernels that print the number only.
_ARM_IMPLEMENTER = 0x41
_ARM_PARTS = {
    0xD03: "Cortex-A53",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD44: "Cortex-X1",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD48: "Cortex-X2",
    0xD49: "Neoverse-N2",
    0xD4D: "Cortex-A715",
    0xD4E: "Cortex-X3",
    0xD80: "Cortex-A520",
    0xD81: "Cortex-A720",
    0xD82: "Cortex-X4",
}


def cpu_name(files: HostFiles) -> str:
    """``Intel(R) Core(TM) i7-1185G7``; ``2x Cortex-A72 + 4x Cortex-A53`` where cores differ."""
    if not files.exists(_CPUINFO):
        return _brand_string() or platform.processor() or platform.machine()
    counts = Counter(_core_names(files).values())
    if not counts:
        raise Unreadable(f"{_CPUINFO} names no processor")
    if len(counts) == 1:
        return next(iter(counts))
    return " + ".join(f"{count}x {name}" for name, count in counts.most_common())


def usable_cores(files: HostFiles) -> int:
    """Logical processors that this process may use: online and within its affinity mask."""
    try:
        online = set(_cpu_list(files, f"{_CPU}/online"))
    except Unreadable:
        return os.cpu_count() or 1
    try:
        return len(online & set(_allowed(files)))
    except Unreadable:
        return len(online)


def online_cores(files: HostFiles) -> int:
    """Logical processors of the machine that are switched on."""
    return len(_cpu_list(files, f"{_CPU}/online"))


def clusters(files: HostFiles) -> str | None:
    """Groups of unlike cores, the strongest first; None where all cores are alike."""
    groups: dict[tuple[int, str], list[int]] = {}
    for cpu, name in _core_types(files).items():
        groups.setdefault((_capacity(files, cpu), name), []).append(cpu)
    if len(groups) < 2:
        return None
    strongest_first = sorted(groups.items(), key=lambda item: (-item[0][0], item[1]))
    return " + ".join(_described(files, name, cpus) for (_, name), cpus in strongest_first)


def governor(files: HostFiles) -> str:
    """The frequency governor; several where the policies differ (``performance, schedutil``)."""
    return ", ".join(sorted(set(_of_policies(files, "scaling_governor", files.text))))


def frequency_min_khz(files: HostFiles) -> int:
    """The lowest frequency any core may be set to."""
    return min(_of_policies(files, "scaling_min_freq", files.integer))


def frequency_max_khz(files: HostFiles) -> int:
    """The highest frequency any core may be set to."""
    return max(_of_policies(files, "scaling_max_freq", files.integer))


def turbo(files: HostFiles) -> str:
    """Whether cores may exceed their nominal frequency: ``on`` or ``off``."""
    no_turbo, boost = f"{_CPU}/intel_pstate/no_turbo", f"{_CPU}/cpufreq/boost"
    if files.exists(no_turbo):
        return "off" if files.integer(no_turbo) else "on"
    if files.exists(boost):
        return "on" if files.integer(boost) else "off"
    raise Unreadable(f"no {boost} and no {no_turbo}")


def virtualised(files: HostFiles) -> bool:
    """Whether a hypervisor runs the host, as far as the host can tell."""
    if files.exists("/sys/hypervisor/type") or files.exists("/proc/device-tree/hypervisor"):
        return True
    for core in _core_tables(files):
        if "flags" in core:  # x86: CPUID leaf 1, ECX bit 31
            return "hypervisor" in core["flags"].split()
    raise Unreadable(f"{_CPUINFO} has no flags that would tell")


def _of_policies(files: HostFiles, leaf: str, read: Callable[[str], _T]) -> list[_T]:
    policies = cpufreq_policies(files)
    if not policies:
        raise Unreadable(f"no {_CPU}/cpufreq policies")
    return [read(f"{policy}/{leaf}") for policy in policies]


def _core_tables(files: HostFiles) -> Iterator[dict[str, str]]:
    """The paragraphs of ``/proc/cpuinfo``, one per logical processor on x86 and Arm."""
    for paragraph in files.text(_CPUINFO).split("\n\n"):
        rows = (line.partition(":") for line in paragraph.splitlines())
        yield {key.strip(): value.strip() for key, _, value in rows}


def _core_names(files: HostFiles) -> dict[int, str]:
    """What each logical processor calls itself."""
    names = {}
    for core in _core_tables(files):
        name = core.get("model name") or _arm_name(core)
        if core.get("processor", "").isdigit() and name:
            names[int(core["processor"])] = name
    return names


def _arm_name(core: dict[str, str]) -> str:
    try:
        implementer, part = int(core["CPU implementer"], 16), int(core["CPU part"], 16)
    except (KeyError, ValueError):
        return ""
    if implementer == _ARM_IMPLEMENTER and part in _ARM_PARTS:
        return _ARM_PARTS[part]
    return f"Arm implementer {implementer:#04x} part {part:#05x}"


def _core_types(files: HostFiles) -> dict[int, str]:
    """Each logical processor's type: Intel's hybrid kinds where there are any, else its name."""
    types = _core_names(files)
    for place, kind in _HYBRID.items():
        if files.exists(place):
            types |= dict.fromkeys(_cpu_list(files, place), kind)
    return types


def _capacity(files: HostFiles, cpu: int) -> int:
    """Relative strength of a core (1024 is the strongest); 0 where the kernel does not tell."""
    place = f"{_CPU}/cpu{cpu}/cpu_capacity"
    return files.integer(place) if files.exists(place) else 0


def _described(files: HostFiles, name: str, cpus: list[int]) -> str:
    """``2x Cortex-A72 (cpu4, cpu5; 1800000 kHz)``."""
    place = f"{_CPU}/cpu{cpus[0]}/cpufreq/cpuinfo_max_freq"
    limit = f"; {files.integer(place)} kHz" if files.exists(place) else ""
    return f"{len(cpus)}x {name} ({', '.join(f'cpu{cpu}' for cpu in cpus)}{limit})"


def _cpu_list(files: HostFiles, name: str) -> list[int]:
    return parse_cpu_list(name, files.text(name))


def _allowed(files: HostFiles) -> list[int]:
    name = "/proc/self/status"
    for line in files.text(name).splitlines():
        key, _, value = line.partition(":")
        if key == "Cpus_allowed_list":
            return parse_cpu_list(name, value.strip())
    raise Unreadable(f"no Cpus_allowed_list in {name}")


def _brand_string() -> str:
    """The processor's name on macOS, empty elsewhere."""
    try:
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
