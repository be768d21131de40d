"""The iPhone agent against simulated iPhones; nothing is written outside the test's folder."""

from __future__ import annotations

import hashlib
import os

import pytest

from device_agents.ios.agent import IosAgent
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conductor.session import RunnerSession
from harness.wire import messages as m
from phones.ios.farm import Farm


@pytest.fixture
def farm(tmp_path, monkeypatch):
    """Makes a farm by profiles; this process talks to it."""
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")
    made = []

    def make(*profiles, **options):
        one = Farm(tmp_path / "farm", profiles or ["iphone12-ios16"], **options)
        one.start()
        made.append(one)
        for name, value in one.environment.items():
            monkeypatch.setenv(name, value)
        return one

    yield make
    for one in made:
        one.stop()
        assert [phone.unexpected for phone in one.phones] == [[] for _ in one.phones]
        assert [path for path in (tmp_path / "farm/home").rglob("*") if path.is_file()] == []


@pytest.fixture
def opened(farm):
    """Opens the device of the first phone of a farm."""
    devices = []

    def take(simulated, number=0):
        device = IosAgent().open(f"ios:{simulated.phones[number].udid}")
        devices.append(device)
        return device

    yield take
    for device in devices:
        device.close()


@pytest.fixture
def within():
    return lambda seconds: Deadline(SystemClock(), seconds)


@pytest.fixture
def soon(within):
    return within(30)


@pytest.fixture
def cancel():
    return CancelToken()


@pytest.fixture
def model(tmp_path):
    """A file to push, with its digest."""

    def make(size=1_000_000):
        path = tmp_path / "model.bin"
        path.write_bytes(os.urandom(size))
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    return make


@pytest.fixture
def one_trial(model, cancel, within):
    """Everything a trial asks of a device, with a short program."""

    def run(device, wanted):
        path, digest = model(16)
        unmet = device.prepare(wanted, within(30), cancel)
        device.push(path, digest, within(30), cancel)
        runner = device.launch("tflite", within(30), cancel)
        session = RunnerSession(device.device_id, runner, SystemClock())
        try:
            ready = session.open(within(30), cancel)
            session.load(m.LoadModel(digest, "tflite", "cpu", 1), within(30), cancel)
            session.send(m.Run((digest,), (m.Block(0, 3),), final=True), within(30), cancel)
            packets = []
            while not packets or not isinstance(packets[-1].message, m.Done):
                packets.append(session.receive(within(30), cancel))
                assert packets[-1] is not None
            session.send(m.Ack(packets[-1].message.seq), within(30), cancel)
        finally:
            session.close()
        return unmet, ready, packets

    return run
