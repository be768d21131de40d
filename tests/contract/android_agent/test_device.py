"""One healthy phone: everything the conductor asks of a device, through a real adb server."""

from __future__ import annotations

import hashlib
import time

import pytest

from device_agents.android import prepare as prepare_module
from device_agents.android.undo import SILENCE_S
from harness import channels
from harness.scenario import Prepare

NO_CHANGE = Prepare(stay_awake=False, animations=True)


@pytest.fixture
def model(tmp_path):
    """A file to push, with its digest."""

    def make(size=1_000_000, seed=b"model"):
        data = (seed * (size // len(seed) + 1))[:size]
        path = tmp_path / f"{seed.decode()}.bin"
        path.write_bytes(data)
        return path, hashlib.sha256(data).hexdigest()

    return make


def test_discovery(agent, lab, phone, soon, cancel):
    shown = {one.device_id: one for one in agent.discover(soon, cancel)}
    assert shown[f"android:{phone.serial}"].ready
    assert shown[f"android:{phone.serial}"].name == "Google Pixel 8"
    assert len(shown) == len(lab.phones)


def test_facts(device, soon, cancel):
    facts = device.facts(soon, cancel)
    assert facts.values["simulated"] is True
    assert facts.values["soc"] == "Google Tensor G3"
    assert facts.values["cores"] == 9
    assert facts.values["clusters"] == "4x 1704 MHz + 4x 2367 MHz + 1x 2914 MHz"
    assert facts.values["npu_guess"] == "Google TPU"
    assert facts.values["abi"] == "arm64-v8a"


def test_state(device, soon, cancel):
    state = device.state(soon, cancel)
    assert 0 < state.values[channels.BATTERY_PERCENT] <= 100
    assert 10 < state.values[channels.SKIN_TEMPERATURE] < 60
    assert state.values[channels.THERMAL_STATUS] == 0.0
    assert state.values[channels.SCREEN_ON] == 1.0
    assert state.unavailable[channels.CANARY] == "a virtual phone's speed changes with its host's"


def test_a_file_is_sent_once(device, phone, model, soon, cancel):
    path, digest = model()
    device.prepare(NO_CHANGE, soon, cancel)
    assert device.push(path, digest, soon, cancel) is True
    phone.forget()
    assert device.push(path, digest, soon, cancel) is False
    assert device._phone.run(f"sha256sum /data/local/tmp/benchfarm/store/{digest}", soon, cancel)


def test_settings_are_made_and_put_back(device, phone, soon, cancel):
    before = phone.report()["settings"]
    wanted = Prepare(brightness_percent=20, refresh_hz=60, bluetooth=False)
    assert device.prepare(wanted, soon, cancel) == ()
    made = phone.report()["settings"]
    assert made["system"]["screen_brightness"] == "51"
    assert made["global"]["window_animation_scale"] == "0"
    assert made["global"]["bluetooth_on"] == "0"
    device.restore(soon)
    assert phone.report()["settings"] == made  # they stay between trials
    device.close()
    assert phone.report()["settings"] == before


def test_a_setting_that_somebody_changes_is_made_again(device, phone, soon, cancel):
    wanted = Prepare(brightness_percent=20)
    device.prepare(wanted, soon, cancel)
    device._phone.run("settings put system screen_brightness 200", soon, cancel)
    assert device.prepare(wanted, soon, cancel) == ()
    assert phone.report()["settings"]["system"]["screen_brightness"] == "51"


def test_what_cannot_be_made_is_told(device, soon, cancel):
    unmet = device.prepare(Prepare(refresh_hz=90, airplane=True, wifi=False), soon, cancel)
    assert [text.partition(":")[0] for text in unmet] == ["airplane", "wifi", "refresh_hz"]


@pytest.mark.parametrize(("number", "effect_s", "works"), [(0, 20.0, True), (1, 0.5, False)])
def test_fixed_performance_is_judged_by_the_limits_it_moves(
    agent, lab, well, soon, cancel, monkeypatch, number, effect_s, works
):
    monkeypatch.setattr(prepare_module, "_EFFECT_S", effect_s)
    phone = lab.phones[number]
    well(phone)
    device = agent.open(f"android:{phone.serial}")
    unmet = device.prepare(Prepare(fixed_performance=True), soon, cancel)
    assert phone.report()["fixed_performance"] is works
    device.close()
    assert phone.report()["fixed_performance"] is False
    why = "fixed_performance: taken without effect, no frequency limit moved"
    assert unmet == (() if works else (why,))


def test_the_next_run_puts_back_what_a_crash_left(agent, phone, soon, cancel):
    before = phone.report()["settings"]
    crashed = agent.open(f"android:{phone.serial}")
    crashed.prepare(Prepare(brightness_percent=0), soon, cancel)
    crashed._undo.link_lost()
    crashed._phone.disconnect()
    assert phone.report()["settings"] != before
    doctor = agent.open(f"android:{phone.serial}")
    doctor.restore(soon)
    assert phone.report()["settings"] == before
    doctor.close()


def test_the_phone_puts_itself_right_when_nobody_speaks(agent, phone, soon, cancel):
    before = phone.report()["settings"]
    crashed = agent.open(f"android:{phone.serial}")
    crashed.prepare(Prepare(brightness_percent=0), soon, cancel)
    assert phone.report()["settings"] != before
    crashed._undo.hold(-SILENCE_S, soon, cancel)  # as if nobody had spoken for so long
    crashed._phone.disconnect()
    deadline = time.monotonic() + 60
    while phone.report()["settings"] != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert phone.report()["settings"] == before


def test_settings_made_again_after_the_guard_are_put_back_too(device, phone, soon, cancel):
    before = phone.report()["settings"]
    wanted = Prepare(brightness_percent=0)
    device.prepare(wanted, soon, cancel)
    device._undo.hold(-SILENCE_S, soon, cancel)  # as if the cable had been out for so long
    deadline = time.monotonic() + 60
    while phone.report()["settings"] != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert phone.report()["settings"] == before
    device.prepare(wanted, soon, cancel)
    assert phone.report()["settings"] != before
    device.close()
    assert phone.report()["settings"] == before


def test_telemetry(device, phone, soon, cancel):
    phone.set("plugged", False)
    time.sleep(0.6)  # the gauge tells a new current every quarter of a second
    device.prepare(NO_CHANGE, soon, cancel)
    telemetry = device.telemetry(20.0)
    begun = time.monotonic_ns()
    readings = []
    deadline = time.monotonic() + 60
    while len({one.at_ns for one in readings}) < 8 and time.monotonic() < deadline:
        readings += telemetry.poll()
        time.sleep(0.05)
    readings += telemetry.poll(final=True)
    telemetry.close()
    phone.set("plugged", True)
    named = {one.channel for one in readings}
    assert {
        channels.SKIN_TEMPERATURE,
        channels.BATTERY_CURRENT,
        channels.BATTERY_VOLTAGE,
        channels.BATTERY_POWER,
        channels.FOREIGN_CPU,
        channels.THERMAL_STATUS,
        channels.SCREEN_ON,
        channels.frequency("policy8"),
        channels.frequency_max("policy8"),
    } <= named
    declared = {one.name: one for one in telemetry.channels()}
    assert named <= set(declared)
    assert all(declared[name].unavailable is None for name in named)
    assert all(one.value < 0 for one in readings if one.channel == channels.BATTERY_CURRENT)
    assert any(name.startswith("energy.") for name in declared)
    now = time.monotonic_ns()
    assert all(begun - 10**9 < one.at_ns < now + 10**9 for one in readings)


def test_a_runner_by_every_start(device, phone, soon, cancel):
    for start in ("activity", "instrumentation"):
        device.prepare(Prepare(stay_awake=False, animations=True, start=start), soon, cancel)
        runner = device.launch("tflite", soon, cancel)
        link = runner.connect(soon, cancel)
        while runner.find_pid(soon, cancel) is None:  # it is just starting
            assert not soon.expired
        assert runner.pid in phone.report()["runners"].values()
        link.close()
        link = runner.connect(soon, cancel)  # it drops, and is opened again
        link.close()
        runner.kill()
        assert phone.report()["runners"] == {}


@pytest.mark.parametrize("start", ["activity", "app_process"])
def test_a_dark_phone_is_woken_and_its_lock_screen_dismissed(device, phone, soon, cancel, start):
    device._phone.run("input keyevent 223", soon, cancel)
    assert not phone.report()["screen_on"]
    device.prepare(Prepare(start=start), soon, cancel)
    report = phone.report()
    assert report["screen_on"]
    assert report["unexpected"] == []
    window = device._phone.run("dumpsys window", soon, cancel).text
    assert "mShowingLockscreen=false" in window


def test_nothing_is_asked_that_a_phone_would_not_know(device, phone, model, soon, cancel):
    path, digest = model(seed=b"other")
    device.facts(soon, cancel)
    device.prepare(
        Prepare(brightness_percent=0, doze_exempt=True, compile=True, dark_between=True),
        soon,
        cancel,
    )
    device.push(path, digest, soon, cancel)
    telemetry = device.telemetry(10.0)
    runner = device.launch("tflite", soon, cancel)
    telemetry.attach(runner)
    runner.connect(soon, cancel).close()
    telemetry.poll(final=True)
    telemetry.close()
    runner.log_text()
    device.restore(soon)
    device.close()
    report = phone.report()
    assert report["unexpected"] == []
    assert not report["screen_on"]
    assert report["doze_allowed"] == []
    assert list(report["compiled"].values()) == ["speed"] or "speed" in str(report["compiled"])
