"""Every recorded output of a real phone is read without a wrong value (../shared/phone_outputs)."""

from __future__ import annotations

import re

import pytest

from device_agents.android.parse import (
    answers,
    battery,
    exits,
    odpm,
    power_supply,
    processor,
    properties,
    thermal,
)


@pytest.fixture
def sample(phone_outputs):
    def read(name):
        return (phone_outputs / name).read_text(encoding="utf-8", errors="replace")

    return read


@pytest.fixture
def folder(phone_outputs):
    def read(name, pattern="*"):
        paths = sorted((phone_outputs / name).glob(pattern))
        assert paths, name
        return {path.stem: path.read_text(encoding="utf-8", errors="replace") for path in paths}

    return read


def test_battery(sample):
    read = battery.read_battery(sample("01_dumpsys_battery/samsung-galaxy-s24-oneui.txt"))
    assert read.found.values == {
        "percent": 75.0,
        "temperature_c": 35.7,
        "voltage_v": 4.156,
        "charge_ah": 3.719506,
    }
    assert (read.status, read.sources, read.plugged) == ("charging", ("usb",), True)
    read = battery.read_battery(
        sample("01_dumpsys_battery/android-java-adbs-charge-counter-220.txt")
    )
    assert "charge_ah" not in read.found.values
    assert "220" in read.found.unavailable["charge_ah"]
    read = battery.read_battery(sample("01_dumpsys_battery/aosp-scale50-gekko.txt"))
    assert read.found.values["percent"] == 80.0
    read = battery.read_battery(sample("01_dumpsys_battery/allwinner-axp803-page-collapsed.txt"))
    assert (read.plugged, read.sources) == (True, ("ac", "usb"))
    assert read.found.values == {}


def test_battery_of_every_phone(folder):
    for name, text in folder("01_dumpsys_battery").items():
        read = battery.read_battery(text)
        values, gaps = read.found.values, read.found.unavailable
        assert {*values, *gaps} == {"percent", "temperature_c", "voltage_v", "charge_ah"}, name
        assert 3.0 < values.get("voltage_v", 4.0) < 9.0, name
        assert 10 < values.get("temperature_c", 25) < 50, name
        for line in re.findall(r"^\s+level: (\d+)$", text, re.MULTILINE)[:1]:
            assert values["percent"] * (0.5 if "scale50" in name else 1) == int(line), name


def test_thermal_service(folder):
    services = folder("02_dumpsys_thermalservice")
    read = {name: thermal.read_thermalservice(text) for name, text in services.items()}
    samsung = read["samsung-a52-5g-android12"]
    assert samsung.sensors == {
        "AP": 25.6,
        "PA": 25.7,
        "BAT": 23.8,
        "LRB": 24.7,
        "LRF": 24.7,
        "LRP": 24.7,
    }
    assert (samsung.status, samsung.skin_c, samsung.battery_c) == (0, 24.7, 23.8)
    pixel = read["pixel-skia-mb-therm-monitor"]
    assert (pixel.skin_c, pixel.battery_c) == (30.147001, 28.000002)
    assert pixel.sensors["cpu0-gold-usr"] == 33.800003
    tensor = read["pixel-tensor-skia-virtual-skin-soft-ocp"]
    assert tensor.skin_c is not None
    assert not {"soft_ocp_cpu1", "battery_cycle", "smpl_gm", "USB2-MINUS-QI"} & set(tensor.sensors)
    shield = read["nvidia-shield-tv-pro-2019-excerpt"]
    assert shield.sensors["GPU"] == 36.0
    assert read["pixel-fold-thresholds-elided"].skin_c == 30.65
    for name, one in read.items():
        assert all(10 < value < 80 for value in one.sensors.values()), (name, one)


def test_thermal_zones_of_mixed_units(sample):
    text = sample("03_thermal_zones/msm8953-mixed-units-minus40.txt")
    raw = [int(line) for line in text.splitlines() if re.fullmatch(r"-?\d+", line)]
    read = [
        thermal.zone_celsius(value, scale)
        for value in raw
        if (scale := thermal.zone_scale(value)) is not None
    ]
    assert len(raw) == 24
    assert len(read) == 23  # all but the -40 of an amplifier that is not there
    assert all(value is not None and 7 <= value <= 33 for value in read)


def test_gauges(sample):
    mi8 = power_supply.read_uevent(
        sample("04_power_supply/xiaomi-mi8-charging-negative-current.txt")
    )
    scale = power_supply.calibrate([int(mi8["current_now"])], mi8["status"].lower())
    assert isinstance(scale, power_supply.CurrentScale)
    assert scale.amperes(int(mi8["current_now"])) == pytest.approx(0.326171)
    assert power_supply.raw_value(mi8["voltage_qnovo"]) is None
    assert power_supply.volts(int(mi8["voltage_now"])) == pytest.approx(3.888173)
    pixel = power_supply.read_uevent(sample("04_power_supply/pixel3a-acc-not-charging-on-usb.txt"))
    assert isinstance(power_supply.calibrate([976], pixel["status"].lower()), str)
    mi6 = power_supply.read_uevent(sample("04_power_supply/xiaomi-mi6-sagit-bms-uevent.txt"))
    assert (mi6["current_now"], mi6["capacity"]) == ("-1202147", "70")


def test_rails(sample):
    text = sample("05_odpm_powerstats/pixel6-iio-device0-and-1.txt")
    rails = odpm.read_energy_value(text)
    assert rails["S10M_VDD_TPU"] == 5.578756
    assert rails["VSYS_PWR_DISPLAY"] == 81.221665
    assert len(rails) == 16


def test_properties(folder):
    socs = {}
    for name, text in folder("06_getprop").items():
        read = properties.read_properties(text)
        assert read, name
        socs[name] = properties.soc_name(read)
    assert socs["xiaomi-pad6-pipa-full"] == "QTI SM8250"
    assert socs["props-subset-huawei-mate-20"] == "kirin980"
    assert socs["props-subset-meizu-pro-7-plus"] == "MTK MT6799"
    assert socs["props-subset-galaxy-s9-global"] == "exynos9810"
    assert socs["mvt-androidqf-getprop"] is None
    full = properties.read_properties(folder("06_getprop")["xiaomi-pad6-pipa-full"])
    assert properties.model_name(full) == "Xiaomi 23043RP34G"
    assert full["ro.build.version.release"] == "14"


def test_memory(folder):
    texts = folder("07_memory")
    assert processor.read_kilobytes(texts["goadb-proc-meminfo"])["MemTotal"] == 3681628 * 1024
    status = processor.read_kilobytes(texts["xcrash-system-summary-and-proc-status-android10"])
    assert status["MemAvailable"] == 372516 * 1024
    assert processor.read_pss(texts["meminfo-game-android9-full"]) == 706328 * 1024
    assert processor.read_pss(texts["meminfo-chrome-6.0-kB-header"]) == 8828 * 1024
    assert processor.read_pss(texts["ps-androidqf"]) is None


def test_processors(folder):
    for name, text in folder("08_cpu_gpu", "proc-cpuinfo-*").items():
        assert processor.core_names(text) or "part" not in text, name
    tree = folder("08_cpu_gpu", "sysfs-tree-pixel-8*")["sysfs-tree-pixel-8"]
    first_view = tree.split("==>")[1]
    assert processor.core_names(first_view) == "4x Cortex-A510 + 4x Cortex-A715 + 1x Cortex-X3"


def test_transports(folder):
    lists = {name: answers.read_devices(text) for name, text in folder("09_adb_devices").items()}
    states = {name: [one.state for one in found] for name, found in lists.items()}
    assert states["windows-offline-then-authorizing"] == ["offline", "authorizing"]
    assert states["flutter-three-emulators-one-unauthorized"].count("unauthorized") == 1
    assert states["expo-unauthorized-then-emulator"] == ["unauthorized", "device"]
    assert states["adb-transport-error-unauthorized-text"] == []
    assert states["vim-android-nexus7-header-trailing-space"] == ["device"]
    citaq = lists["citaq-0123456789ABCDEF-usb-number-X"][0]
    assert (citaq.serial, citaq.transport_id) == ("0123456789ABCDEF", 7)
    assert citaq.tags["usb"] == "337838080X"


def test_deaths(folder):
    logs = folder("10_android_logs")
    react = logs["lmkd-react-native-oom-and-java-oom"]
    death = exits.read_log(react, 31312, "com.facebook.react.uiapp")
    assert death is not None
    assert death.signal_name == "SIGKILL"
    assert "min watermark" in death.why
    assert exits.read_log(react, 31313, "com.facebook.react.uiapp") is None
    kernel = logs["kernel-lmk-mtk-letv-three-kills"]
    assert exits.read_log(kernel, 15854, "x").signal_name == "SIGKILL"
    for name in ("kernel-lowmemorykiller-galaxy-a3-2016-eu", "kernel-lowmemorykiller-moto-g-gen2"):
        assert not any(exits.read_log(logs[name], pid, "x") for pid in range(0, 1000, 7))
    for name, package in (
        ("anr-huawei-input-dispatch", "com.example.sunxt.anrdemo"),
        ("anr-mediatek-anrmanager", "com.okayprovision.splash"),
    ):
        assert "ANR" in exits.read_log(logs[name], 1, package).why
    emulator = logs["lmkd-emulator-foreground-kills-instrumentation-death"]
    assert exits.read_log(emulator, 5126, "dev.mobile.maestro").signal_name == "SIGKILL"
    stone = exits.read_tombstone(logs["tombstone-mvt-01"], 3559)
    assert stone.signal_name == "SIGSEGV"
    named = exits.read_tombstone(logs["tombstone-process-mvt"], 25541)
    assert named.why == "its native code crashed: null pointer dereference"
    assert exits.read_tombstone(logs["tombstone-process-mvt"], 1) is None


def test_starts(folder):
    problems = {
        name: answers.start_problem(text)
        for name, text in folder("10_android_pm_am", "am-*").items()
    }
    failed = {name for name, problem in problems.items() if problem}
    prefix = "am-instrument-run-instrumentation-with-"
    assert failed == {
        prefix + "missing-package",
        prefix + "missing-runner",
        prefix + "crashed-test",
        prefix + "runner-setup-crash",
    }
