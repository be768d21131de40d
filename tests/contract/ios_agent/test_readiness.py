"""What a person must do: ``benchfarm devices`` and ``benchfarm doctor`` say it for each phone."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from device_agents.ios.agent import IosAgent
from device_agents.ios.errors import BY_HAND
from harness.cli.devices import devices
from harness.cli.doctor import doctor
from harness.errors import DeviceUnavailable
from phones.ios.certificates import make_pair_record
from phones.ios.condition import Trust

MODE = "turn it on in Settings > Privacy & Security > Developer Mode"
IMAGE = "python -m pymobiledevice3 mounter auto-mount"
TUNNEL = "sudo python -m pymobiledevice3 remote tunneld"
OLD, TUNNELLED, NEW = "iphone12-ios16", "iphone13-ios17.0", "iphone14pro-ios17.6"


def conditions(**changes):
    """The phone's settings that differ."""

    def change(farm, phone):
        for name, value in changes.items():
            setattr(phone.condition, name, value)

    return change


def forget_hosts(farm, phone):
    """The phone was reset, or the record that this host has is another one's."""
    phone.hosts.clear()
    phone.condition.trust = Trust.ASKS


def other_key(farm, phone):
    """This host's record has the right name, and another computer's keys."""
    for name in phone.hosts:
        phone.hosts[name] = make_pair_record("another computer", "00:00:00:00:00:00")


def never_asked(farm, phone):
    forget_hosts(farm, phone)
    farm.usbmuxd.records.clear()


@pytest.fixture
def told(farm, tmp_path, monkeypatch):
    """The sighting of a phone, and what the two commands print of it."""
    monkeypatch.setenv("COLUMNS", "600")
    monkeypatch.setenv("BENCHFARM_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.cli.lab.agents", lambda: [IosAgent()])

    def look(profile, change, soon, cancel):
        simulated = farm(profile)
        simulated.call(lambda: change(simulated, simulated.phones[0]))
        (shown,) = IosAgent().discover(soon, cancel)
        listed = CliRunner().invoke(devices, [])
        checked = CliRunner().invoke(doctor, ["--results", str(tmp_path / "results")])
        assert listed.exception is None, listed.output
        return shown, listed.output, checked.output

    return look


@pytest.mark.parametrize(
    ("profile", "change", "state", "do"),
    [
        (OLD, conditions(developer_mode=False), "Developer Mode off", [MODE, BY_HAND]),
        (OLD, conditions(image_mounted=False), "no developer image", [IMAGE, BY_HAND]),
        (NEW, conditions(image_mounted=False), "no developer image", [IMAGE, BY_HAND]),
        (NEW, conditions(developer_mode=False, image_mounted=False), "Developer Mode off", [MODE]),
        (TUNNELLED, conditions(tunnel_up=False), "no tunnel", [TUNNEL, BY_HAND]),
        (
            TUNNELLED,
            conditions(image_mounted=False, tunnel_up=False),
            "no developer image, no tunnel",
            [IMAGE, TUNNEL, BY_HAND],
        ),
        (NEW, conditions(passcode_locked=True), "locked", ["unlock it and set Auto-Lock"]),
    ],
)
def test_a_phone_that_lacks_something(profile, change, state, do, told, soon, cancel):
    """It can be measured all the same, if only by hand."""
    shown, listed, checked = told(profile, change, soon, cancel)
    assert (shown.ready, shown.state) == (True, state)
    assert shown.advice.count(BY_HAND) == (BY_HAND in do or MODE in do)
    assert f"{state}, SIMULATED" in listed
    for text in do:
        assert text in listed
        assert text in checked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (never_asked, "does not trust this computer; unlock it, plug it in again and tap Trust"),
        (forget_hosts, "does not know this computer's pair record"),
        (other_key, "does not know this computer's pair record"),
    ],
)
def test_a_phone_that_does_not_trust_us(change, said, told, soon, cancel):
    shown, listed, checked = told(NEW, change, soon, cancel)
    assert (shown.ready, shown.state) == (False, "not trusted")
    assert said in listed
    assert said in checked
    assert "PROBLEM" in checked


def test_a_call_to_a_phone_of_other_keys(farm, opened, soon, cancel):
    simulated = farm(NEW)
    simulated.call(lambda: other_key(simulated, simulated.phones[0]))
    with pytest.raises(DeviceUnavailable, match="does not know this computer's pair record"):
        opened(simulated).state(soon, cancel)


@pytest.mark.parametrize("profile", [OLD, TUNNELLED, NEW])
def test_a_phone_that_lacks_nothing(profile, told, soon, cancel):
    shown, listed, _ = told(profile, conditions(), soon, cancel)
    assert (shown.ready, shown.state, shown.advice) == (True, "ready", "")
    assert "ready, SIMULATED" in listed


def test_without_tunneld_itself(told, soon, cancel, monkeypatch):
    def no_tunneld(farm, phone):
        monkeypatch.setenv("BENCHFARM_TUNNELD", "127.0.0.1:9")

    assert TUNNEL in told(TUNNELLED, no_tunneld, soon, cancel)[0].advice
    monkeypatch.setenv("BENCHFARM_TUNNELD", "nowhere")
    (shown,) = IosAgent().discover(soon, cancel)
    assert (shown.state, shown.advice) == (
        "not set up",
        "BENCHFARM_TUNNELD is HOST:PORT of a running tunneld",
    )
