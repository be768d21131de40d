"""The phone's ``/sys`` and the parts of ``/proc`` that tell about hardware, kept by the physics."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from phones.android.profiles import Profile, Zone
from phones.android.recording import Recording
from phones.physics import Cluster, Reading

_GPU_TOP_KHZ = 890_000
_TICKS_PER_S = 100
_KGSL = "class/kgsl/kgsl-3d0"
_MALI = "class/misc/mali0/device"
_CPU = "devices/system/cpu"
_RAILS = "bus/iio/devices/iio:device0/energy_value"
_WORLD, _NOBODY = 0o644, 0o600
_OPEN, _CLOSED = 0o755, 0o711


class Nodes:
    """Files below ``sys`` and ``proc`` (folders of the host); written only where they changed."""

    def __init__(self, sys: Path, proc: Path, profile: Profile) -> None:
        self._sys, self._proc, self._profile = sys, proc, profile
        self._held: dict[Path, tuple[int, str]] = {}

    def make(self, reading: Reading, available_kib: int) -> None:
        """Write everything anew."""
        self.close()
        self._sys.mkdir(parents=True, exist_ok=True)
        for old in self._sys.iterdir():  # the folder itself stays: it is mounted
            shutil.rmtree(old)
        self._proc.mkdir(parents=True, exist_ok=True)
        for name, text in self._proc_fixed(available_kib).items():
            self._write(self._proc / name, text)
        self.tell_load(0.0, 0.0)
        if self._profile.recording is not None:
            self._replay(self._profile.recording)
            return
        for name, text in {**self._fixed(), **self._moving(reading)}.items():
            self._write(self._sys / name, text)
        for number in range(self._cores):
            link = self._sys / _CPU / f"cpu{number}" / "cpufreq"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"../cpufreq/policy{self._policy_of(number)}")
        self._deny()

    def update(self, reading: Reading) -> None:
        """Write what moves; a recording stands still."""
        if self._profile.recording is not None:
            return
        for name, text in self._moving(reading).items():
            self._write(self._sys / name, text)

    def _replay(self, recording: Recording) -> None:
        for name, node in recording.nodes.items():
            self._write(self._sys / name, node.text)
            if node.denied:
                (self._sys / name).chmod(_NOBODY)
        for name, listed in recording.folders.items():
            for entry in (name, *(f"{name}/{inner}" for inner in listed or ())):
                (self._sys / entry).mkdir(parents=True, exist_ok=True)
            (self._sys / name).chmod(_CLOSED if listed is None else _OPEN)
        for name, text in recording.proc.items():
            self._write(self._proc / name, text.removesuffix("\n"))
        if recording.load_denied:
            (self._proc / "stat").chmod(_NOBODY)

    def tell_load(self, busy_s: float, uptime_s: float) -> None:
        """``/proc/stat``: processor time used since the start, and what is left of it."""
        idle_s = max(0.0, uptime_s * self._cores - busy_s)
        row = f"{busy_s * _TICKS_PER_S:.0f} 0 0 {idle_s * _TICKS_PER_S:.0f} 0 0 0 0 0 0"
        share = f"{busy_s * _TICKS_PER_S / self._cores:.0f} 0 0 {idle_s * 100 / self._cores:.0f}"
        cores = "".join(f"cpu{n} {share} 0 0 0 0 0 0\n" for n in range(self._cores))
        self._write(self._proc / "stat", f"cpu  {row}\n{cores}intr 0\nctxt 0\nbtime 1767225600\n")

    def close(self) -> None:
        """Let go of the files."""
        for descriptor, _ in self._held.values():
            os.close(descriptor)
        self._held.clear()

    # --- what they say ----------------------------------------------------------------------

    @property
    def _cores(self) -> int:
        return sum(len(cluster.cores) for cluster in self._profile.spec.clusters)

    def _policy_of(self, core: int) -> int:
        return next(c.cores[0] for c in self._profile.spec.clusters if core in c.cores)

    def _fixed(self) -> dict[str, str]:
        last = self._cores - 1
        files = {f"{_CPU}/{name}": f"0-{last}" for name in ("possible", "present", "online")}
        for number, zone in enumerate(self._profile.zones):
            files[f"class/thermal/thermal_zone{number}/type"] = zone.type
        files["class/thermal/cooling_device0/type"] = "thermal-cpufreq-0"
        files["class/thermal/cooling_device0/max_state"] = str(len(self._profile.spec.trips))
        for cluster in self._profile.spec.clusters:
            files.update(_policy_facts(cluster))
        supply = f"class/power_supply/{self._profile.supply}"
        design = round(self._profile.spec.battery.capacity_ah * 1e6)
        files |= {
            f"{supply}/type": "Battery",
            f"{supply}/health": "Good",
            f"{supply}/technology": "Li-ion",
            f"{supply}/charge_full_design": str(design),
            f"{supply}/charge_full": str(round(design * 0.97)),
            f"{supply}/cycle_count": "114",
            "class/power_supply/usb/type": "USB",
        }
        if self._profile.stale_supply:
            files.update(_stale(f"class/power_supply/{self._profile.stale_supply}", design))
        if self._profile.gpu == "kgsl":
            files[f"{_KGSL}/gpu_model"] = self._profile.gpu_name.replace(" (TM) ", "")
            files[f"{_KGSL}/max_gpuclk"] = str(_GPU_TOP_KHZ * 1000)
        return files

    def _moving(self, reading: Reading) -> dict[str, str]:
        profile, gauge = self._profile, reading.gauge
        files = {
            f"class/thermal/thermal_zone{number}/temp": str(_zone(zone, reading))
            for number, zone in enumerate(profile.zones)
        }
        files["class/thermal/cooling_device0/cur_state"] = str(int(reading.status))
        states = zip(
            profile.spec.clusters, reading.frequency_khz, reading.frequency_max_khz, strict=True
        )
        for cluster, now_khz, max_khz in states:
            policy = f"{_CPU}/cpufreq/policy{cluster.cores[0]}"
            files[f"{policy}/scaling_cur_freq"] = str(now_khz)
            files[f"{policy}/scaling_max_freq"] = str(max_khz)
        supply = f"class/power_supply/{profile.supply}"
        files |= {
            f"{supply}/status": "Charging" if gauge.charging else "Discharging",
            f"{supply}/capacity": str(gauge.percent),
            f"{supply}/current_now": str(gauge.current),
            f"{supply}/voltage_now": str(gauge.voltage_uv),
            f"{supply}/charge_counter": str(gauge.charge_uah),
            f"{supply}/temp": str(gauge.decidegrees),
            "class/power_supply/usb/online": str(int(gauge.plugged)),
            "class/power_supply/usb/present": str(int(gauge.plugged)),
        }
        return files | self._gpu(reading) | self._rails(reading)

    def _gpu(self, reading: Reading) -> dict[str, str]:
        clock_khz = round(_GPU_TOP_KHZ * max(0.25, reading.speed * reading.load))
        busy = round(2 + 10 * reading.load)
        if self._profile.gpu == "kgsl":
            return {
                f"{_KGSL}/gpuclk": str(clock_khz * 1000),
                f"{_KGSL}/gpu_busy_percentage": f"{busy} %",
                f"{_KGSL}/gpubusy": f"{busy * 1000:7d} {100_000:7d}",
            }
        if self._profile.gpu == "mali":
            return {f"{_MALI}/clock": str(clock_khz), f"{_MALI}/utilization": str(busy)}
        return {}

    def _rails(self, reading: Reading) -> dict[str, str]:
        """Microwatt-seconds since the start, all rails in one file."""
        if not self._profile.rails:
            return {}
        at_ms, share = round(reading.at_s * 1000), 1e6 / (len(self._profile.rails) + 1)
        lines = [
            f"CH{number}(T={at_ms})[{rail}], {round(reading.energy_j * share * (1 + number / 10))}"
            for number, (rail, _) in enumerate(self._profile.rails)
        ]
        return {_RAILS: "\n".join([f"t={at_ms}", *lines])}

    def _proc_fixed(self, available_kib: int) -> dict[str, str]:
        total = self._profile.ram_kib
        return {
            "cpuinfo": "\n".join(self._cpu_info()),
            "meminfo": f"MemTotal:       {total:8d} kB\n"
            f"MemFree:        {available_kib // 3:8d} kB\n"
            f"MemAvailable:   {available_kib:8d} kB\nBuffers:            4096 kB\n"
            f"Cached:         {total // 4:8d} kB\nSwapTotal:       4194300 kB\n"
            "SwapFree:        4194300 kB",
            "version": "Linux version 5.15.149-android13-8 (simulated) #1 SMP PREEMPT",
            "loadavg": "1.02 0.98 1.01 2/1423 4242",
            "boot_id": "-".join(secrets.token_hex(size) for size in (4, 2, 2, 2, 6)),
        }

    def _cpu_info(self) -> Iterator[str]:
        parts = zip(self._profile.spec.clusters, self._profile.parts, strict=True)
        for cluster, part in parts:
            for core in cluster.cores:
                yield f"processor\t: {core}\nBogoMIPS\t: 49.15"
                yield "Features\t: fp asimd aes crc32 atomics fphp asimdhp asimddp i8mm bf16"
                yield "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1"
                yield f"CPU part\t: {part:#05x}\nCPU revision\t: 1\n"

    # --- how they are kept ------------------------------------------------------------------

    def _write(self, path: Path, text: str) -> None:
        held = self._held.get(path)
        if held is not None and held[1] == text:
            return
        if held is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _WORLD)
        else:
            descriptor = held[0]
        data = f"{text}\n".encode()
        os.pwrite(descriptor, data, 0)
        if held is None or len(held[1]) > len(text):
            os.ftruncate(descriptor, len(data))
        self._held[path] = (descriptor, text)

    def _deny(self) -> None:
        """What the profile denies cannot be read by the shell user, or not even be listed."""
        folders = {
            "thermal": "class/thermal",
            "power_supply": "class/power_supply",
            "cpufreq": f"{_CPU}/cpufreq",
            "gpu": _KGSL,
        }
        for name, folder in folders.items():
            place = self._sys / folder
            if name in self._profile.denied and place.is_dir():
                for path in place.rglob("*"):
                    if path.is_file():
                        path.chmod(_NOBODY)
                place.chmod(_CLOSED)
        if "list-thermal" in self._profile.denied:
            (self._sys / "class/thermal").chmod(_CLOSED)
        if "proc-stat" in self._profile.denied:
            (self._proc / "stat").chmod(_NOBODY)


def _zone(zone: Zone, reading: Reading) -> int:
    known = {"skin": reading.skin_c, "battery": reading.battery_c, "cpu": reading.processor_c}
    if not zone.follows:
        return zone.constant
    return round((known[zone.follows] + zone.offset_k) * zone.scale)


def _policy_facts(cluster: Cluster) -> dict[str, str]:
    policy = f"{_CPU}/cpufreq/policy{cluster.cores[0]}"
    cores = " ".join(map(str, cluster.cores))
    return {
        f"{policy}/cpuinfo_max_freq": str(cluster.frequencies_khz[-1]),
        f"{policy}/cpuinfo_min_freq": str(cluster.frequencies_khz[0]),
        f"{policy}/scaling_min_freq": str(cluster.frequencies_khz[0]),
        f"{policy}/scaling_available_frequencies": " ".join(map(str, cluster.frequencies_khz)),
        f"{policy}/scaling_governor": "schedutil",
        f"{policy}/related_cpus": cores,
        f"{policy}/affected_cpus": cores,
    }


def _stale(supply: str, design: int) -> dict[str, str]:
    """A supply that is left over from another driver and never moves."""
    return {
        f"{supply}/type": "Battery",
        f"{supply}/status": "Unknown",
        f"{supply}/current_now": "0",
        f"{supply}/voltage_now": "3700000",
        f"{supply}/capacity": "50",
        f"{supply}/charge_full_design": str(design),
    }
