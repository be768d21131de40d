"""The Android agent against simulated phones behind a real adb server."""

from __future__ import annotations

import time

import pytest

from device_agents.android import agent as agent_module
from device_agents.android.adb import AdbServer
from device_agents.android.agent import AndroidAgent
from harness.clock import CancelToken, Deadline, SystemClock
from phones.android.lab import Lab, missing

#: Scripted inferences take so long.
LATENCY_MS = 2.0


@pytest.fixture(scope="session")
def lab():
    """One phone of each of two makers, with scripted runners."""
    if missing():
        pytest.skip(missing())
    with Lab("pixel8", "galaxy-s24", latency_ms=LATENCY_MS) as made:
        yield made


@pytest.fixture
def server(lab):
    return AdbServer(int(lab.environment["ANDROID_ADB_SERVER_PORT"]))


@pytest.fixture
def agent(server, tmp_path, monkeypatch):
    """An agent of its own for each test."""
    agent_module._IDENTIFIED.clear()
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path / "cache"))
    return AndroidAgent(server, undo=tmp_path / "undo")


@pytest.fixture
def well(server):
    """Makes a phone well again, and waits until the adb server has it."""

    def make(phone):
        phone.clear_faults()
        phone.recover()
        phone.touch()
        patience = time.monotonic() + 60
        states = {}
        while time.monotonic() < patience:
            within = Deadline(SystemClock(), 5)
            states = {one.serial: one.state for one in server.transports(within, CancelToken())}
            if states.get(phone.address) == "device":
                return
            phone.disconnect()
            phone.connect()
            time.sleep(0.1)
        raise AssertionError(f"{phone.serial} does not come back: {states}")

    return make


@pytest.fixture
def phone(lab, well):
    """A healthy Pixel 8."""
    handle = lab.phones[0]
    well(handle)
    handle.forget()
    yield handle
    well(handle)


@pytest.fixture
def device(agent, phone):
    made = agent.open(f"android:{phone.serial}")
    yield made
    made.close()


@pytest.fixture
def within():
    return lambda seconds: Deadline(SystemClock(), seconds)


@pytest.fixture
def soon(within):
    return within(30)


@pytest.fixture
def cancel():
    return CancelToken()
