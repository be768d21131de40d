"""Every fault, as a host meets it through a real adb server."""

from __future__ import annotations

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest


def test_a_link_that_drops_inside_a_push(bench, tmp_path):
    (tmp_path / "model").write_bytes(os.urandom(4_000_000))
    bench.phone.fault("drop-link@push:1000001")
    done = bench.adb("push", str(tmp_path / "model"), "/data/local/tmp/model")
    assert done.returncode != 0
    bench.await_state("device")
    assert bench.adb("shell", "[ -e /data/local/tmp/model ]").returncode == 1
    assert bench.adb("push", str(tmp_path / "model"), "/data/local/tmp/model").returncode == 0
    digest = hashlib.sha256((tmp_path / "model").read_bytes()).hexdigest()
    assert bench.shell("sha256sum /data/local/tmp/model").split()[0] == digest
    assert bench.phone.report()["happened"] == ["drop-link@push:1000001.0"]


def test_a_link_that_drops_inside_a_pull(bench, tmp_path):
    bench.shell("head -c 4000000 /dev/zero > /data/local/tmp/big")
    bench.phone.fault("drop-link@pull:2000000")
    assert bench.adb("pull", "/data/local/tmp/big", str(tmp_path)).returncode != 0
    bench.await_state("device")


def test_a_frozen_phone_answers_later(bench):
    bench.phone.fault("freeze@now")
    with pytest.raises(subprocess.TimeoutExpired):
        bench.adb("shell", "echo alive", timeout_s=0.7)
    bench.phone.recover()
    assert bench.shell("echo alive") == "alive\n"


def test_freezing_at_a_command(bench):
    bench.phone.fault("freeze=0.3@command:dumpsys battery")
    assert "level" in bench.shell("dumpsys battery")
    assert bench.phone.report()["happened"] == ["freeze=0.3@command:dumpsys battery"]


@pytest.mark.parametrize("what", ["unauthorized", "offline"])
def test_states_of_the_link(bench, what):
    bench.phone.fault(f"{what}@now")
    bench.await_state(what)
    assert bench.adb("shell", "true").returncode != 0
    bench.phone.recover()
    bench.heal()


def test_recovery_is_a_state_too(bench):
    bench.phone.set("state", "recovery")
    bench.rejoin()
    bench.await_state("recovery")


def test_a_phone_that_vanishes(bench, until):
    bench.phone.fault("vanish@now")
    until(lambda: bench.state() is None, "it is not listed")
    assert bench.adb("shell", "true").returncode != 0


def test_a_restart_at_a_phase(bench, until):
    bench.phone.fault("reboot=0.2@phase:launch")
    bench.adb(
        *("shell", "am", "start", "-n", "org.benchfarm.runner.tflite.btest/"),
        *("org.benchfarm.runner.app.RunnerActivity",),
    )
    assert not bench.phone.report()["happened"]  # there was no such activity, and no launch
    with pytest.raises(AssertionError):
        bench.start_runner()
    until(lambda: bench.phone.report()["happened"], "the restart")
    bench.heal()


def test_a_runner_killed_for_memory(bench, package):
    pid = bench.start_runner()
    bench.phone.fault("out-of-memory@now")
    bench.shell(f"while [ -d /proc/{pid} ]; do sleep 0.02; done")
    assert f"lowmemorykiller: Kill '{package}' ({pid})" in bench.shell("logcat -d")
    info = bench.shell(f"dumpsys activity exit-info {package}")
    assert f"pid={pid}" in info.split("ApplicationExitInfo #1")[0]
    assert "reason=3 (LOW_MEMORY)" in info


def test_a_runner_that_crashes(bench, package):
    pid = bench.start_runner()
    bench.phone.fault("crash@now")
    bench.shell(f"while [ -d /proc/{pid} ]; do sleep 0.02; done")
    log = bench.shell("logcat -d")
    assert "signal 11 (SIGSEGV)" in log
    assert f">>> {package} <<<" in log
    assert "reason=5 (CRASH(NATIVE))" in bench.shell(f"dumpsys activity exit-info {package}")


def test_a_runner_that_hangs(bench, package):
    pid = bench.start_runner()
    bench.phone.fault("not-responding@now")
    assert f"ANR in {package}" in bench.shell("logcat -d")
    assert "Application Not Responding" in bench.shell("dumpsys window | grep mCurrentFocus")
    assert bench.adb("shell", f"[ -d /proc/{pid} ]").returncode == 0
    bench.shell(f"am force-stop {package}")
    assert bench.adb("shell", f"[ -d /proc/{pid} ]").returncode == 1


def test_a_full_storage(bench, tmp_path):
    (tmp_path / "model").write_bytes(bytes(200_000))
    bench.phone.fault("storage-full@now")
    done = bench.adb("push", str(tmp_path / "model"), "/data/local/tmp/full")
    assert b"No space left on device" in done.stderr + done.stdout
    assert bench.shell("df -k /data/local/tmp").splitlines()[1].split()[3] == "0"


def test_a_prompt_that_somebody_has_to_answer(bench, apk, package):
    bench.phone.fault("prompt@now")
    with ThreadPoolExecutor() as aside:
        asked = aside.submit(bench.adb, "install", str(apk(2, package + ".b")), timeout_s=120)
        bench.await_foreground("packageinstaller")
        assert not asked.done()
        bench.phone.touch()
        assert asked.result().returncode == 0


def test_a_popup_over_the_app(bench):
    bench.start_runner()
    bench.phone.fault("popup@now")
    assert "SystemUpdateActivity" in bench.shell("dumpsys window | grep mCurrentFocus")
    bench.shell("input keyevent KEYCODE_BACK")
    assert "RunnerActivity" in bench.shell("dumpsys window | grep mCurrentFocus")


def test_too_hot(bench, until):
    full = "/sys/devices/system/cpu/cpufreq/policy8/"
    top = int(bench.shell(f"cat {full}cpuinfo_max_freq"))
    bench.phone.fault("overheat@now")
    until(lambda: int(bench.shell(f"cat {full}scaling_max_freq")) < top / 2, "throttling")
    assert "Thermal Status: 5" in bench.shell("dumpsys thermalservice")
    bench.phone.set("skin_c", 25)
    until(lambda: int(bench.shell(f"cat {full}scaling_max_freq")) == top, "cool again")


def test_pulling_the_plug_in_truth_and_in_appearance(bench, until):
    supply = "/sys/class/power_supply/maxfg/current_now"
    plugged = int(bench.shell(f"cat {supply}"))
    bench.shell("dumpsys battery unplug")
    assert "UPDATES STOPPED" in bench.shell("dumpsys battery")
    assert bench.shell("cat /sys/class/power_supply/usb/online") == "1\n"
    bench.phone.set("plugged", False)
    until(lambda: int(bench.shell(f"cat {supply}")) < plugged - 100_000, "less current")
    bench.phone.set("plugged", True)
