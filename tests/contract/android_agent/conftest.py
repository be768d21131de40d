"""The Android agent against simulated phones behind a real adb server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from device_agents.android import agent as agent_module
from device_agents.android.adb import AdbServer
from device_agents.android.agent import AndroidAgent
from harness.clock import CancelToken, Deadline, SystemClock

ROOT = Path(__file__).resolve().parents[3]
PROFILES = ("pixel8", "galaxy-s24")


@dataclass
class Farm:
    """A running farm of simulated phones."""

    process: subprocess.Popen
    told: dict

    @property
    def serials(self):
        return list(self.told["phones"])

    @property
    def environment(self):
        return self.told["environment"]

    @property
    def server(self):
        return AdbServer(int(self.environment["ANDROID_ADB_SERVER_PORT"]))

    def order(self, serial, do, **more):
        """Tell one phone something; its answer."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(self.told["control"])
            link.sendall(json.dumps({"do": do, "phone": serial, **more}).encode() + b"\n")
            answer = json.loads(link.makefile().readline())
        assert "error" not in answer, answer
        return answer["value"]

    def report(self, serial):
        return self.order(serial, "report")

    def fault(self, serial, text):
        self.order(serial, "fault", fault=text)

    def well_again(self, serial):
        """No faults, nothing waiting, reachable."""
        self.order(serial, "clear_faults")
        self.order(serial, "recover")
        self.order(serial, "touch")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            within = Deadline(SystemClock(), 5)
            states = {t.serial: t.state for t in self.server.transports(within, CancelToken())}
            if states.get(f"127.0.0.1:{self.told['phones'][serial]}") == "device":
                return
            self.order(serial, "connect")
            time.sleep(0.1)
        raise AssertionError(f"{serial} does not come back: {states}")


def start_farm(*arguments):
    """Start simulated phones; skips where this machine cannot have them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "phones.android", "--json", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}"},
    )
    line = process.stdout.readline()
    if not line:
        reason = process.communicate()[1].strip().splitlines()[-1:]
        pytest.skip(f"no simulated phones here: {' '.join(reason)}")
    return Farm(process, json.loads(line))


def stop_farm(farm):
    farm.process.stdin.close()
    try:
        farm.process.wait(30)
    except subprocess.TimeoutExpired:
        farm.process.kill()
        farm.process.wait()
    farm.process.stdout.close()
    farm.process.stderr.close()


@pytest.fixture(scope="session")
def farm():
    """One phone of each of two makers, with scripted runners."""
    made = start_farm(*(word for name in PROFILES for word in ("--profile", name)))
    yield made
    stop_farm(made)


@pytest.fixture
def agent(farm, tmp_path, monkeypatch):
    """An agent of its own for each test."""
    agent_module._IDENTIFIED.clear()
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path / "cache"))
    return AndroidAgent(farm.server, undo=tmp_path / "undo")


@pytest.fixture
def serial(farm):
    """A healthy Pixel 8."""
    name = farm.serials[0]
    farm.well_again(name)
    farm.order(name, "forget")
    yield name
    farm.well_again(name)


@pytest.fixture
def device(agent, serial):
    made = agent.open(f"android:{serial}")
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
