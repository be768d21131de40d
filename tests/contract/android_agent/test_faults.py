"""One seed of the fault campaign; all of it is in tests/benchmarks/android_faults.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.android import install, sync
from device_agents.android import phone as phone_module
from harness.conductor import conductor, measure, session
from harness.errors import DeviceTimeout
from harness.record import Cause
from harness.scenario import Prepare, SingleStream, Warmup
from tests.benchmarks import _android, android_faults


def _can_rank():
    """Whether processes here have the score of one in front, as a phone's app has."""
    return Path("/proc/self/oom_score_adj").read_text().strip() == "0"


PASSING = (
    ("drop-link", "push"),
    ("drop-link=1", "measure"),
    ("freeze=1", "load"),
)
LASTING = (
    ("reboot", "acquire"),
    ("vanish", "measure"),
    ("out-of-memory", "measure"),
    ("crash", "warm"),
    ("storage-full", "push"),
    ("prompt", "acquire"),
    ("popup", "measure"),
    ("unauthorized", "prepare"),
)


@pytest.fixture
def impatient(monkeypatch):
    """The limits of a trial in seconds, as the campaign sets them for good."""
    names = [
        *((conductor, name) for name in vars(conductor) if name.endswith("_TIMEOUT_S")),
        *((measure, name) for name in ("SILENCE_S", "PING_TIMEOUT_S")),
        (session, "_REATTACH_S"),
        (phone_module, "PATIENCE_S"),
        (sync, "STALL_S"),
    ]
    for module, name in names:
        monkeypatch.setattr(module, name, getattr(module, name))
    _android.be_impatient()


@pytest.fixture
def bench(lab):
    with _android.bench(lab) as made:
        yield made


@pytest.mark.parametrize(("fault", "when"), PASSING, ids=lambda text: text)
def test_a_fault_that_passes_costs_no_trial(bench, phone, fault, when):
    result = android_faults.run_one(bench, phone, fault, when)
    assert result.problems == ()
    assert result.record.failure is None


@pytest.mark.parametrize(("fault", "when"), LASTING, ids=lambda text: text)
def test_a_fault_is_a_record_and_the_next_trial_works(impatient, bench, phone, fault, when):
    result = android_faults.run_one(bench, phone, fault, when)
    assert result.problems == ()
    if fault in ("out-of-memory", "crash"):
        failure = result.record.failure
        assert failure.cause is Cause.CRASHED
        assert failure.signal_name == ("SIGKILL" if fault == "out-of-memory" else "SIGSEGV")
        assert "the phone says" in failure.log_tail
    if fault == "vanish":
        assert result.record.failure.cause is Cause.OFFLINE


def test_what_covers_the_app_is_seen_and_kept_as_a_picture(impatient, bench, phone):
    device = bench.open(phone)
    phone.fault("popup@phase:block:2")
    record = bench.trial(device)
    device.close()
    assert record.failure is None
    covered = next(one for one in record.channels if one.name == "device.covered")
    assert covered.unavailable is None
    assert record.state_after.values["foreground"].startswith("com.android.updater")
    assert "APP-COVERED" in {item.id for item in record.findings}
    (picture,) = bench.folder.rglob("screen.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not _can_rank(), reason="this machine ranks its processes higher than 0")
def test_what_covers_the_app_for_a_moment_is_seen_and_its_blocks_are_done_again(
    impatient, bench, phone
):
    device = bench.open(phone)
    phone.fault("popup=0.5@phase:block:4")
    warmup = Warmup(rule="fixed", min_seconds=0, min_inferences=3)
    record = bench.trial(device, SingleStream(warmup, min_seconds=3, min_inferences=1), rate_hz=20)
    device.close()
    assert record.failure is None
    assert not record.state_after.values["foreground"].startswith("com.android.updater")
    (seen,) = (item for item in record.findings if item.id == "APP-COVERED")
    assert "went again" in seen.seen
    assert record.metrics["repeated_percent"] > 0
    assert list(bench.folder.rglob("screen.png"))


@pytest.fixture
def hasty_installation(monkeypatch):
    monkeypatch.setattr(install, "INSTALL_TIMEOUT_S", 2.0)


def test_an_installation_nobody_confirms_says_so(
    agent, well, lab, soon, within, cancel, hasty_installation
):
    phone = lab.phones[1]
    well(phone)
    for package in phone.report()["packages"]:
        lab.adb("uninstall", package, phone=phone)
    phone.fault("prompt@now")
    device = agent.open(f"android:{phone.serial}")
    device._store.make(soon, cancel)
    with pytest.raises(DeviceTimeout, match="allow installing over USB") as raised:
        device.launch("tflite", within(20), cancel)
    assert f"android:{phone.serial}" in str(raised.value)
    device.close()
    well(phone)


@pytest.mark.parametrize("start", ["activity", "instrumentation", "app_process"])
def test_a_trial_by_every_start(bench, phone, start):
    phone.forget()
    device = bench.open(phone)
    record = bench.trial(device, None, Prepare(start=start))
    device.close()
    assert record.failure is None
    assert record.runner["start"] == start
    assert phone.report()["unexpected"] == []
    assert phone.report()["runners"] == {}
