"""The local device behind its seam, with a runner that is only a sleeping process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from device_agents import registry
from device_agents.local import leftovers
from device_agents.local.agent import LocalAgent
from device_agents.local.device import LocalDevice, default_home
from device_agents.local.files import HostFiles
from harness.clock import Deadline, SystemClock
from harness.errors import (
    Cancelled,
    CapabilityMissing,
    DeviceError,
    DeviceTimeout,
    DeviceUnavailable,
    UserError,
)
from harness.scenario import Prepare
from harness.wire.codec import encode
from harness.wire.messages import WIRE_VERSION, Hello


class SleepingRunner:
    """A runner that does nothing but live."""

    def __init__(
        self, store: Path, work: Path, engine: str, interpreter: Path | None = None
    ) -> None:
        self.store, self.work, self.engine = store, work, engine
        self.interpreter = interpreter
        self.process = subprocess.Popen(["sleep", "60"], start_new_session=True)
        self.pid = self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SleepingRunner]]:
    """Every runner launched in the test; stands in for device_agents.local.launch."""
    runners: list[SleepingRunner] = []

    def launch(store: Path, work: Path, engine: str, interpreter: Path | None) -> SleepingRunner:
        runners.append(SleepingRunner(store, work, engine, interpreter))
        return runners[-1]

    module = ModuleType("device_agents.local.launch")
    module.launch = launch
    monkeypatch.setitem(sys.modules, "device_agents.local.launch", module)
    yield runners
    for runner in runners:
        runner.kill()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def device(home: Path) -> LocalDevice:
    return LocalDevice(home, SystemClock())


@pytest.fixture
def in_time() -> Deadline:
    return Deadline(SystemClock(), 20)


def test_the_life_of_a_trial(device, home, started, in_time, cancel, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()

    device.prepare(Prepare(), in_time, cancel)
    assert device.push(model, digest, in_time, cancel)
    runner = device.launch("onnxruntime", in_time, cancel)
    assert runner.engine == "onnxruntime"
    assert (runner.store / digest).read_bytes() == b"weights"
    assert runner.work.is_dir()
    device.restore(in_time)
    assert runner.process.poll() is not None
    assert not runner.work.exists()
    assert not device.push(model, digest, in_time, cancel)  # what was pushed stays
    assert [path.name for path in home.iterdir()] == ["store"]


def folder_of(pid: int, left: SleepingRunner) -> Path:
    """The runner's folder as if the program ``pid`` had started it."""
    other = left.work.with_name(leftovers._owner(HostFiles(), pid))
    return left.work.rename(other)


def test_prepare_ends_the_runner_of_a_program_that_was_killed(home, started, in_time, cancel):
    killed = LocalDevice(home, SystemClock())
    killed.prepare(Prepare(), in_time, cancel)
    left = killed.launch("tflite", in_time, cancel)
    with subprocess.Popen(["true"]) as program:
        pass  # its number is free now
    abandoned = folder_of(program.pid, left)

    LocalDevice(home, SystemClock()).prepare(Prepare(), in_time, cancel)
    assert left.process.wait(timeout=60) == -9
    assert not abandoned.exists()
    assert list(left.work.iterdir()) == []


def test_prepare_leaves_the_runner_of_a_living_program_alone(home, started, in_time, cancel):
    other = LocalDevice(home, SystemClock())
    other.prepare(Prepare(), in_time, cancel)
    runner = other.launch("tflite", in_time, cancel)
    theirs = folder_of(os.getppid(), runner)

    mine = LocalDevice(home, SystemClock())
    mine.prepare(Prepare(), in_time, cancel)
    mine.restore(in_time)
    assert runner.process.poll() is None
    assert theirs.is_dir()
    runner.kill()


def test_restore_works_before_prepare_and_twice(device, home, in_time):
    device.restore(in_time)
    device.restore(in_time)
    assert not home.exists()


def test_restore_works_when_the_runner_removed_its_own_folder(device, started, in_time, cancel):
    device.prepare(Prepare(), in_time, cancel)
    runner = device.launch("tflite", in_time, cancel)
    for path in runner.work.iterdir():
        path.unlink()
    runner.work.rmdir()
    device.restore(in_time)
    assert runner.process.poll() is not None


def test_launch_without_prepare_makes_its_folders(device, started, in_time, cancel):
    runner = device.launch("tflite", in_time, cancel)
    assert runner.work.is_dir()
    assert runner.store.is_dir()


def test_close_ends_what_was_launched(device, started, in_time, cancel):
    runner = device.launch("tflite", in_time, cancel)
    device.close()
    device.close()
    assert runner.process.poll() is not None


def test_an_engine_that_is_not_for_this_device(device, started, in_time, cancel):
    with pytest.raises(CapabilityMissing, match="no engine 'coreml' here; there are tflite, onnx"):
        device.launch("coreml", in_time, cancel)
    assert not started


def test_an_engine_that_is_not_installed(device, started, in_time, cancel, monkeypatch):
    monkeypatch.setattr("device_agents.local.facts.ENGINE_PACKAGES", {"tflite": ("no-such-thing",)})
    with pytest.raises(CapabilityMissing, match="pip install no-such-thing"):
        device.launch("tflite", in_time, cancel)
    assert not started


def test_a_leftover_that_does_not_end_is_a_timeout(device, started, monkeypatch, in_time, cancel):
    monkeypatch.setattr(leftovers, "end_all", lambda *_: False)
    device.launch("tflite", in_time, cancel)
    with pytest.raises(DeviceTimeout, match="does not end"):
        device.prepare(Prepare(), in_time, cancel)


def test_a_home_that_cannot_be_used(tmp_path, in_time, cancel):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    device = LocalDevice(in_the_way, SystemClock())
    with pytest.raises(DeviceError, match="set BENCHFARM_CACHE"):
        device.prepare(Prepare(), in_time, cancel)


@pytest.mark.parametrize("call", ["facts", "state", "prepare", "launch", "push"])
def test_every_call_heeds_deadline_and_cancellation(device, clock, cancel, call, tmp_path, started):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    arguments = {
        "prepare": (Prepare(),),
        "launch": ("tflite",),
        "push": (source, hashlib.sha256(b"x").hexdigest()),
    }
    over = Deadline(clock, 0)
    with pytest.raises(DeviceTimeout, match=r"^local: "):
        getattr(device, call)(*arguments.get(call, ()), over, cancel)
    cancel.cancel("Ctrl-C")
    with pytest.raises(Cancelled):
        getattr(device, call)(*arguments.get(call, ()), Deadline(clock, 5), cancel)


def test_facts_state_and_telemetry_are_those_of_the_host(host, home, clock, soon, cancel):
    device = LocalDevice(home, clock, host("laptop"))
    assert device.facts(soon, cancel).values["hostname"] == "bench-01"
    assert device.facts(soon, cancel).device_id == device.device_id == "local"
    assert device.state(soon, cancel).values["battery.percent"] == 81
    telemetry = device.telemetry(1.0, "memory")
    assert any(record.name == "battery.percent" for record in telemetry.channels())
    telemetry.close()


def test_the_agent_sees_one_device_and_opens_it(host, home, clock, soon, cancel):
    agent = LocalAgent(clock, home, host("sbc"))
    (sighting,) = agent.discover(soon, cancel)
    assert (sighting.device_id, sighting.platform, sighting.name, sighting.ready) == (
        "local", "local", "bench-01", True,
    )  # fmt: skip
    assert agent.open("local").device_id == "local"
    with pytest.raises(DeviceUnavailable, match="its id is 'local'"):
        agent.open("local:2")


def test_home_is_beside_the_users_models(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path))
    assert default_home() == tmp_path / "local-device"
    monkeypatch.delenv("BENCHFARM_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_home() == tmp_path / ".cache" / "benchfarm" / "local-device"


def test_the_registry_knows_its_platforms():
    assert [agent.platform for agent in registry.agents()] == ["local", "android", "ios"]
    assert isinstance(registry.agent_for("local"), LocalAgent)
    with pytest.raises(UserError, match="unknown platform 'symbian'; there is local"):
        registry.agent_for("symbian:1")


def test_the_registry_imports_no_agent_before_it_is_asked():
    code = "import sys, device_agents.registry; print('device_agents.local' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_files_sort_by_number(tmp_path):
    for number in (10, 2, 1):
        (tmp_path / f"zone{number}").mkdir()
    assert HostFiles(tmp_path).glob("/zone*") == ["/zone1", "/zone2", "/zone10"]


def test_the_real_runner_is_seen_from_outside_while_it_lives(device, in_time, cancel):
    telemetry = device.telemetry(rate_hz=1)
    device.prepare(Prepare(), in_time, cancel)
    runner = device.launch("onnxruntime", in_time, cancel)
    with closing(runner.connect(in_time, cancel)) as link:
        link.send(encode(Hello(WIRE_VERSION, runner.token)), in_time, cancel)
        assert link.receive(1, in_time, cancel)  # a program that answers has its memory
        telemetry.attach(runner)
        seen = {reading.channel: reading.value for reading in telemetry.poll()}
    assert seen["runner.rss_bytes"] > 2**16
    device.restore(in_time)
    after = {reading.channel for reading in telemetry.poll(final=True)}
    assert not {name for name in after if name.startswith("runner.")}
    telemetry.close()


def test_another_build_is_launched_until_it_is_put_back(device, started, in_time, cancel):
    other = Path("/elsewhere/bin/python")
    device.use_build(other)
    device.launch("tflite", in_time, cancel)
    device.use_build(None)
    device.launch("tflite", in_time, cancel)
    assert [runner.interpreter for runner in started] == [other, None]
