"""What iPhones, their hosts and their packages may have that nobody expects."""

from __future__ import annotations

import plistlib
import zipfile

import pytest
from click.testing import CliRunner

from device_agents.ios.agent import IosAgent
from device_agents.ios.install import package_at
from harness.cli.devices import devices
from harness.errors import DeviceUnavailable, UserError
from harness.scenario import Prepare
from phones.ios.battery import battery_registry
from phones.ios.packages import make_ipa
from phones.ios.values import _DOMAINS, values

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own
ODD = '<script>alert(1)</script>\N{PILE OF POO}\x1b[31m"&\u202e'


def every_key(phone):
    """All keys of lockdownd's values in all domains, and of the battery's registry entry."""
    found = set(battery_registry(phone))
    for domain in _DOMAINS:
        found |= set(values(phone, domain))
    return sorted(found)


@pytest.mark.parametrize("profile", ["iphone8-ios15", "iphone13-ios17.0", "iphone17pro-ios26"])
def test_any_key_may_be_missing(profile, farm, soon, cancel):
    simulated = farm(profile)
    phone = simulated.phones[0]
    agent, refused = IosAgent(), set()
    for key in every_key(phone):
        phone.condition.missing_keys = {key}
        (shown,) = agent.discover(soon, cancel)
        device = agent.open(shown.device_id)
        try:
            device.facts(soon, cancel)
            device.state(soon, cancel)
            device.telemetry(1.0).poll(final=True)
        except DeviceUnavailable:
            refused.add(key)
        finally:
            device.close()
        assert shown.ready == (key not in refused), key
    assert refused == {"ProductVersion"}  # nobody knows how to talk to such a phone


def test_any_key_of_a_pair_record_may_be_missing(farm, soon, cancel):
    simulated = farm()
    records = simulated.usbmuxd.records
    ((udid, whole),) = records.items()
    for key in plistlib.loads(whole):
        left = {name: value for name, value in plistlib.loads(whole).items() if name != key}
        records[udid] = plistlib.dumps(left)
        (shown,) = IosAgent().discover(soon, cancel)
        assert shown.ready or shown.advice, key


def test_phones_of_one_name_are_told_apart(farm, soon, cancel, monkeypatch):
    simulated = farm("iphone15-ios18", "iphone15-ios18", names=[ODD, ODD])
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("harness.cli.lab.agents", lambda: [IosAgent()])
    shown = IosAgent().discover(soon, cancel)
    assert len({one.name for one in shown}) == 1
    assert {one.device_id for one in shown} == {f"ios:{phone.udid}" for phone in simulated.phones}
    listed = CliRunner().invoke(devices, []).output
    assert all(phone.udid in listed for phone in simulated.phones)
    assert "\x1b" not in listed
    assert "\u202e" not in listed


def test_a_phone_over_usb_and_wifi_is_used_over_usb(farm, opened, one_trial, soon, cancel):
    simulated = farm("iphone12-ios16", network=[0])
    device = opened(simulated)
    assert device.facts(soon, cancel).values["connection"] == "usb"
    assert one_trial(device, Prepare())[1].facts["runner"] == "ios"


def broken_info(data):
    def make(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("Payload/Runner.app/Info.plist", data)

    return make


def with_key(**changes):
    info = {"CFBundleIdentifier": "org.benchfarm.runner", "CFBundleVersion": "1"} | changes
    left = {key: one for key, one in info.items() if one is not None}
    return broken_info(plistlib.dumps(left, fmt=plistlib.FMT_BINARY))


def cut_off(path):
    path.write_bytes(make_ipa(path).read_bytes()[:-40])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b""), r"is no \.ipa"),
        (lambda path: path.write_text("<html>not found</html>"), r"is no \.ipa"),
        (lambda path: path.mkdir(), r"is no \.ipa"),
        (lambda path: None, r"is no \.ipa: .*No such file"),
        (cut_off, r"is no \.ipa"),
        (lambda path: zipfile.ZipFile(path, "w").close(), r"is no \.ipa: no app in it"),
        (broken_info(b"<?xml version='1.0'?><plist><dict>"), r"is no \.ipa"),
        (broken_info(b"bplist00\xff\xff"), r"is no \.ipa"),
        (broken_info(plistlib.dumps(["a list"])), r"is no \.ipa"),
        (with_key(CFBundleIdentifier=None), "holds nothing, not org"),
        (with_key(CFBundleIdentifier="<b>\x1b[2J"), "holds .*, not org"),
    ],
)
def test_packages_that_are_none(make, said, tmp_path):
    path = tmp_path / "x.ipa"
    make(path)
    with pytest.raises(UserError, match=said) as caught:
        package_at(path)
    assert str(caught.value).isprintable()


def test_a_package_without_a_version(tmp_path):
    with_key(CFBundleVersion=None)(tmp_path / "x.ipa")
    assert package_at(tmp_path / "x.ipa").version == ""
