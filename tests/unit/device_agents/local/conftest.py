"""Made-up hosts: trees of /proc and /sys that the local agent is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from device_agents.local.files import HostFiles
from harness.clock import CancelToken, Deadline, ManualClock

_X86_CORE = (
    "processor\t: {cpu}\n"
    "model name\t: 11th Gen Intel(R) Core(TM) i7-1185G7\n"
    "flags\t\t: fpu sse {x}\n"
)
_ARM_CORE = "processor\t: {cpu}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n"
_ANY_HOST = {
    "/proc/stat": "cpu  1000 20 300 50000 400 5 6 7 0 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 1\n",
    "/proc/meminfo": "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n",
    "/proc/loadavg": "0.52 0.41 0.30 1/200 4711\n",
    "/proc/uptime": "3600.25 7000.00\n",
    "/proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-63\n",
    "/proc/sys/kernel/hostname": "bench-01\n",
    "/proc/sys/kernel/osrelease": "6.12.5\n",
    "/proc/sys/kernel/version": "#1 SMP Debian 6.12.5-1\n",
    "/proc/sys/kernel/random/boot_id": "0f0e0d0c-0000-4000-8000-000000000001\n",
    "/etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
}
_POLICY = "/sys/devices/system/cpu/cpufreq/policy"
_BAT = "/sys/class/power_supply/BAT0"
_RAPL = "/sys/class/powercap/intel-rapl:0"

VM = _ANY_HOST | {
    "/proc/cpuinfo": _X86_CORE.format(cpu=0, x="hypervisor")
    + "\n"
    + _X86_CORE.format(cpu=1, x="hypervisor"),
    "/sys/devices/system/cpu/online": "0-1\n",
    "/.dockerenv": "",
}

LAPTOP = (
    _ANY_HOST
    | {
        "/proc/cpuinfo": "\n".join(_X86_CORE.format(cpu=cpu, x="") for cpu in range(4)),
        "/sys/devices/system/cpu/online": "0-3\n",
        "/sys/class/dmi/id/product_name": "ThinkPad X1\n",
        "/sys/devices/system/cpu/intel_pstate/no_turbo": "1\n",
        "/sys/class/thermal/thermal_zone0/type": "acpitz\n",
        "/sys/class/thermal/thermal_zone0/temp": "47000\n",
        "/sys/class/thermal/thermal_zone1/type": "acpitz\n",
        "/sys/class/thermal/thermal_zone1/temp": "45500\n",
        "/sys/class/thermal/thermal_zone2/type": "iwlwifi_1\n",
        "/sys/class/thermal/thermal_zone2/temp": "-274000\n",
        "/sys/class/hwmon/hwmon4/name": "coretemp\n",
        "/sys/class/hwmon/hwmon4/temp1_label": "Package id 0\n",
        "/sys/class/hwmon/hwmon4/temp1_input": "52000\n",
        "/sys/class/hwmon/hwmon4/temp2_label": "Core 0\n",
        "/sys/class/hwmon/hwmon4/temp2_input": "51000\n",
        "/sys/class/hwmon/hwmon5/temp1_label": "Composite\n",
        "/sys/class/hwmon/hwmon5/temp1_input": "38000\n",
        f"{_BAT}/type": "Battery\n",
        f"{_BAT}/capacity": "81\n",
        f"{_BAT}/status": "Discharging\n",
        f"{_BAT}/current_now": "1500000\n",
        f"{_BAT}/voltage_now": "12000000\n",
        "/sys/class/power_supply/AC/type": "Mains\n",
        "/sys/class/power_supply/AC/online": "0\n",
        "/sys/class/power_supply/hidpp_battery_0/type": "Battery\n",
        "/sys/class/power_supply/hidpp_battery_0/scope": "Device\n",
        "/sys/class/power_supply/hidpp_battery_0/capacity": "15\n",
        f"{_RAPL}/name": "package-0\n",
        f"{_RAPL}/energy_uj": "1000000\n",
        f"{_RAPL}/max_energy_range_uj": "262143328850\n",
        f"{_RAPL}:0/name": "core\n",
        f"{_RAPL}:0/energy_uj": "500000\n",
        f"{_RAPL}:0/max_energy_range_uj": "262143328850\n",
    }
    | {
        f"{_POLICY}{cpu}/{leaf}": text
        for cpu in range(4)
        for leaf, text in (
            ("scaling_governor", "powersave\n"),
            ("scaling_min_freq", "400000\n"),
            ("scaling_max_freq", "4800000\n"),
            ("scaling_cur_freq", f"{1200000 + cpu}\n"),
        )
    }
)

SBC = (
    _ANY_HOST
    | {
        "/proc/cpuinfo": "\n".join(
            _ARM_CORE.format(cpu=cpu, part="0xd03" if cpu < 4 else "0xd08") for cpu in range(6)
        )
        + "\nSerial\t\t: 1234\n",
        "/sys/devices/system/cpu/online": "0-5\n",
        "/proc/device-tree/model": "Pine64 RockPro64\0",
        "/proc/device-tree/compatible": "pine64,rockpro64\0rockchip,rk3399\0",
        "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "/sys/class/thermal/thermal_zone0/temp": "41111\n",
    }
    | {
        f"/sys/devices/system/cpu/cpu{cpu}/{leaf}": text
        for cpu in range(6)
        for leaf, text in (
            ("cpu_capacity", "485\n" if cpu < 4 else "1024\n"),
            ("cpufreq/cpuinfo_max_freq", "1416000\n" if cpu < 4 else "1800000\n"),
        )
    }
    | {
        f"{_POLICY}{first}/{leaf}": text
        for first, top, governor in ((0, 1416000, "schedutil"), (4, 1800000, "performance"))
        for leaf, text in (
            ("scaling_governor", f"{governor}\n"),
            ("scaling_min_freq", "408000\n"),
            ("scaling_max_freq", f"{top}\n"),
            ("scaling_cur_freq", f"{top}\n"),
        )
    }
)

#: What a Mac offers below these names: nothing.
MAC: dict[str, str] = {}


def plant(root: Path, files: Mapping[str, str]) -> HostFiles:
    """Write the files below ``root``."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return HostFiles(root)


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., HostFiles]:
    """Makes a host by kind (``laptop``, ``sbc``, ``vm``, ``mac``), with changes on top.

    A change of None removes the file.
    """
    kinds = {"laptop": LAPTOP, "sbc": SBC, "vm": VM, "mac": MAC}

    def make(kind: str, changes: Mapping[str, str | None] | None = None) -> HostFiles:
        wanted: dict[str, str | None] = {**kinds[kind], **(changes or {})}
        present = {name: text for name, text in wanted.items() if text is not None}
        return plant(tmp_path / kind, present)

    return make


@pytest.fixture
def write() -> Callable[[HostFiles, str, str], None]:
    """Changes one file of a host in place, as the kernel changes what it shows."""

    def change(files: HostFiles, name: str, text: str) -> None:
        files.path(name).parent.mkdir(parents=True, exist_ok=True)
        files.path(name).write_text(text)

    return change


@pytest.fixture
def clock() -> ManualClock:
    """Time that moves only when told to."""
    return ManualClock()


@pytest.fixture
def soon(clock: ManualClock) -> Deadline:
    """A deadline that does not pass by itself."""
    return Deadline(clock, 10)


@pytest.fixture
def cancel() -> CancelToken:
    """Nobody has asked to stop."""
    return CancelToken()
