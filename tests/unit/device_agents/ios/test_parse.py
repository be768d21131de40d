"""Plists, reports and error texts of iPhones: recorded shapes, and anything at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.ios.capture import scrubbed
from device_agents.ios.facts import battery_readings, state_from
from device_agents.ios.parse.battery import (
    MOST_CURRENT_MA,
    Accumulator,
    Battery,
    folded,
    read_battery,
)
from device_agents.ios.parse.installation import install_problem
from device_agents.ios.parse.models import MODELS
from device_agents.ios.parse.processes import foreign_load
from device_agents.ios.parse.reports import Death, read_log_line, read_report
from device_agents.ios.parse.values import device_facts, ios_version, model_name, tunnel_kind

SAMPLES = Path(__file__).resolve().parents[5] / "shared/phone_outputs/11_ios"
#: Anything that a plist can hold.
PLIST = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
REGISTRY = {
    "Temperature": 2540,
    "InstantAmperage": (1 << 64) - 347,
    "Voltage": 4123,
    "CurrentCapacity": 80,
    "AppleRawCurrentCapacity": 2252,
    "NominalChargeCapacity": 2674,
    "DesignCapacity": 2815,
    "CycleCount": 120,
    "IsCharging": False,
    "ExternalConnected": False,
    "FullyCharged": False,
    "UpdateTime": 1_790_000_000,
    "PowerTelemetryData": {"AccumulatedSystemLoad": 9000, "SystemLoadAccumulatorCount": 3},
}


def sample(name):
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("needs the recorded outputs of phones")
    return path.read_text(encoding="utf-8", errors="replace")


def test_a_battery():
    battery = read_battery(REGISTRY)
    assert (battery.temperature_c, battery.current_a, battery.voltage_v) == (25.4, -0.347, 4.123)
    assert (battery.percent, battery.charge_ah, battery.cycles) == (80.0, 2.252, 120)
    assert battery.health_percent == pytest.approx(95.0, abs=0.1)
    assert battery.status == "discharging"
    assert battery.load == Accumulator(9000, 3)
    assert battery_readings(battery)["power.battery_w"] == pytest.approx(-0.347 * 4.123)


@given(st.integers(-MOST_CURRENT_MA, MOST_CURRENT_MA), st.sampled_from([16, 32, 64]))
def test_a_sign_that_got_lost(current, bits):
    if bits == 16 and not -(1 << 15) <= current <= (1 << 15) - 1:
        return
    assert folded(current % (1 << bits)) == current


@given(st.integers())
def test_no_current_is_invented(raw):
    value = folded(raw)
    assert value is None or abs(value) <= MOST_CURRENT_MA


@pytest.mark.parametrize("key", REGISTRY)
def test_a_missing_key_is_no_zero(key):
    whole, less = (
        battery_readings(read_battery(registry))
        for registry in (REGISTRY, {name: REGISTRY[name] for name in REGISTRY if name != key})
    )
    for name, value in less.items():
        assert value is None or value == whole[name]


@given(st.dictionaries(st.sampled_from(sorted(REGISTRY)), PLIST))
def test_any_registry(registry):
    state = state_from(read_battery(registry), None)
    assert all(isinstance(value, float | str) for value in state.values.values())
    assert not set(state.values) & set(state.unavailable)


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"IsCharging": True, "ExternalConnected": True}, "charging"),
        ({"IsCharging": False, "ExternalConnected": True}, "not charging"),
        ({"IsCharging": False, "ExternalConnected": True, "FullyCharged": True}, "full"),
        ({"ExternalConnected": False}, "discharging"),
        ({}, None),
    ],
)
def test_what_the_battery_does(keys, status):
    assert read_battery(keys).status == status


def test_mean_load_between_updates():
    assert Accumulator(9000, 3).mean_w(Accumulator(1000, 1)) == 4.0
    assert Accumulator(9000, 3).mean_w(Accumulator(9000, 3)) is None
    assert Accumulator(10, 1).mean_w(Accumulator(9000, 3)) is None  # the phone restarted


def test_an_old_phones_values():
    lines = sample("ideviceinfo-iphone7-ios13.3.1.txt").splitlines()
    values = dict(line.split(": ", 1) for line in lines if ": " in line and line[0] != " ")
    told = device_facts(values, {})
    assert told.values["os"] == "13.3.1"
    assert told.values["model"].startswith("iPhone 7")
    assert told.values["simulated"] is False
    assert told.values["developer_services"] == "lockdown"
    assert "before 16" in told.unavailable["developer_mode"]


@given(
    st.dictionaries(
        st.sampled_from(["ProductType", "ProductVersion", "BuildVersion", "HardwarePlatform"]),
        PLIST,
    ),
    st.dictionaries(st.just("DeveloperModeStatus"), PLIST),
)
def test_any_values(values, amfi):
    told = device_facts(values, amfi)
    assert not set(told.values) & set(told.unavailable)
    for value in told.values.values():
        assert not isinstance(value, str) or value.isprintable()


def test_models():
    assert MODELS["iPhone15,4"].name == "iPhone 15"
    assert model_name({"ProductType": "iPhone99,1"}) == "iPhone99,1"
    assert model_name({}) is None


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("16.7.10", "lockdown"),
        ("17.0", "privileged"),
        ("17.3.1", "privileged"),
        ("17.4", "userspace"),
        ("26.0.1", "userspace"),
    ],
)
def test_how_developer_services_are_reached(version, kind):
    assert tunnel_kind(ios_version({"ProductVersion": version})) == kind


def test_a_recorded_jetsam_event_names_who_was_killed():
    text = sample("jetsam-ips-iphone12-ios15.5.txt")
    assert read_report(text, 85307) is None  # the sample is cut off
    entry = sample("jetsam-process-entry-per-process-limit.txt").strip().rstrip(",")
    body = {"memoryStatus": {"pageSize": 16384}, "processes": [json.loads(entry)]}
    report = "{}\n" + json.dumps(body)
    death = read_report(report, 4624)
    assert death.signal_name == "SIGKILL"
    assert death.why == (
        "killed by iOS with 15 MiB: over the memory limit of an app (per-process-limit)"
    )
    assert read_report(report, 1) is None


def test_a_recorded_crash_report():
    text = sample("ips-309-crash-iphone18-ios26.3.1-head.txt")
    assert read_report(text, 2415) is None  # only its head was recorded
    body = {
        "pid": 2415,
        "exception": {"type": "EXC_BAD_ACCESS", "signal": "SIGSEGV"},
        "termination": {"namespace": "SIGNAL", "code": 11, "indicator": "Segmentation fault: 11"},
    }
    death = read_report("{}\n" + json.dumps(body), 2415)
    assert death == Death("crashed: EXC_BAD_ACCESS, Segmentation fault: 11", "SIGSEGV")
    del body["exception"]
    assert read_report("{}\n" + json.dumps(body), 2415).signal_name == "SIGSEGV"
    body["termination"] = {"namespace": "SPRINGBOARD", "code": 2343432205}
    assert read_report("{}\n" + json.dumps(body), 2415) == Death("crashed", None, 2343432205)


def test_recorded_log_lines():
    lines = sample("syslog-jetsam-pythonista-ipad.txt").splitlines()
    deaths = [death for line in lines if (death := read_log_line(line, 2776))]
    assert [death.signal_name for death in deaths] == ["SIGKILL"]
    assert not any(read_log_line(line, 277) for line in lines)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*")) or ["none"])
def test_no_sample_upsets_a_reader(name):
    text = sample(name)
    read_report(text, 1)
    for line in text.splitlines():
        read_log_line(line, 1)
    assert "\n" not in install_problem(text)


@given(st.text() | PLIST.map(lambda value: "{}\n" + json.dumps(value, default=str)))
def test_any_report(text):
    for death in (read_report(text, 1), read_log_line(text, 1)):
        assert death is None or death.why.isprintable()


@given(PLIST, st.integers(0, 2))
def test_any_jetsam_event(value, pid):
    body = {"memoryStatus": value, "processes": [value, {"pid": 1, "reason": value}]}
    read_report("{}\n" + json.dumps(body, default=str), pid)
    crash = {"pid": 1, "exception": value, "termination": value}
    read_report("{}\n" + json.dumps(crash, default=str), pid)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("ApplicationVerificationFailed: /x : 0xe8008015 (A valid", "no provisioning profile that"),
        ("ApplicationVerificationFailed: 0xe800801c (No code signature found.)", "not signed"),
        ("MismatchedApplicationIdentifierEntitlement: Upgrade's application-identifier", "team"),
        ("PackageExtractionFailed: Could not extract archive", "is no .ipa"),
        ("Unheard: of", "the phone said: Unheard: of"),
        ("", "no reason"),
    ],
)  # fmt: skip
def test_installation_problems(said, advice):
    assert advice in install_problem(said)


@given(st.dictionaries(st.text(), PLIST))
def test_any_recording_is_json(values):
    json.dumps(scrubbed(values))


def test_what_a_recording_hides():
    text = json.dumps(
        scrubbed(
            {
                "SerialNumber": "ABCDEF",
                "DeviceName": "Anna's iPhone",
                "UniqueChipID": 123456,
                "Note": "mail anna@example.com, 00008110-0011223344556677, 02:00:00:aa:bb:cc",
                "Raw": b"\x01\x02",
                "ProductType": "iPhone14,5",
            }
        )
    )
    for private in ("ABCDEF", "Anna", "123456", "anna@", "0011223344556677", "aa:bb"):
        assert private not in text
    assert '"$hex": "0102"' in text
    assert "iPhone14,5" in text


def test_an_unknown_battery_says_nothing():
    assert set(battery_readings(Battery()).values()) == {None}


def test_who_else_works():
    """As pymobiledevice3 gives sysmontap's rows: a first sample has no use to tell."""

    def process(pid, name, use):
        return {"pid": pid, "name": name, "cpuUsage": use}

    rows = [
        process(0, "kernel_task", 3.5),
        process(41, "backboardd", 12),
        process(61, "photoanalysisd", 140.25),
        process(70, "mediaanalysisd\x1b[31m", 20.0),
        process(80, "sysmond", 30.0),
        process(90, "runner", 99.0),
        process(91, None, None),
        process(92, "odd", float("nan")),
    ]
    percent, busiest = foreign_load(rows, {90})
    assert percent == pytest.approx(175.75)
    assert busiest.startswith("photoanalysisd 140 %, mediaanalysisd")
    assert busiest.endswith(", backboardd 12 %")
    assert "\x1b" not in busiest
    assert foreign_load([process(91, "first", None)], ()) is None
    assert foreign_load([], ()) is None
