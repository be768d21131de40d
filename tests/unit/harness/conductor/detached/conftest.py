"""A phone that is left alone with its program, on a manual clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from harness.clock import CancelToken, Deadline, ManualClock
from harness.conditions import Gates
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.device import Reading, RunnerExit
from harness.errors import DeviceUnavailable, RunnerDied
from harness.record import ChannelRecord, DeviceFacts, DeviceState, RunPlan, TrialRecord
from harness.scenario import EnergyRequest, Prepare, Require, SingleStream, Warmup
from harness.store.store import ResultsStore
from harness.units import NS_PER_S
from harness.wire import messages as m
from harness.wire.codec import Decoder, encode

ENERGY = EnergyRequest(idle_seconds=60.0)
LOAD = SingleStream(Warmup(max_seconds=2.0), min_seconds=120.0, min_inferences=1)


@dataclass
class Alone:
    """A runner on a phone with a battery; it works on whether or not anybody is connected."""

    clock: ManualClock
    cable_out: list[tuple[float, float]] = field(default_factory=list)  #: seconds from the start
    dies_at_s: float | None = None
    runs: bool = True
    latency_ns: int = 50_000_000
    #: What the gauge shows while a charger feeds the phone.
    charging_a: float = 1.0
    _queue: list[m.Block] = field(default_factory=list)
    _said: list[tuple[int, bytes]] = field(default_factory=list)
    _closed = False
    _free_ns = _traced_ns = _every_ns = received = 0
    acknowledged = 0
    commands: list[m.Message] = field(default_factory=list)

    def plugged(self, at_ns: int) -> bool:
        return not any(begin <= at_ns / NS_PER_S < end for begin, end in self.cable_out)

    def take(self, message: m.Message) -> list[bytes]:
        """Carry out a message; what is answered beside the spool."""
        self.work()
        now_ns = self.clock.monotonic_ns()
        match message:
            case m.Hello():
                ready = m.Ready("one", {"runner": "alone", "language": "made up"}, self.received)
                later = [data for seq, data in self._said if seq > message.last_seq]
                return [encode(ready), *later]
            case m.Ping():
                return [encode(m.Pong(message.host_ns, now_ns))]
            case m.Ack():
                self.acknowledged = message.seq
                return []
        self.received += 1
        self.commands.append(message)
        match message:
            case m.LoadModel():
                self._say(lambda seq: encode(loaded(seq)))
            case m.Run() | m.Append():
                self._free_ns = max(self._free_ns, now_ns) if self._queue else now_ns
                self._queue += message.blocks
                self._closed = message.final
            case m.TelemetryRequest():
                self._every_ns, self._traced_ns = message.interval_ns, now_ns
            case m.Bye():
                self.runs = False
            case _:
                raise AssertionError(message)
        return []

    def work(self) -> None:
        """Everything that is over by now."""
        now_ns = self.clock.monotonic_ns()
        if self.dies_at_s is not None and now_ns >= self.dies_at_s * NS_PER_S:
            self.runs = False
        while self._queue:
            block = self._queue[0]
            count = block.count
            if block.duration_ns:
                count = min(count, -(-block.duration_ns // self.latency_ns))
            start_ns = self._free_ns + block.pause_ns
            end_ns = start_ns + count * self.latency_ns
            if end_ns > now_ns:
                break
            self._trace(start_ns, busy=False)
            self._trace(end_ns, busy=True)
            self._queue.pop(0)
            self._free_ns = end_ns
            self._block_done(block, count, start_ns, end_ns)
            if not self._queue and self._closed:
                self._say(lambda seq: encode(m.Done(seq)))
        if not self._queue:
            self._trace(now_ns, busy=False)

    def _trace(self, until_ns: int, *, busy: bool) -> None:
        while self._every_ns and self._traced_ns + self._every_ns <= until_ns:
            self._traced_ns += self._every_ns
            at_ns = self._traced_ns
            wobble = 1 + 0.02 * ((at_ns // NS_PER_S * 7919) % 11 - 5) / 5
            current = self.charging_a if self.plugged(at_ns) else -(1.0 if busy else 0.3)
            values = {
                "app.battery_current_raw": round(current * wobble * 1e6),
                "app.battery_voltage_mv": 4000,
                "app.battery_plugged": int(self.plugged(at_ns)),
            }
            self._say(
                lambda seq, at=at_ns, values=values: encode(
                    m.Trace(seq, at, tuple(values), tuple(values.values()))
                )
            )

    def _block_done(self, block: m.Block, count: int, start_ns: int, end_ns: int) -> None:
        columns = np.zeros((4, count), "<i8")
        columns[0] = start_ns + np.arange(count) * self.latency_ns
        columns[2] = self.latency_ns
        self._say(
            lambda seq: encode(
                m.BlockDone(
                    seq, block.seq, block.timed, count, m.SAMPLE_COLUMNS, start_ns, end_ns, 1
                ),
                (columns.tobytes(),),
            )
        )

    def _say(self, make: Callable[[int], bytes]) -> None:
        seq = len(self._said) + 1
        self._said.append((seq, make(seq)))

    def since(self, seq: int) -> list[bytes]:
        self.work()
        return [data for number, data in self._said if number > seq]

    @property
    def last_seq(self) -> int:
        return len(self._said)


def loaded(seq: int) -> m.Loaded:
    x = m.WireTensor("x", "float32", (1, 4))
    return m.Loaded(100, 200, 300, (x,), (x,), "kept", {"name": "alone"}, {}, seq=seq)


class Link:
    def __init__(self, runner: Alone, clock: ManualClock) -> None:
        self._runner, self._clock = runner, clock
        self._decoder, self._out, self._sent = Decoder(), bytearray(), 0

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        for packet in self._decoder.feed(data):
            for answer in self._runner.take(packet.message):
                self._out += answer
            if isinstance(packet.message, m.Hello):
                self._sent = self._runner.last_seq

    def receive(self, limit: int, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        cancel.raise_if_cancelled()
        new = self._runner.since(self._sent)
        self._sent += len(new)
        self._out += b"".join(new)
        if self._out:
            data = bytes(self._out[:limit])
            del self._out[:limit]
            return data
        if not self._runner.runs:
            return b""
        self._clock.advance(max(1, round(deadline.remaining_s * NS_PER_S)))
        return None

    def close(self) -> None:
        pass


class RunnerHandle:
    token, spawned_at_ns = "token", 0

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def connect(self, deadline: Deadline, cancel: CancelToken) -> Link:
        if not self._phone.there:
            raise DeviceUnavailable("android:A", "it is gone")
        if not self._phone.runner.runs:
            raise RunnerDied("android:A", signal_name="SIGKILL")
        return Link(self._phone.runner, self._phone.clock)

    def log_text(self) -> str:
        return ""

    def kill(self) -> None:
        if self._phone.there and not self._phone.left:
            self._phone.runner.runs = False

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit | None:
        runner = self._phone.runner
        runner.work()
        return None if runner.runs else RunnerExit(None, "SIGKILL", "the phone restarted")


class Around:
    """Telemetry that the cable carries, and a meter that it does not."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def channels(self):
        return [
            ChannelRecord(name, "", "host", "made up")
            for name in ("battery.current_a", "temperature.skin_c", "lab.ambient_c")
        ]

    def attach(self, runner):
        pass

    def poll(self, *, final: bool = False):
        at_ns = self._phone.clock.monotonic_ns()
        there = {"battery.current_a": 7.0, "temperature.skin_c": 30.0}
        return [
            Reading(name, at_ns, value)
            for name, value in {
                "lab.ambient_c": 21.0,
                **(there if self._phone.there else {}),
            }.items()
        ]

    def close(self):
        pass


class Phone:
    device_id = "android:A"

    def __init__(self) -> None:
        self.clock, self.cancel = ManualClock(), CancelToken()
        self.runner = Alone(self.clock)
        self.left = False
        self.launches = self.restores = 0
        self.held_s = 0.0

    @property
    def there(self) -> bool:
        return self.runner.plugged(self.clock.monotonic_ns()) and not self.left

    def state(self, deadline, cancel):
        if not self.there:
            raise DeviceUnavailable(self.device_id, "it is gone")
        return DeviceState({"battery.status": "charging"})

    def prepare(self, wanted, deadline, cancel):
        return ()

    def restore(self, deadline):
        self.restores += 1

    def push(self, source, digest, deadline, cancel):
        return True

    def launch(self, engine, deadline, cancel):
        self.launches += 1
        if self.launches > 1:
            self.runner = Alone(self.clock, self.runner.cable_out)
        return RunnerHandle(self)

    def telemetry(self, rate_hz, purpose="timing"):
        return Around(self)

    def detach(self, runner, seconds, deadline, cancel):
        self.left, self.held_s = True, seconds
        return json.dumps({"launch": self.launches})

    def is_back(self, deadline, cancel):
        return self.runner.plugged(self.clock.monotonic_ns())

    def attach(self, deadline, cancel):
        self.left = False

    def runner_again(self, way, deadline, cancel):
        known = json.loads(way)["launch"] == self.launches and self.runner.runs
        return RunnerHandle(self) if known else None

    def close(self):
        pass


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.details: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def phase(self, trial: object, name: str, detail: str = "") -> None:
        if name == "DETACHED":
            self.details.append(detail)


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def measured(tmp_path: Path, phone: Phone, notes: Notes, make_trial) -> Callable[..., TrialRecord]:
    """One attempt at one trial with the cable out; called again it is the next attempt."""
    trials = {}
    store = ResultsStore(tmp_path / "results")

    def run(load=LOAD, energy=ENERGY, device=phone, **more):
        trial = trials.setdefault(load, make_trial(load, device_id=device.device_id))
        name = f"run{list(trials).index(load)}"
        plan = RunPlan(name, "test", None, "2026-01-01T00:00:00+00:00", (trial,))
        exists = (tmp_path / "results" / "runs" / name).exists()
        writer = store.resume_run(name) if exists else store.create_run(plan)
        context = RunContext(
            name,
            DeviceFacts(device.device_id),
            {"version": "0"},
            Gates(),
            1.0,
            None,
            Require(),
            Prepare(),
            energy=energy,
            detached=True,
            **more,
        )
        inputs = InputFactory(tmp_path / "inputs")
        conductor = Conductor(device, context, inputs, phone.clock, phone.cancel, notes)
        (tmp_path / "model").write_bytes(b"model")
        try:
            conductor.run(TrialJob(trial, tmp_path / "model"), writer.begin_trial(trial))
        finally:
            writer.close("complete")
        return store.resolve(name).trial(trial.id).record

    return run


@pytest.fixture
def left_files(tmp_path: Path) -> Callable[[], list[Path]]:
    """The notes of the way back to phones that were left."""
    return lambda: [*tmp_path.glob("results/runs/*/left/*.json")]
