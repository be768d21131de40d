"""Healthy iPhones: everything the conductor asks of a device."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os

import pytest

from device_agents.ios import agent as agent_module
from device_agents.ios.agent import IosAgent, sighting
from device_agents.ios.device import IosDevice
from harness import channels
from harness.errors import CapabilityMissing, DeviceError, DeviceUnavailable, UserError
from harness.scenario import Prepare
from harness.wire import messages as m
from phones.ios.apps import RUNNER_BUNDLE
from phones.ios.packages import make_ipa
from phones.ios.profiles import PROFILES

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own
HAND = Prepare(start="by_hand")


def test_discovery_merges_usb_and_network(farm, soon, cancel):
    odd = '<b>\N{PILE OF POO} "&\u202e'
    simulated = farm(*["iphone15-ios18"] * 3, names=[odd, odd, ""], network=[1])
    shown = IosAgent().discover(soon, cancel)
    assert {one.device_id for one in shown} == {f"ios:{phone.udid}" for phone in simulated.phones}
    assert all(one.ready and one.name.isprintable() for one in shown)
    assert min(one.name for one in shown) == "iPhone 15"


def test_phones_that_are_not_ready_say_what_to_do(farm, soon, cancel):
    simulated = farm("iphone15-ios18", "iphone12-ios16", paired=False)
    simulated.fault(0, "unauthorized@now")
    shown = IosAgent().discover(soon, cancel)
    assert [one.ready for one in shown] == [False, False]
    assert all("tap Trust" in one.advice for one in shown)


def test_a_phone_of_another_hosts_pairing(farm, soon, cancel):
    simulated = farm()
    simulated.call(simulated.phones[0].hosts.clear)
    (shown,) = IosAgent().discover(soon, cancel)
    assert (shown.ready, shown.state) == (False, "not trusted")


def test_a_phone_that_says_nothing(farm, monkeypatch):
    monkeypatch.setattr(agent_module, "_IDENTIFY_S", 0.5)
    simulated = farm()
    simulated.fault(0, "freeze@now")
    shown = sighting(asyncio.run(agent_module._identify(simulated.phones[0].udid)))
    assert (shown.ready, shown.state) == (False, "silent")
    assert shown.advice.endswith("unlock it, plug it in again, or restart it")


def test_without_usbmuxd(monkeypatch, soon, cancel):
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", "127.0.0.1:9")
    assert IosAgent().discover(soon, cancel) == ()
    monkeypatch.delenv("USBMUXD_SOCKET_ADDRESS")
    monkeypatch.setattr("device_agents.ios.agent._SOCKET", "/no/such/socket")
    assert "apt install usbmuxd" in IosAgent().hint()


def test_without_the_library(monkeypatch, farm, soon, cancel):
    farm()
    monkeypatch.setattr("device_agents.ios.agent._has_library", lambda: False)
    assert IosAgent().discover(soon, cancel) == ()
    assert "pip install 'benchfarm[ios]'" in IosAgent().hint()
    with pytest.raises(DeviceUnavailable, match=r"benchfarm\[ios\]"):
        IosAgent().open("ios:1")


@pytest.mark.parametrize("profile", PROFILES)
def test_facts_and_state(profile, farm, opened, soon, cancel):
    simulated = farm(profile)
    expected = PROFILES[profile]
    device = opened(simulated)
    facts = device.facts(soon, cancel)
    assert facts.values["simulated"] is True
    assert facts.values["model"] == expected.marketing_name
    assert facts.values["ram_bytes"] == expected.memory_bytes
    assert facts.values["os"] == expected.ios
    assert facts.values["developer_services"] == expected.tunnel
    assert facts.values["developer_image"] is True
    if profile == "iphone8-ios15":
        assert "before 16" in facts.unavailable["developer_mode"]
    else:
        assert facts.values["developer_mode"] is True
    state = device.state(soon, cancel)
    assert state.values[channels.BATTERY_PERCENT] == 80
    assert 20 < state.values[channels.BATTERY_TEMPERATURE] < 40
    assert state.values["battery.status"] == "charging"
    assert 0 < state.values[channels.FOREIGN_CPU] < 10
    assert "SpringBoard 0 %" in state.values["busiest"]


def test_who_works_is_asked_of_developer_services_only(farm, opened, soon, cancel):
    simulated = farm("iphone12-ios16")
    simulated.fault(0, "developer-off@now")
    state = opened(simulated).state(soon, cancel)
    assert "Developer Mode" in state.unavailable[channels.FOREIGN_CPU]
    assert "busiest" not in state.values
    assert state.values[channels.BATTERY_PERCENT] == 80


@pytest.mark.parametrize("profile", PROFILES)
def test_a_trial_by_developer_services(profile, farm, opened, one_trial):
    simulated = farm(profile)
    device = opened(simulated)
    for _ in range(2):
        unmet, ready, packets = one_trial(device, Prepare())
        assert unmet == ()
        assert ready.facts["runner"] == "ios"
        assert [type(packet.message) for packet in packets] == [m.BlockDone, m.Done]
        assert simulated.phones[0].apps[RUNNER_BUNDLE].process is None


def test_phones_take_turns_with_the_tunnel(farm, opened, one_trial):
    simulated = farm("iphone15-ios18", "iphone17pro-ios26")
    devices = [opened(simulated, number) for number in range(2)]
    for device in devices * 2:
        assert one_trial(device, Prepare())[1].facts["runner"] == "ios"


def test_by_hand_needs_no_developer_services(farm, opened, one_trial):
    simulated = farm("iphone13-ios17.0")
    simulated.fault(0, "developer-off@now")
    simulated.open_app(0)
    device = opened(simulated)
    processes = [one_trial(device, HAND)[1].facts["process"] for _ in range(2)]
    assert processes[0] == processes[1]
    simulated.open_app(0)
    assert one_trial(device, HAND)[1].facts["process"] != processes[0]


def test_nobody_opens_the_app(farm, opened, within, cancel):
    device = opened(farm())
    device.prepare(HAND, within(20), cancel)
    runner = device.launch("tflite", within(20), cancel)
    with pytest.raises(DeviceUnavailable, match="open the app benchfarm on the phone"):
        runner.connect(within(0.3), cancel)


def test_a_file_is_sent_once(farm, opened, model, soon, cancel):
    simulated = farm()
    device = opened(simulated)
    device.prepare(Prepare(), soon, cancel)
    path, digest = model(9_000_001)
    assert device.push(path, digest, soon, cancel) is True
    assert device.push(path, digest, soon, cancel) is False
    there = simulated.phones[0].apps[RUNNER_BUNDLE].documents / "models"
    assert [one.name for one in there.iterdir()] == [digest]
    assert hashlib.sha256((there / digest).read_bytes()).hexdigest() == digest


def test_a_file_that_is_not_what_it_says(farm, opened, model, soon, cancel):
    simulated = farm()
    device = opened(simulated)
    path, _ = model()
    with pytest.raises(DeviceError, match="another SHA-256"):
        device.push(path, "0" * 64, soon, cancel)
    models = simulated.phones[0].apps[RUNNER_BUNDLE].documents / "models"
    assert list(models.iterdir()) == []
    with pytest.raises(DeviceError, match="cannot read"):
        device.push(path.with_name("none"), "0" * 64, soon, cancel)


def test_half_sent_files_are_removed(farm, opened, soon, cancel):
    simulated = farm()
    models = simulated.phones[0].apps[RUNNER_BUNDLE].documents / "models"
    models.mkdir()
    (models / "x.part").write_bytes(b"1")
    opened(simulated).prepare(Prepare(), soon, cancel)
    assert list(models.iterdir()) == []


def test_settings_that_nobody_can_make(farm, opened, soon, cancel):
    wanted = Prepare(brightness_percent=50, start="instrumentation", animations=False)
    unmet = opened(farm()).prepare(wanted, soon, cancel)
    assert [item.partition(":")[0] for item in unmet] == ["brightness_percent", "start"]


def test_readings_come_once_per_update(farm, opened):
    now = [1000.0]
    simulated = farm("iphone14pro-ios17.6", seconds=lambda: now[0])
    simulated.phones[0].physics.set_plugged(False)
    now[0] += 40
    telemetry = opened(simulated).telemetry(1.0)
    first = {one.channel: one.value for one in telemetry.poll()}
    assert first[channels.BATTERY_CURRENT] < 0  # it came as 16 bits without a sign
    assert first[channels.BATTERY_PLUGGED] == 0
    now[0] += 3
    assert telemetry.poll(final=True) == []
    now[0] += 60
    later = {one.channel: one.value for one in telemetry.poll(final=True)}
    assert 0.1 < later[channels.power("system_load")] < 10
    known = {one.name: one.unavailable for one in telemetry.channels()}
    assert known[channels.BATTERY_TEMPERATURE] is None
    assert "only the runner app" in known[channels.THERMAL_STATUS]


@pytest.mark.parametrize(
    "key", ["Temperature", "UpdateTime", "PowerTelemetryData", "IsCharging", "Voltage",
            "InstantAmperage", "ExternalConnected", "ProductType",
            "BuildVersion", "DeviceName", "DesignCapacity", "DeveloperModeStatus"],
)  # fmt: skip
def test_a_missing_key(key, farm, opened, soon, cancel):
    simulated = farm("iphone15-ios18")
    simulated.phones[0].condition.missing_keys.add(key)
    agent = IosAgent()
    assert len(agent.discover(soon, cancel)) == 1
    device = opened(simulated)
    device.facts(soon, cancel)
    device.state(soon, cancel)
    assert len(device.telemetry(1.0).channels()) > 8


def test_without_a_version_nobody_knows_how_to_talk_to_it(farm, opened, soon, cancel):
    simulated = farm("iphone15-ios18")
    simulated.phones[0].condition.missing_keys.add("ProductVersion")
    (shown,) = IosAgent().discover(soon, cancel)
    assert not shown.ready
    with pytest.raises(DeviceUnavailable):
        opened(simulated).facts(soon, cancel)


def test_a_missing_app(farm, opened, soon, cancel):
    simulated = farm()
    simulated.call(lambda: simulated.phones[0].uninstall(RUNNER_BUNDLE))
    with pytest.raises(CapabilityMissing, match="BENCHFARM_IPA"):
        opened(simulated).prepare(Prepare(), soon, cancel)


def test_the_app_is_installed_and_upgraded(
    farm, opened, one_trial, soon, cancel, tmp_path, monkeypatch
):
    simulated = farm()
    phone = simulated.phones[0]
    simulated.call(lambda: phone.uninstall(RUNNER_BUNDLE))
    for version in ("1", "2"):
        path = make_ipa(tmp_path / f"{version}.ipa", version=version, udids=[phone.udid])
        monkeypatch.setenv("BENCHFARM_IPA", str(path))
        device = opened(simulated)
        assert one_trial(device, Prepare())[1].facts["runner"] == "ios"
        assert phone.apps[RUNNER_BUNDLE].version == version
    phone.requests.clear()
    opened(simulated).prepare(Prepare(), soon, cancel)
    assert "installation_proxy Install" not in phone.requests
    assert "installation_proxy Upgrade" not in phone.requests


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"signed": False}, "not signed"),
        ({"udids": ["another phone"]}, "does not name this phone"),
        ({"team": "OTHERTEAM1"}, "another team's runner"),
        ({"minimum_ios": "99.0"}, "later iOS"),
    ],
)
def test_a_package_that_ios_refuses(
    options, said, farm, opened, soon, cancel, tmp_path, monkeypatch
):
    simulated = farm()
    monkeypatch.setenv("BENCHFARM_IPA", str(make_ipa(tmp_path / "x.ipa", version="7", **options)))
    with pytest.raises(DeviceError, match=said) as caught:
        opened(simulated).prepare(Prepare(), soon, cancel)
    assert "\n" not in str(caught.value)
    assert list((simulated.phones[0].folder / "media").rglob("*.ipa")) == []


def test_a_package_that_is_none(farm, opened, soon, cancel, tmp_path, monkeypatch):
    simulated = farm()
    path = tmp_path / "x.ipa"
    path.write_text("no zip")
    monkeypatch.setenv("BENCHFARM_IPA", str(path))
    with pytest.raises(UserError, match=r"is no \.ipa"):
        opened(simulated).prepare(Prepare(), soon, cancel)
    make_ipa(path, bundle_id="com.example.other")
    with pytest.raises(UserError, match=r"holds com\.example\.other"):
        opened(simulated).prepare(Prepare(), soon, cancel)


def test_a_capture_is_scrubbed_and_replayed(farm, opened, soon, cancel, tmp_path):
    simulated = farm("iphone17pro-ios26", names=["Somebody's iPhone"])
    phone = simulated.phones[0]
    answers = IosAgent().capture(f"ios:{phone.udid}", soon, cancel)
    text = json.dumps(answers)
    for private in (phone.udid, "Somebody", str(phone.ecid), "SIM000000"):
        assert private not in text
    path = tmp_path / "real.json"
    path.write_text(text)
    again = farm(path)
    device = IosAgent().open(f"ios:{again.phones[0].udid}")
    assert device.facts(soon, cancel).values["model"] == "iPhone 17 Pro"
    device.close()
    assert isinstance(device, IosDevice)
    assert os.environ["HOME"].endswith("home")
