"""What the framework's commands answer, and what they remember."""

from __future__ import annotations

import asyncio
import re

import pytest

from phones.android.profiles import PROFILES

ACTIVITY = "org.benchfarm.runner.app.RunnerActivity"


def test_settings_have_a_memory(pixel):
    assert pixel.out("settings get global nothing") == "null\n"
    pixel.out("settings put system screen_brightness 12")
    assert pixel.out("settings get system screen_brightness") == "12\n"
    assert pixel.out("settings delete system screen_brightness") == "Deleted 1 rows\n"
    assert pixel.out("settings get system screen_brightness") == "null\n"
    assert "airplane_mode_on=0\n" in pixel.out("settings list global")
    assert pixel.answer("settings get nowhere x").code == 255


def test_the_battery_can_be_faked_and_the_truth_goes_on(pixel):
    assert "USB powered: true" in pixel.out("dumpsys battery")
    pixel.out("dumpsys battery unplug")
    pixel.out("dumpsys battery set level 3")
    fake = pixel.out("dumpsys battery")
    assert "USB powered: false" in fake
    assert "level: 3\n" in fake
    assert "UPDATES STOPPED" in fake
    assert pixel.framework.physics.reading().gauge.plugged
    pixel.out("dumpsys battery reset")
    assert "level: 80\n" in pixel.out("dumpsys battery")


def test_the_current_by_command_is_new(make):
    assert int(make("pixel8").out("cmd battery get current_now"))
    assert make("android-10").answer("cmd battery get current_now").code == 255


def test_thermal_service(pixel):
    rows = re.findall(r"mValue=([-\d.]+), mType=(-?\d+), mName=(\S+),", pixel.out(
        "dumpsys thermalservice").partition("from HAL:")[2])  # fmt: skip
    values = {name: float(value) for value, _, name in rows}
    assert values["VIRTUAL-SKIN"] == 25.0
    assert values["soft_ocp_cpu1"] > 1000
    pixel.framework.physics.warm_to(46)
    assert "Thermal Status: 3" in pixel.out("dumpsys thermalservice")
    pixel.out("cmd thermalservice override-status 1")
    assert "Thermal Status: 1" in pixel.out("dumpsys thermalservice")
    pixel.out("cmd thermalservice reset")
    assert "IsStatusOverride: false" in pixel.out("dumpsys thermalservice")


def test_screen_and_focus(pixel):
    pixel.out("input keyevent 223")
    assert "mWakefulness=Asleep" in pixel.out("dumpsys power")
    assert "NotificationShade" in pixel.out("dumpsys window")
    assert "mScreenState=OFF" in pixel.out("dumpsys display")
    pixel.out("input keyevent KEYCODE_WAKEUP")
    assert "mWakefulness=Awake" in pixel.out("dumpsys power")
    assert "NotificationShade" in pixel.out("dumpsys window")  # the lock screen
    pixel.out("wm dismiss-keyguard")
    assert "launcher3" in pixel.out("dumpsys window")


def test_refresh_rate_follows_the_settings(pixel):
    assert "mActiveRenderFrameRate=120.0" in pixel.out("dumpsys display")
    pixel.out("settings put system peak_refresh_rate 60")
    assert "mActiveRenderFrameRate=60.0" in pixel.out("dumpsys display")


def test_fixed_performance_is_often_nothing(make):
    for name, fixed in (("pixel8", True), ("xiaomi-14", False)):
        asked = make(name)
        before = asked.framework.physics.reading().frequency_max_khz
        asked.out("cmd power set-fixed-performance-mode-enabled true")
        assert (asked.framework.physics.reading().frequency_max_khz != before) is fixed


def test_radios(make):
    pixel, old = make("pixel8"), make("android-10")
    pixel.out("cmd connectivity airplane-mode enable")
    assert pixel.out("settings get global airplane_mode_on") == "1\n"
    pixel.out("svc wifi disable")
    assert pixel.out("settings get global wifi_on") == "0\n"
    assert "No shell command" in old.out("cmd connectivity airplane-mode enable")
    assert old.out("settings get global airplane_mode_on") == "0\n"


def test_doze(pixel):
    pixel.out("dumpsys deviceidle whitelist +a.b")
    assert "a.b" in pixel.out("dumpsys deviceidle whitelist")
    pixel.out("dumpsys deviceidle disable")
    assert pixel.out("cmd deviceidle enabled") == "0\n"


def test_properties(pixel):
    assert pixel.out("getprop ro.benchfarm.simulated") == "1\n"
    assert pixel.out("getprop no.such fallback") == "fallback\n"
    assert "[ro.soc.model]: [Tensor G3]" in pixel.out("getprop")
    assert pixel.answer("setprop ro.soc.model x").code == 1
    pixel.out("setprop debug.x 1")
    assert pixel.out("getprop debug.x") == "1\n"


def test_starting_and_stopping(pixel, package):
    pixel.install()
    said = pixel.out(f"am start -W -n {package}/{ACTIVITY} --es socket s --es token t")
    assert "Status: ok" in said
    assert package in pixel.out("dumpsys window")
    assert "brought to the front" in pixel.out(f"am start -n {package}/{ACTIVITY}")
    assert f"[{package}]" in pixel.out(f"dumpsys meminfo {package}")
    pixel.out(f"am force-stop {package}")
    assert "launcher3" in pixel.out("dumpsys window")
    assert "reason=10 (USER REQUESTED)" in pixel.out(f"dumpsys activity exit-info {package}")


def test_only_what_is_in_front_ranks_as_that(pixel, package):
    pixel.install()
    pixel.out(f"am start -W -n {package}/{ACTIVITY} --es socket s --es token t")
    (runner,) = pixel.host.runners
    assert runner.score == 0
    pixel.framework.pop_up("com.android.updater/.Update")
    assert runner.score > 0
    pixel.framework.touch()
    assert runner.score == 0
    pixel.out(f"am force-stop {package}")


@pytest.mark.parametrize("component", ["a.b/.Nothing", "a.b/org.benchfarm.runner.app.Other"])
def test_an_activity_that_is_not_there(pixel, component):
    answer = pixel.answer(f"am start -n {component}")
    assert answer.code == 1
    assert "does not exist" in answer.err


@pytest.mark.parametrize(
    ("signal", "reason"), [(0, "EXIT_SELF"), (9, "SIGNALED"), (11, "CRASH(NATIVE)")]
)
def test_ends_are_remembered(pixel, package, signal, reason):
    pixel.install()
    pixel.out(f"am start -n {package}/{ACTIVITY} --es socket s --es token t")
    pixel.framework.runner_of(package).kill(signal)
    for _ in range(3):
        pixel.run(asyncio.sleep(0))
    assert pixel.framework.runners() == []
    assert f"({reason})" in pixel.out(f"dumpsys activity exit-info {package}")


def test_exit_info_is_younger_than_android_10(make):
    said = make("android-10").out("dumpsys activity exit-info a.b")
    assert said.startswith("Bad activity command")


def test_instrumentation(pixel, package):
    pixel.install()
    name = f"{package}/org.benchfarm.runner.app.RunnerInstrumentation"

    async def run():
        words = ["instrument", "-w", "-e", "socket", "s", "-e", "token", "t", name]
        waiting = asyncio.create_task(pixel.framework.answer("am", words))
        await asyncio.sleep(0)
        runner = pixel.framework.runner_of(package)
        assert runner.start.extras == {"socket": "s", "token": "t"}
        runner.kill(0)
        return await waiting

    assert pixel.run(run()).out == "INSTRUMENTATION_CODE: -1\n"
    assert "Unable to find" in pixel.answer("am instrument -w a.b/.C").out


def test_packages(pixel, package):
    assert pixel.answer(f"pm path {package}").code == 1
    pixel.install()
    assert pixel.out("pm list packages -3") == f"package:{package}\n"
    pixel.out(f"cmd package compile -m speed -f {package}")
    assert "status=speed" in pixel.out(f"dumpsys package {package}")
    pixel.out(f"pm grant {package} android.permission.X")
    assert pixel.framework.state.packages[package].granted == {"android.permission.X"}
    assert pixel.out(f"pm uninstall {package}") == "Success\n"


def test_rails_accumulate(pixel):
    def total():
        text = pixel.out("dumpsys android.hardware.power.stats.IPowerStats/default")
        return sum(map(float, re.findall(r"([\d.]+) mWs", text)))

    before = total()
    pixel.now += 10
    assert total() > before


@pytest.mark.parametrize(
    "question", ["dumpsys nosuch", "cmd nosuch x", "pm frobnicate", "am frobnicate", "nosuch"]
)
def test_the_unknown_is_refused_and_recorded(pixel, question):
    answer = pixel.answer(question)
    assert answer.err
    assert pixel.framework.unexpected_questions == [question]


def test_a_restart_forgets_only_what_phones_forget(pixel):
    pixel.out("settings put global a 1")
    pixel.out("setprop debug.a 1")
    pixel.out("dumpsys battery unplug")
    pixel.run(pixel.framework.restart())
    assert pixel.out("settings get global a") == "1\n"
    assert pixel.out("getprop debug.a") == "\n"
    assert "UPDATES STOPPED" not in pixel.out("dumpsys battery")


def test_storage(pixel):
    assert int(pixel.out("df -k /data").splitlines()[1].split()[3]) > 1_000_000
    pixel.framework.state.storage_full = True
    assert pixel.out("df -k /data").splitlines()[1].split()[3] == "0"


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_answers_what_an_agent_asks(make, name):
    asked = make(name)
    for question in (
        *("getprop", "dumpsys battery", "dumpsys power", "dumpsys window", "dumpsys display"),
        *("dumpsys package android", "dumpsys SurfaceFlinger", "dumpsys meminfo", "df -k /data"),
    ):
        assert asked.out(question)
    assert asked.framework.unexpected_questions == []
