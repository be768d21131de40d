"""Telemetry on made-up hosts, and on this one with a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from device_agents.local.files import HostFiles
from device_agents.local.telemetry import LocalTelemetry
from harness.clock import NS_PER_S, ManualClock, SystemClock

PID = 4711
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
RUNNER = SimpleNamespace(pid=PID)


def host_ticks(*, busy: int, idle: int = 50_000, steal: int = 0) -> str:
    return f"cpu  {busy} 0 0 {idle} 400 0 0 {steal} 0 0\ncpu0 1 2 3\n"


def process(*, ticks: int = 0, pages: int = 2000, peak_kb: int = 9000, state: str = "S"):
    fields = ["1"] * 10 + [str(ticks)] + ["0"] * 7 + ["999", "1", "2"]  # 4th to 24th of stat
    return {
        f"/proc/{PID}/stat": f"{PID} (my (odd) na me) {state} {' '.join(fields)}\n",
        f"/proc/{PID}/statm": f"5000 {pages} 100 1 0 1 0\n",
        f"/proc/{PID}/status": f"Name:\tx\nVmPeak:\t 1 kB\nVmHWM:\t   {peak_kb} kB\n",
        f"/proc/{PID}/smaps_rollup": "0-1 [rollup]\nRss: 8 kB\nPss:   7000 kB\nPss_Dirty: 1 kB\n",
    }


def values(telemetry: LocalTelemetry, *, final: bool = False) -> dict[str, float]:
    return {reading.channel: reading.value for reading in telemetry.poll(final=final)}


def gaps(telemetry: LocalTelemetry) -> dict[str, str]:
    return {
        record.name: record.unavailable for record in telemetry.channels() if record.unavailable
    }


@pytest.fixture
def replace(write):
    """Shows other contents in several files at once."""

    def change(files, contents):
        for name, text in contents.items():
            write(files, name, text)

    return change


def test_foreign_cpu_is_read_before_there_is_a_runner(host, clock, write):
    files = host("vm", {"/proc/stat": host_ticks(busy=1000)})
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    assert values(telemetry) == {}  # no window yet, and no sensors here
    clock.advance(NS_PER_S)
    write(files, "/proc/stat", host_ticks(busy=1000 + TICKS // 2))
    assert values(telemetry) == {
        "device.foreign_cpu_percent": pytest.approx(50.0),
        "device.steal_percent": 0.0,
    }
    telemetry.close()


def test_the_runners_share_is_told_apart_from_everybody_elses(host, clock, replace):
    files = host("vm", process(ticks=100) | {"/proc/stat": host_ticks(busy=1000)})
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    clock.advance(NS_PER_S)
    telemetry.attach(RUNNER)
    clock.advance(2 * NS_PER_S)
    busier = host_ticks(busy=1000 + 5 * TICKS, steal=TICKS)
    replace(files, process(ticks=100 + 4 * TICKS) | {"/proc/stat": busier})
    assert values(telemetry) == {
        "runner.rss_bytes": 2000 * PAGE,
        "runner.rss_peak_bytes": 9000 * 1024,
        "runner.cpu_percent": pytest.approx(200.0),  # two cores fully busy
        "device.foreign_cpu_percent": pytest.approx(100.0),  # half a core, and half a core stolen
        "device.steal_percent": pytest.approx(50.0),
    }
    telemetry.close()


def test_what_happened_before_attach_is_not_the_runners(host, clock, replace):
    files = host("vm", process(ticks=300) | {"/proc/stat": host_ticks(busy=1000)})
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    clock.advance(3 * NS_PER_S)
    replace(files, {"/proc/stat": host_ticks(busy=1300)})
    telemetry.attach(RUNNER)
    clock.advance(NS_PER_S)
    read = values(telemetry)
    assert read["device.foreign_cpu_percent"] == 0.0
    assert read["runner.cpu_percent"] == 0.0
    telemetry.close()


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_runner_that_ended_gives_no_reading_and_others_go_on(host, clock, replace, state):
    files = host("laptop", process(ticks=100))
    telemetry = LocalTelemetry(files, clock, rate_hz=1, purpose="memory")
    telemetry.attach(RUNNER)
    clock.advance(NS_PER_S)
    ended = process(ticks=0, pages=0, state=state)
    ended[f"/proc/{PID}/status"] = f"Name:\tx\nState:\t{state}\n"
    ended[f"/proc/{PID}/smaps_rollup"] = ""
    replace(files, ended)
    read = values(telemetry)
    assert not [name for name in read if name.startswith("runner.")]
    assert "device.foreign_cpu_percent" not in read  # nobody can tell its share of this window
    assert read["battery.percent"] == 81
    clock.advance(NS_PER_S)
    later = values(telemetry)
    assert "device.foreign_cpu_percent" in later
    assert not [name for name in later if name.startswith("runner.")]
    telemetry.close()


def test_a_runner_that_ended_before_attach_gives_no_reading(host, clock):
    telemetry = LocalTelemetry(host("vm"), clock, rate_hz=1)
    telemetry.attach(RUNNER)
    clock.advance(NS_PER_S)
    assert "runner.rss_bytes" not in values(telemetry)
    telemetry.close()


def test_rate_bounds_how_often_files_are_read(host, clock):
    telemetry = LocalTelemetry(host("sbc"), clock, rate_hz=2)
    assert values(telemetry)
    clock.advance(NS_PER_S // 2 - 1)
    assert values(telemetry) == {}
    clock.advance(1)
    assert "temperature.cpu-thermal_c" in values(telemetry)
    telemetry.close()


def test_a_final_poll_does_not_wait_for_its_turn(host, clock, replace):
    files = host("vm", process(peak_kb=9000))
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    telemetry.attach(RUNNER)
    assert values(telemetry)["runner.rss_peak_bytes"] == 9000 * 1024
    replace(files, process(peak_kb=12_000))
    clock.advance(1000)
    assert values(telemetry) == {}
    last = values(telemetry, final=True)
    assert last["runner.rss_peak_bytes"] == 12_000 * 1024
    assert "runner.cpu_percent" not in last  # 1 microsecond is no window
    telemetry.close()


def test_rate_zero_reads_nothing(host, clock):
    telemetry = LocalTelemetry(host("laptop"), clock, rate_hz=0)
    assert values(telemetry) == values(telemetry, final=True) == {}
    telemetry.close()


def test_pss_is_read_in_the_memory_pass_only(host, clock):
    files = host("vm", process())
    timing = LocalTelemetry(files, clock, rate_hz=1)
    timing.attach(RUNNER)
    assert "runner.pss_bytes" not in values(timing)
    assert "memory pass only" in gaps(timing)["runner.pss_bytes"]
    memory = LocalTelemetry(files, clock, rate_hz=1, purpose="memory")
    memory.attach(RUNNER)
    assert values(memory)["runner.pss_bytes"] == 7000 * 1024
    assert "runner.pss_bytes" not in gaps(memory)
    timing.close()
    memory.close()


def test_sensors_of_a_laptop(host, clock):
    telemetry = LocalTelemetry(host("laptop"), clock, rate_hz=1)
    read = values(telemetry)
    assert read["temperature.acpitz_c"] == pytest.approx(47.0)
    assert read["temperature.package-id-0_c"] == pytest.approx(52.0)
    assert read["cpu.frequency_khz.policy3"] == 1_200_003
    assert read["power.battery_w"] == pytest.approx(18.0)
    assert not any("core-0" in name or "composite" in name for name in read)
    telemetry.close()


def test_power_from_rapl_energy(host, clock, write):
    files = host("laptop")
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    assert "power.package-0_w" not in values(telemetry)
    clock.advance(2 * NS_PER_S)
    write(files, "/sys/class/powercap/intel-rapl:0/energy_uj", f"{1_000_000 + 30_000_000}")
    read = values(telemetry)
    assert read["power.package-0_w"] == pytest.approx(15.0)
    assert read["power.package-0.core_w"] == 0.0
    telemetry.close()


def test_a_rapl_counter_that_wraps_is_no_negative_power(host, clock, write):
    domain = "/sys/class/powercap/intel-rapl:0"
    files = host(
        "laptop", {f"{domain}/energy_uj": "99000000", f"{domain}/max_energy_range_uj": "100000000"}
    )
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    values(telemetry)
    clock.advance(NS_PER_S)
    write(files, f"{domain}/energy_uj", "4000000")
    assert values(telemetry)["power.package-0_w"] == pytest.approx(5.0)
    telemetry.close()


def test_a_rapl_counter_that_fails_once_starts_a_new_window(host, clock, write):
    counter = "/sys/class/powercap/intel-rapl:0/energy_uj"
    files = host("laptop")
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    for text, expected in (("1000000", None), ("?", None), ("3000000", None), ("4000000", 1.0)):
        write(files, counter, text)
        assert values(telemetry).get("power.package-0_w") == expected
        clock.advance(NS_PER_S)
    telemetry.close()


def test_a_rapl_domain_without_its_range_is_unavailable(host, clock):
    changes = {"/sys/class/powercap/intel-rapl:0/max_energy_range_uj": None}
    telemetry = LocalTelemetry(host("laptop", changes), clock, rate_hz=1)
    assert "max_energy_range_uj" in gaps(telemetry)["power.package-0_w"]
    assert "power.package-0.core_w" not in gaps(telemetry)
    telemetry.close()


def test_channels_of_a_virtual_machine_say_what_is_missing(host, clock):
    telemetry = LocalTelemetry(host("vm"), clock, rate_hz=1)
    pss = "read in the memory pass only: it would hold the runner up for milliseconds"
    assert gaps(telemetry) == {
        "runner.pss_bytes": pss,
        "temperature": "no /sys/class/thermal zones",
        "cpu.frequency_khz": "no /sys/devices/system/cpu/cpufreq policies",
        "battery": "no /sys/class/power_supply battery",
        "power": "no /sys/class/powercap domains",
    }
    assert {record.clock for record in telemetry.channels()} == {"host"}
    telemetry.close()


@pytest.mark.parametrize("kind", ["laptop", "sbc", "vm", "mac"])
def test_every_reading_belongs_to_an_available_channel(host, clock, kind):
    files = host(kind, process() if kind != "mac" else {})
    telemetry = LocalTelemetry(files, clock, rate_hz=1, purpose="memory")
    telemetry.attach(RUNNER if kind != "mac" else SimpleNamespace(pid=os.getpid()))
    names = [record.name for record in telemetry.channels()]
    available = {record.name for record in telemetry.channels() if not record.unavailable}
    clock.advance(NS_PER_S)
    first = values(telemetry)
    clock.advance(NS_PER_S)
    assert len(set(names)) == len(names)
    assert first.keys() | values(telemetry).keys() == available
    telemetry.close()


def test_a_host_without_proc_reads_what_psutil_can(host):
    telemetry = LocalTelemetry(host("mac"), clock := ManualClock(), rate_hz=1, purpose="memory")
    telemetry.attach(SimpleNamespace(pid=os.getpid()))
    clock.advance(NS_PER_S)
    read = values(telemetry)
    assert read["runner.rss_bytes"] > 2**20
    assert "device.foreign_cpu_percent" in read
    for name in ("runner.rss_peak_bytes", "runner.pss_bytes", "device.steal_percent"):
        assert name not in read
        assert gaps(telemetry)[name]
    telemetry.close()


def test_without_processor_counters_the_shares_are_unavailable(host, clock):
    telemetry = LocalTelemetry(host("vm", {"/proc/stat": "nonsense\n"}), clock, rate_hz=1)
    telemetry.attach(RUNNER)
    clock.advance(NS_PER_S)
    assert values(telemetry) == {}
    assert "line of all processors" in gaps(telemetry)["device.foreign_cpu_percent"]
    telemetry.close()


def test_attaching_another_runner_replaces_the_first(host, clock, write):
    files = host("vm", process(pages=1000))
    telemetry = LocalTelemetry(files, clock, rate_hz=1)
    telemetry.attach(RUNNER)
    for name, text in process(pages=3000).items():
        write(files, name.replace(str(PID), "4712"), text)
    telemetry.attach(SimpleNamespace(pid=4712))
    assert values(telemetry)["runner.rss_bytes"] == 3000 * PAGE
    telemetry.close()


def test_a_runner_without_a_process_number_is_a_mistake_in_the_program(host, clock):
    telemetry = LocalTelemetry(host("vm"), clock, rate_hz=1)
    with pytest.raises(TypeError, match="has a pid"):
        telemetry.attach(SimpleNamespace())
    telemetry.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts /proc/self/fd")
def test_close_gives_every_file_back():
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    telemetry = LocalTelemetry(HostFiles(), SystemClock(), rate_hz=1, purpose="memory")
    telemetry.attach(SimpleNamespace(pid=os.getpid()))
    telemetry.attach(SimpleNamespace(pid=os.getpid()))
    assert open_files() == before + 5  # stat of the host; stat, statm, status, smaps of the runner
    telemetry.close()
    telemetry.close()
    assert open_files() == before


def test_a_real_process_from_its_life_to_its_death():
    """It allocates 64 MiB, is seen doing so, and after its end leaves no reading at all."""
    program = "import sys; a = bytearray(b'x') * 2**26; print('full', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    telemetry = LocalTelemetry(HostFiles(), SystemClock(), rate_hz=1000, purpose="memory")
    telemetry.attach(SimpleNamespace(pid=child.pid))
    read = values(telemetry, final=True)
    assert 2**26 < read["runner.rss_bytes"] < 2**27
    if "runner.pss_bytes" in read:
        assert 2**26 < read["runner.pss_bytes"] <= read["runner.rss_bytes"]
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended and is a zombie now
    assert not [name for name in values(telemetry, final=True) if name.startswith("runner.")]
    child.communicate()
    assert not [name for name in values(telemetry, final=True) if name.startswith("runner.")]
    telemetry.close()
