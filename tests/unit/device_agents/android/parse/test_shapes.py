"""Outputs in shapes that were written for these tests, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.android.parse import (
    answers,
    battery,
    exits,
    odpm,
    power_supply,
    processor,
    properties,
    screen,
    text,
    thermal,
)

BATTERY = """Current OPLUS Battery Service state:
  Battery current: 398
  level: 3
Current Battery Service state:
  AC powered: false
  USB powered: true
  Charge counter: 2500000
  status: 3
  health: 2
  level: 61
  scale: 100
  Capacity level: 3
  voltage: 3921
  temperature: 284
  technology: Li-poly
[EventLogBuffer]
  level: 7
"""
THERMAL = """Thermal Status: 2
Cached temperatures:
\tTemperature{mValue=90.0, mType=3, mName=old, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
%sCurrent cooling devices from HAL:
"""
ODPM = """============= PowerStats HAL 2.0 energy meter ==============
Elapsed time: 100 ms
  [VDD_BIG]:CPU   12345.67 mWs (  12.34)
  [VDD_TPU]:TPU       0.00 mWs (   0.00)
========== End of PowerStats HAL 2.0 energy meter ==========
  [NOT]:X 1.0 mWs
"""
EXITS = """ACTIVITY MANAGER PROCESS EXIT INFO (dumpsys activity exit-info)
  package: org.benchfarm.runner
    Historical Process Exit for uid=10234
      ApplicationExitInfo #0:
        timestamp=2026-11-21 01:02:03.456 pid=412 realUid=10234 packageUid=10234 user=0
        process=org.benchfarm.runner reason=5 (APP CRASH(NATIVE)) subreason=0 (UNKNOWN) status=11
        importance=100 pss=0.00 rss=0.00 description=crash state=empty trace=null
      ApplicationExitInfo #1:
        timestamp=2026-11-21 01:01:03.456 pid=400 realUid=10234 packageUid=10234 user=0
        process=org.benchfarm.runner reason=3 (LOW_MEMORY) subreason=0 (UNKNOWN) status=0
        importance=100 pss=0.00 rss=0.00 description=null state=empty trace=null
      ApplicationExitInfo #2:
        timestamp=2026-11-21 01:00:03.456 pid=399 realUid=10234 packageUid=10234 user=0
        process=org.benchfarm.runner reason=1 (EXIT_SELF) subreason=0 (UNKNOWN) status=3
"""


def test_a_makers_block_does_not_hide_androids():
    read = battery.read_battery(BATTERY)
    assert read.found.values["percent"] == 61.0
    assert read.status == "discharging"
    assert read.technology == "Li-poly"


def test_a_frozen_service_measures_nothing():
    text_ = BATTERY.replace(
        "Current Battery Service state:\n  AC",
        "Current Battery Service state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n  AC",
    )
    read = battery.read_battery(text_)
    assert read.frozen
    assert read.found.values == {}
    assert "dumpsys battery reset" in read.found.unavailable["percent"]


def test_a_localised_dump_is_a_gap_and_not_a_guess():
    read = battery.read_battery("Aktueller Zustand des Akkudienstes:\n  Füllstand: 61\n")
    assert read.found.values == {}
    assert read.plugged is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("voltage: 4", "voltage_v"),
        ("temperature: -1270", "temperature_c"),
        ("Charge counter: 1000", "charge_ah"),
        ("level: 101", "percent"),
        ("level: 99999999999999999999999", "percent"),
    ],
)
def test_absurd_numbers_are_unavailable(line, name):
    read = battery.read_battery(f"Current Battery Service state:\n  {line}\n")
    assert name not in read.found.values
    assert line.split(": ")[1] in read.found.unavailable[name]


@pytest.mark.parametrize("value", ["NaN", "0.0", "-99.9", "-127.0", "Infinity", "-40.0", "1e99"])
def test_absent_sensors_are_left_out(value):
    entry = "\tTemperature{mValue=%s, mType=3, mName=skin, mStatus=0}\n"
    read = thermal.read_thermalservice(THERMAL % (entry % value + entry % "31.5"))
    assert read.sensors == {"skin": 31.5}
    assert (read.status, read.skin_c) == (2, 31.5)


def test_an_empty_vendor_list_falls_back_to_the_cached_one():
    assert thermal.read_thermalservice(THERMAL % "").skin_c == 90.0


@pytest.mark.parametrize("raw", [0, -40, -22, -1, -40_000, -127_000, -274_000, 160_000])
def test_zones_without_a_sensor(raw):
    scale = thermal.zone_scale(raw)
    assert scale is None or thermal.zone_celsius(raw, scale) is None


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        ("cpu-1-0-usr", True),
        ("skin-therm", True),
        ("soc", False),
        ("pm8350-bcl-lvl0", False),
        ("pm8150-ibat-lvl1", False),
        ("vbat", False),
        ("soc_thermal", True),
        ("BIG", True),
        ("lmh-dcvs-00", False),
        ("", False),
    ],
)
def test_zones_that_are_no_temperature(kind, is_one):
    assert thermal.is_temperature_zone(kind) is is_one


@pytest.mark.parametrize(
    ("raw", "status", "amperes"),
    [
        (-812_000, "discharging", -0.812),
        (812_000, "discharging", -0.812),
        (-812, "discharging", -0.812),
        (305, "discharging", -0.305),
        (1_500_000, "charging", 1.5),
        (-1_500, "charging", 1.5),
    ],
)
def test_calibration(raw, status, amperes):
    scale = power_supply.calibrate([raw, raw, 0], status)
    assert scale.amperes(raw) == pytest.approx(amperes)


@pytest.mark.parametrize("status", ["full", "not charging", None])
def test_no_calibration_at_rest(status):
    assert "cannot be told" in power_supply.calibrate([1000], status)


def test_no_calibration_without_a_load():
    assert "cannot be told" in power_supply.calibrate([3, -2, 0], "discharging")
    assert power_supply.calibrate([], "charging") == "the gauge gives no number"


def test_rails_of_the_hal():
    assert odpm.read_power_stats(ODPM) == {"VDD_BIG": 12.34567, "VDD_TPU": 0.0}
    assert odpm.read_power_stats("Can't find service: x") == {}


def test_exit_records():
    assert exits.read_exit_info(EXITS, 412).signal_name == "SIGSEGV"
    low = exits.read_exit_info(EXITS, 400)
    assert (low.signal_name, "low memory" in low.why) == ("SIGKILL", True)
    assert exits.read_exit_info(EXITS, 399).returncode == 3
    assert exits.read_exit_info(EXITS, 41) is None


def test_log_of_a_java_crash():
    log = (
        "11-21 01:02:03.004  412  430 E AndroidRuntime: FATAL EXCEPTION: runner\n"
        "11-21 01:02:03.004  412  430 E AndroidRuntime: Process: org.benchfarm.runner, PID: 412\n"
        "11-21 01:02:03.004  412  430 E AndroidRuntime: java.lang.OutOfMemoryError: no \x1b[31m\n"
    )
    death = exits.read_log(log, 412, "org.benchfarm.runner")
    assert death.why == "an exception ended it: java.lang.OutOfMemoryError: no"


def test_focus():
    dump = "  mCurrentFocus=null\n  mCurrentFocus=Window{1a2b u0 org.x/org.x.Main}\n"
    assert screen.focused_window(dump) == "org.x/org.x.Main"
    assert screen.focused_window("  mCurrentFocus=Window{1a2b u0 NotificationShade}\n") == (
        "NotificationShade"
    )
    assert screen.focused_window("mCurrentFocus=null") is None
    assert screen.is_awake("  mWakefulness=Asleep\n") is False
    assert screen.is_awake("") is None


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("Performing Streamed Install\nSuccess\n", None),
        ("Failure [INSTALL_FAILED_USER_RESTRICTED: Install canceled by user]", "Install via USB"),
        ("adb: failed to install x.apk: Failure [INSTALL_FAILED_OLDER_SDK]", "Android 8"),
        ("", "no answer"),
    ],
)
def test_install(output, problem):
    said = answers.install_problem(output)
    assert said is None if problem is None else problem in said


def test_disk():
    df = (
        "Filesystem     1K-blocks  Used Available Use% Mounted on\n/dev/fuse  100 60 40 60% /data\n"
    )
    assert answers.free_bytes(df) == 40 * 1024
    assert answers.free_bytes("df: /data: No such file") is None


def test_transport_lines():
    found = answers.read_devices(
        "List of devices attached\n"
        "abc            no permissions (user in plugdev group); see [x] usb:1-2 transport_id:4\n"
        "two words      device transport_id:5\n"
        "* daemon started successfully *\n"
        "\x1b[31mred   sideload transport_id:6\n"
    )
    assert [(one.serial, one.state, one.transport_id) for one in found] == [
        ("abc", "no permissions", 4),
        ("two words", "device", 5),
        ("\x1b[31mred", "sideload", 6),
    ]


@pytest.mark.parametrize(
    "serial",
    [
        *("10.0.0.7:5555", "AB:CD", "-rf", "Größe-9", "my device", "device", "offline device 2"),
        *("(no serial number)", "a" * 40, "a phone whose name is longer than the column", "?????"),
    ],
)
@pytest.mark.parametrize("state", ["device", "unauthorized", "no permissions"])
def test_odd_serials_are_listed_whole(serial, state):
    """adb pads serials to 22 bytes."""
    padding = " " * (22 - len(serial.encode()))
    (found,) = answers.read_devices(f"{serial}{padding} {state} product:p device:d transport_id:7")
    assert (found.serial, found.state, found.transport_id) == (serial, state, 7)
    assert answers.read_devices(f"{serial}\t{state}\n") == (answers.Transport(serial, state),)


def test_device_text_is_fit_for_a_terminal():
    assert text.printable("\x1b]0;title\x07Pixel\x1b[31m \x00 8\r\n") == "Pixel 8"
    assert text.channel_part("CPU/big <b>") == "cpu_big_b"


def test_processor_files():
    assert processor.busy_ticks("cpu  1 2 3 400 5 6 7 8 0 0\ncpu0 1") == 27
    assert processor.process_ticks("12 (a) b) c) S 1 1 1 0 -1 4 0 0 0 0 30 12 0 0") == 42
    assert processor.core_list("0-3 6,8") == (0, 1, 2, 3, 6, 8)
    assert processor.clusters_text({"policy0": (4, 1704000), "policy4": (1, 2914000)}) == (
        "4x 1704 MHz + 1x 2914 MHz"
    )


SHAPES = BATTERY + THERMAL % "" + ODPM + EXITS
MORE = (
    "Temperature{mValue=1e400, mType=0, mName=a, mStatus=0}\n",
    *("[ro.a]: [b]\n", "x=y\n", "cpu 1 2 3 4 5 6 7 8 9\n", "MemTotal: 1 kB\n", "9" * 40, "\x1b["),
)
PIECES = st.sampled_from((*SHAPES.splitlines(keepends=True), *MORE))
ANYTHING = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=20))).map("".join))


@given(ANYTHING)
def test_anything_is_read_without_an_error_or_an_absurd_value(any_text):
    read = battery.read_battery(any_text)
    assert {*read.found.values, *read.found.unavailable} == {
        *("percent", "temperature_c", "voltage_v", "charge_ah")
    }
    assert 0 <= read.found.values.get("percent", 0) <= 100
    assert all(-30 < v < 150 for v in thermal.read_thermalservice(any_text).sensors.values())
    assert all(joules >= 0 for joules in odpm.read_power_stats(any_text).values())
    assert all(joules >= 0 for joules in odpm.read_energy_value(any_text).values())
    properties.soc_name(properties.read_properties(any_text))
    assert all(size >= 0 for size in processor.read_kilobytes(any_text).values())
    processor.busy_ticks(any_text)
    processor.process_ticks(any_text)
    processor.core_names(any_text)
    processor.core_list(any_text)
    power_supply.calibrate([1], any_text)
    for value in power_supply.read_uevent(any_text).values():
        power_supply.volts(power_supply.raw_value(value))
    exits.read_exit_info(any_text, 412)
    exits.read_log(any_text, 412, "org.benchfarm.runner")
    exits.read_tombstone(any_text, 412)
    screen.focused_window(any_text)
    screen.refresh_hz(any_text)
    answers.read_devices(any_text)
    answers.install_problem(any_text)
    answers.start_problem(any_text)
    answers.free_bytes(any_text)
    assert text.printable(any_text).isprintable()


@given(st.integers(-(2**63), 2**63))
def test_a_zones_value_is_a_temperature_or_nothing(raw):
    scale = thermal.zone_scale(raw)
    celsius = None if scale is None else thermal.zone_celsius(raw, scale)
    assert celsius is None or -30 < celsius < 150


def test_log_of_a_native_crash():
    log = (
        "11-21 01:02:03.004   900   900 F DEBUG   : pid: 7, tid: 7, name: other  >>> other <<<\n"
        "11-21 01:02:03.004   900   900 F DEBUG   : signal 6 (SIGABRT), code -1\n"
        "11-21 01:02:03.104   901   901 F DEBUG   : pid: 412, tid: 430, name: run  >>> org <<<\n"
        "11-21 01:02:03.104   901   901 F DEBUG   : signal 11 (SIGSEGV), code 1 (SEGV_MAPERR)\n"
    )
    assert exits.read_log(log, 412, "org").signal_name == "SIGSEGV"
    assert exits.read_log(log, 413, "org") is None
