"""Facts, state, sources and sightings from outputs, without any phone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.android.agent import Seen, sightings
from device_agents.android.capture import private_values, scrubbed
from device_agents.android.facts import facts_from
from device_agents.android.packages import runner_apk, runner_files, runner_jar
from device_agents.android.parse.answers import Transport
from device_agents.android.sources import survey_from
from device_agents.android.state import state_from
from harness.errors import UserError

FACTS = """@@properties
[ro.product.manufacturer]: [Acme]
[ro.product.model]: [\x1b[31m<b>One</b>$(reboot)]
[ro.build.version.release]: [14]
[ro.build.version.sdk]: [34]
[ro.board.platform]: [kona]
[ro.benchfarm.simulated]: [1]
@@cpuinfo
CPU implementer : 0x41
CPU part        : 0xd46
@@meminfo
MemTotal:        7788844 kB
@@boot
0b0b0b0b-0b0b
@@kernel
6.1.57-android14
@@page
16384
@@present
0-3
@@policies
0|1704000|0 1 2 3|sched_pixel
@@gpu
@@battery
Current Battery Service state:
  health: 2
"""
PROBES = """zone|/sys/class/thermal/thermal_zone0/temp|BIG|41000
zone|/sys/class/thermal/thermal_zone1/temp|VIRTUAL-SKIN|305
zone|/sys/class/thermal/thermal_zone2/temp|soc|78
zone|/sys/class/thermal/thermal_zone3/temp|pa-therm|-40000
zone|/sys/class/thermal/thermal_zone4/temp|battery|
cur0|/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq|300000
max0|/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq|!sh: can't open: Permission denied
current_now|/sys/class/power_supply/maxfg/current_now|-812000
current_now|/sys/class/power_supply/battery/current_now|-1
voltage_now|/sys/class/power_supply/maxfg/voltage_now|4012000
capacity|/sys/class/power_supply/battery/capacity|61
gpu_busy|/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage|12 %
stat|/proc/stat|cpu  1 2 3 4 5 6 7 8 0 0
rail|/sys/bus/iio/devices/iio:device0/energy_value|CH0(T=1)[VDD_BIG], 5000000|
"""


def test_facts_are_fit_to_be_shown():
    facts = facts_from("android:x", FACTS)
    assert facts.values["model"] == "Acme <b>One</b>$(reboot)"
    assert facts.values["simulated"] is True
    assert facts.values["clusters"] == "4x 1704 MHz"
    assert facts.values["page_bytes"] == 16384
    assert facts.values["npu_guess"] == "Hexagon"
    assert facts.values["governor"] == "sched_pixel"
    assert facts.values["cores"] == 4
    assert "gpu" in facts.unavailable


@given(st.text())
def test_a_phone_that_says_anything_has_facts_and_a_state(text):
    facts = facts_from("android:x", text)
    assert facts.values["simulated"] in (True, False)
    state_from(text)
    survey_from(text, {"battery.status": "discharging"})


def test_sources_and_gaps():
    found = survey_from(PROBES, {"battery.status": "discharging"})
    records = {source.record.name: source for source in found.sources}
    assert set(records) == {
        "temperature.skin_c",
        "temperature.big_c",
        "cpu.frequency_khz.policy0",
        "battery.current_a",
        "battery.voltage_v",
        "battery.percent",
        "gpu.busy_percent",
    }
    assert records["temperature.skin_c"].value("315") == pytest.approx(31.5)
    assert records["battery.current_a"].value("-500000") == pytest.approx(-0.5)
    assert records["battery.current_a"].value("-22") is None
    assert "maxfg" in records["battery.current_a"].path
    assert [record.name for _, record in found.rails] == ["energy.vdd_big_j"]
    gaps = {gap.name: gap.unavailable for gap in found.missing}
    assert gaps["cpu.frequency_max_khz"] == "permission denied"
    assert gaps["temperature.battery_c"] == "no gauge gives temp"
    assert all(gaps.values())


@pytest.mark.parametrize("current", ["-500000", "0"])
@pytest.mark.parametrize(("old", "new"), [("bms", "battery"), ("battery", "maxfg")])
def test_a_gauge_that_another_driver_left_is_not_read(old, new, current):
    folder = "/sys/class/power_supply"
    left = {"current_now": "0", "voltage_now": "3700000", "capacity": "50"}
    used = {"current_now": current, "voltage_now": "4310000", "capacity": "91"}
    rows = [f"{name}|{folder}/{old}/{name}|{text}" for name, text in left.items()]
    rows += [f"{name}|{folder}/{new}/{name}|{text}" for name, text in used.items()]
    said = {"battery.status": "discharging", "battery.percent": 92.0, "battery.voltage_v": 4.2}
    for listed in (rows, rows[::-1]):
        found = {one.record.name: one.path for one in survey_from("\n".join(listed), said).sources}
        assert found["battery.voltage_v"] == f"{folder}/{new}/voltage_now"
        assert found["battery.percent"] == f"{folder}/{new}/capacity"
    low = {"battery.status": "discharging", "battery.percent": 52.0, "battery.voltage_v": 4.0}
    if current != "0":  # values that could be true: the one that a current flows through
        rows[-1] = f"capacity|{folder}/{new}/capacity|52"
        found = {one.record.name: one.path for one in survey_from("\n".join(rows), low).sources}
        assert found["battery.percent"] == f"{folder}/{new}/capacity"


def test_current_stays_unavailable_until_its_sign_is_proven():
    found = survey_from(PROBES, {"battery.status": "full"})
    gaps = {gap.name: gap.unavailable for gap in found.missing}
    assert "sign and unit cannot be told" in gaps["battery.current_a"]


def test_a_phone_that_denies_everything_has_a_reason_for_each():
    found = survey_from("", {})
    assert found.sources == ()
    assert all(gap.unavailable for gap in found.missing)
    assert "device.foreign_cpu_percent" in {gap.name for gap in found.missing}


def seen(serial, address, boot="b", state="device", **more):
    return Seen(Transport(address, state, more.pop("tags", {})), serial, "Phone", boot, **more)


def test_a_phone_attached_twice_is_one():
    addresses = {}
    shown = sightings([seen("S", "10.0.0.2:5555"), seen("S", "S")], addresses)
    assert [(one.device_id, one.ready) for one in shown] == [("android:S", True)]
    assert addresses == {"android:S": "S"}


def test_two_phones_with_one_serial_cannot_be_addressed():
    addresses = {}
    shown = sightings(
        [
            seen("0123456789ABCDEF", "0123456789ABCDEF", "b1", tags={"usb": "1-1"}),
            seen("0123456789ABCDEF", "0123456789ABCDEF", "b2", tags={"usb": "1-2"}),
        ],
        addresses,
    )
    assert [one.state for one in shown] == ["duplicate serial"] * 2
    assert [one.device_id for one in shown] == [
        "android:0123456789ABCDEF@1-1",
        "android:0123456789ABCDEF@1-2",
    ]
    assert addresses == {}


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("unauthorized", "allow USB debugging"),
        ("offline", "plug the phone in again"),
        ("no permissions", "udev"),
        ("recovery", "recovery mode"),
        ("sideload", "restart it"),
        ("new-state", "restart the phone"),
    ],
)
def test_every_state_has_advice(state, advice):
    (shown,) = sightings([seen("S", "S", state=state)], {})
    assert not shown.ready
    assert advice in shown.advice
    assert shown.state == state


def test_odd_serials_are_fit_to_be_shown():
    (shown,) = sightings([seen("S", "\x1b[31mS<b>", state="offline")], {})
    assert shown.device_id == "android:S<b>"


def test_a_capture_names_nobody():
    properties = {"ro.serialno": "ABC12345", "ro.product.model": "One", "persist.sys.x": "ABC12345"}
    secrets = private_values(properties)
    text = (
        "[ro.serialno]: [ABC12345]\n[ro.product.model]: [One]\nseen ABC12345 at aa:bb:cc:dd:ee:ff "
        "of jo@example.org 10.0.0.7 123456789012345\n[gsm.operator.alpha]: [Somebody]\n"
    )
    clean = scrubbed(text, secrets)
    for secret in ("ABC12345", "aa:bb", "jo@", "10.0.0.7", "123456789012345", "Somebody"):
        assert secret not in clean
    assert "[ro.product.model]: [One]" in clean
    assert len(clean) == len(text)


@pytest.fixture
def runners(tmp_path, monkeypatch):
    def write(listed):
        (tmp_path / "runners.json").write_text(json.dumps({"runners": listed}))
        monkeypatch.setenv("BENCHFARM_RUNNER_FILES", str(tmp_path))

    return write


def entry(flavour, abi):
    return {
        "flavour": flavour,
        "abi": abi,
        "build": "b1",
        "application_id": f"org.benchfarm.runner.{flavour}.b1",
        "sha256": "0" * 64,
    }


def test_the_runner_for_a_phone(runners, tmp_path):
    runners(
        {
            "a.apk": entry("tflite", "arm64-v8a"),
            "b.apk": entry("all", "x86_64"),
            "r.jar": entry("tflite", "") | {"application_id": ""},
        }
    )
    assert runner_apk(("arm64-v8a", "armeabi-v7a"), "tflite").path == tmp_path / "a.apk"
    assert runner_apk(("x86_64",), "onnxruntime").path == tmp_path / "b.apk"
    assert "no tflite runner for mips" in runner_apk(("mips",), "tflite")
    assert "no Android runner with engine coreml" in runner_apk(("x86_64",), "coreml")
    assert runner_jar().path == tmp_path / "r.jar"


def test_no_runner_files(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHFARM_RUNNER_FILES", str(tmp_path))
    with pytest.raises(UserError, match="make android"):
        runner_files()
    (tmp_path / "runners.json").write_text("[]")
    with pytest.raises(UserError, match="damaged"):
        runner_files()
