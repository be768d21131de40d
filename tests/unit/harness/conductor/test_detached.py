"""A phone that is left alone with its program, on a manual clock: unplugged, back, late, gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from harness.clock import CancelToken, Deadline, ManualClock
from harness.conditions import Gates
from harness.conductor import detached
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.detached import BY_HAND_S, NOT_DETACHED, RETURN_S, Left
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.conductor.whole_program import TAIL_S, TRIAL_BLOCKS, whole_program
from harness.device import Reading, RunnerExit
from harness.errors import DeviceUnavailable, RunnerDied
from harness.record import Cause, ChannelRecord, DeviceFacts, Outcome, RunPlan, TrialRecord
from harness.scenario import (
    Burst,
    Cold,
    EnergyRequest,
    LabDevice,
    Periodic,
    Prepare,
    Require,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.store.store import ResultsStore
from harness.wire import messages as m
from harness.wire.codec import Decoder, encode

S = 1_000_000_000
IDLE_S = 60.0
LATENCY_NS = 50_000_000
ENERGY = EnergyRequest(idle_seconds=IDLE_S)
LOAD = SingleStream(Warmup(max_seconds=2.0), min_seconds=120.0, min_inferences=1)


@dataclass
class Alone:
    """A runner on a phone with a battery; it works on whether or not anybody is connected."""

    clock: ManualClock
    cable_out: list[tuple[float, float]] = field(default_factory=list)  #: seconds from the start
    dies_at_s: float | None = None
    runs: bool = True
    #: What the gauge shows while a charger feeds the phone.
    charging_a: float = 1.0
    _queue: list[m.Block] = field(default_factory=list)
    _said: list[tuple[int, bytes]] = field(default_factory=list)
    _closed = False
    _free_ns = _traced_ns = _every_ns = received = 0
    acknowledged = 0
    commands: list[m.Message] = field(default_factory=list)

    def plugged(self, at_ns: int) -> bool:
        return not any(begin <= at_ns / S < end for begin, end in self.cable_out)

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
        if self.dies_at_s is not None and now_ns >= self.dies_at_s * S:
            self.runs = False
        while self._queue:
            block = self._queue[0]
            count = block.count
            if block.duration_ns:
                count = min(count, -(-block.duration_ns // LATENCY_NS))
            start_ns = self._free_ns + block.pause_ns
            end_ns = start_ns + count * LATENCY_NS
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
            wobble = 1 + 0.02 * ((at_ns // S * 7919) % 11 - 5) / 5
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
        columns[0] = start_ns + np.arange(count) * LATENCY_NS
        columns[2] = LATENCY_NS
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
        self._clock.advance(max(1, round(deadline.remaining_s * S)))
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
        from harness.record import DeviceState

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


def left_files(tmp_path: Path) -> list[Path]:
    return [*tmp_path.glob("results/runs/*/left/*.json")]


def test_energy_without_the_cable(measured, phone, notes, tmp_path) -> None:
    phone.runner.cable_out = [(30.0, 500.0)]
    record = measured()
    assert record.outcome is Outcome.OK, record.failure
    metrics, energy = record.metrics, record.energy
    assert energy.source == "battery", energy.refused
    assert energy.charging == "discharging"
    assert metrics["power_idle_w"] == pytest.approx(1.2, rel=0.03)
    assert metrics["power_mean_w"] == pytest.approx(4.0, rel=0.03)
    assert metrics["energy_net_j"] == pytest.approx(2.8 * 0.05, rel=0.03)
    assert energy.seconds == pytest.approx(120, abs=1)
    assert [span.name for span in record.phases] == [
        *("ACQUIRE", "PREPARE", "GATE", "COOL", "PUSH", "LAUNCH", "LOAD", "WARM", "DETACHED"),
        *("MEASURE", "COLLECT", "RESTORE"),
    ]
    assert notes.notes == [
        "unplug android:A now, within 60 s",
        "android:A has done its work; plug it in again",
    ]
    assert any("keep the cable out" in text for text in notes.details)
    assert notes.details[-1].startswith("over; plug it in again")
    assert left_files(tmp_path) == []
    assert phone.runner.acknowledged > 200


def test_channels_tell_what_was_read_by_whom(measured, phone) -> None:
    phone.runner.cable_out = [(30.0, 500.0)]
    sources = {item.name: item.source for item in measured().channels}
    assert sources["battery.current_a"] == (
        f"the runner's app.battery_current_raw; made up; {NOT_DETACHED}"
    )
    assert sources["temperature.skin_c"] == f"made up; {NOT_DETACHED}"
    assert sources["lab.ambient_c"] == "made up"


@pytest.mark.parametrize(
    "out",
    [
        pytest.param((500.0, 501.0), id="nobody pulls the cable"),
        pytest.param((100.0, 500.0), id="pulled too late"),
        pytest.param((30.0, 200.0), id="put back too early"),
        pytest.param((30.0, 290.0), id="put back while it idles again"),
    ],
)
@pytest.mark.parametrize("charging_a", [1.0, -0.1])
def test_a_gauge_that_was_charged_meanwhile_is_refused(measured, phone, out, charging_a) -> None:
    phone.runner.cable_out, phone.runner.charging_a = [out], charging_a
    record = measured()
    assert record.outcome is Outcome.OK
    assert "energy_gross_j" not in record.metrics
    assert record.metrics["latency_p50_ns"] == LATENCY_NS
    assert "CHARGING" in record.energy.refused["battery"]


def test_nothing_is_acknowledged_before_everything_is_there(measured, phone, monkeypatch) -> None:
    phone.runner.cable_out = [(30.0, 500.0)]
    seen = []
    found = detached.DetachedMeasurement._note_idle
    monkeypatch.setattr(
        detached.DetachedMeasurement,
        "_note_idle",
        lambda self, left: (seen.append(phone.runner.acknowledged), found(self, left)),
    )
    measured()
    assert seen == [0]


def test_a_phone_that_comes_back_late(measured, phone) -> None:
    phone.runner.cable_out = [(30.0, 3000.0)]
    record = measured()
    assert record.outcome is Outcome.OK
    assert record.energy.source == "battery"


def test_a_phone_that_never_comes_back_keeps_what_it_measured(
    measured, phone, notes, tmp_path
) -> None:
    phone.runner.cable_out = [(30.0, 30_000.0)]
    record = measured()
    assert record.failure.cause is Cause.OFFLINE
    assert "did not come back" in record.failure.message
    assert "--resume --retry-failed" in record.failure.message
    assert phone.clock.monotonic_ns() / S == pytest.approx(RETURN_S + 310, abs=20)
    assert phone.runner.runs  # nobody ended it
    assert len(left_files(tmp_path)) == 1
    phone.runner.cable_out = [(30.0, 400.0)]  # it was plugged in soon after all
    phone.left = False
    again = measured()
    assert again.outcome is Outcome.OK
    assert again.attempt == 2
    assert phone.launches == 1
    assert again.energy.source == "battery"
    assert again.metrics["energy_net_j"] == pytest.approx(2.8 * 0.05, rel=0.03)
    assert left_files(tmp_path) == []


@pytest.mark.parametrize("at_s", [20.0, 100.0, 1000.0])
def test_a_cancelled_wait_is_picked_up_later(measured, phone, tmp_path, at_s) -> None:
    phone.runner.cable_out = [(30.0, 2000.0)]

    def cancel(now_ns: int) -> None:
        if now_ns >= at_s * S:
            phone.cancel.cancel("interrupted by the user")

    phone.clock.on_advance = cancel
    record = measured()
    assert record.failure.cause is Cause.INTERRUPTED
    assert phone.runner.runs
    phone.clock.on_advance = None
    phone.cancel, phone.left = CancelToken(), False
    phone.clock.advance(2000 * S)
    again = measured()
    assert again.outcome is Outcome.OK, again.failure
    assert phone.launches == 1
    assert again.energy.source == "battery"
    assert left_files(tmp_path) == []


def test_a_host_that_is_killed_meanwhile(measured, phone, monkeypatch, tmp_path) -> None:
    phone.runner.cable_out = [(30.0, 400.0)]

    class Killed(BaseException):
        pass

    def killed(self, left_s, *rest):
        raise Killed

    monkeypatch.setattr(detached.DetachedMeasurement, "_look_around", killed)
    with pytest.raises(Killed):
        measured()
    monkeypatch.undo()
    phone.left = False
    phone.clock.advance(500 * S)
    again = measured()
    assert again.outcome is Outcome.OK
    assert phone.launches == 1
    assert again.metrics["latency_p50_ns"] == LATENCY_NS
    assert again.load_times.launch_ns is None
    assert again.load_times.prepare_ns == 300
    assert again.energy.source == "battery"


def test_a_runner_that_died_meanwhile(measured, phone, tmp_path) -> None:
    phone.runner.cable_out, phone.runner.dies_at_s = [(30.0, 400.0)], 120.0
    record = measured()
    assert record.failure.cause is Cause.CRASHED
    assert "restarted" in record.failure.log_tail
    assert left_files(tmp_path) == []
    assert phone.restores == 1


def test_a_runner_that_is_gone_when_it_is_looked_for_is_measured_again(
    measured, phone, notes, tmp_path
) -> None:
    phone.runner.cable_out = [(30.0, 30_000.0)]
    assert measured().failure.cause is Cause.OFFLINE
    now_s = phone.clock.monotonic_ns() / S
    phone.runner.cable_out = [(30.0, 400.0), (now_s + 30, now_s + 500)]
    phone.runner.runs, phone.left = False, False
    again = measured()
    assert again.outcome is Outcome.OK
    assert phone.launches == 2
    assert any("is gone; it is measured again" in text for text in notes.notes)


def test_without_energy_there_is_no_idling(measured, phone) -> None:
    phone.runner.cable_out = [(30.0, 250.0)]
    record = measured(energy=None)
    assert record.outcome is Outcome.OK
    assert record.energy is None
    assert phone.held_s == pytest.approx(60 + 2 + 120, rel=0.15)
    (sent,) = [
        one for one in phone.runner.commands if isinstance(one, m.Run) and one.blocks[0].seq > 2
    ]
    assert sent.blocks[0].pause_ns == BY_HAND_S * S
    assert all(block.pause_ns == 0 for block in sent.blocks[1:])


def test_a_cold_start_keeps_the_cable(measured, phone) -> None:
    assert "DETACHED" not in [span.name for span in measured(load=Cold()).phases]
    assert phone.held_s == 0.0


def test_a_device_that_cannot_be_left_alone_says_so(measured, scripted) -> None:
    record = measured(device=scripted)
    assert record.outcome is Outcome.SKIPPED
    assert "cannot measure without its cable" in record.reason


@pytest.mark.parametrize(
    ("load", "timed", "work_s"),
    [
        pytest.param(LOAD, 120, 122, id="single stream: warm-up as long as it may be"),
        pytest.param(SingleStream(min_seconds=1.0), 1024, 61.2, id="until enough inferences"),
        pytest.param(Sustained(30.0), 30, 30, id="sustained"),
        pytest.param(Burst(inferences=50), 3, 2.65, id="burst, counted"),
        pytest.param(Periodic(10.0, 30.0, Warmup(rule="none")), 30, 30, id="periodic"),
    ],
)
def test_the_program_is_what_the_host_would_have_asked_for(make_cell, load, timed, work_s) -> None:
    whole = whole_program(make_cell(load), LATENCY_NS, idle_s=20.0, lead_s=60.0)
    numbers = [block.seq for block in whole.blocks]
    assert numbers == [*range(len(TRIAL_BLOCKS) + 1, len(TRIAL_BLOCKS) + 1 + len(numbers))]
    assert whole.blocks[0].pause_ns == 80 * S
    assert whole.blocks[-1].pause_ns == (20 + TAIL_S) * S
    assert not whole.blocks[-1].timed
    assert sum(block.timed for block in whole.blocks) == timed
    pauses_s = 80 + 20 + TAIL_S
    assert work_s <= whole.seconds - pauses_s <= 2.2 * work_s


def test_hours_are_sent_in_pieces(make_cell) -> None:
    whole = whole_program(make_cell(Sustained(9000.0)), 1e6)
    assert len(whole.blocks) == 9000
    sizes = [len(encode(m.Append(piece))) for piece in detached._pieces(whole.blocks)]
    assert max(sizes) < 1 << 20
    assert sum(len(piece) for piece in detached._pieces(whole.blocks)) == len(whole.blocks)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"inputs": 3}', b"\xff"])
def test_damaged_notes_of_the_way_back_are_none(data) -> None:
    assert Left.decoded(data) is None


def test_a_hub_port_is_switched(measured, phone, notes, tmp_path, monkeypatch) -> None:
    program = tmp_path / "bin" / "uhubctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $* >>{tmp_path}/asked\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    phone.runner.cable_out = [(2.0, 500.0)]
    lab = LabDevice("android:A", hub_port="1-4.2")
    record = measured(lab=lab)
    assert record.energy.source == "battery"
    assert notes.notes == []
    assert (tmp_path / "asked").read_text().splitlines() == [
        "-l 1-4 -p 2",
        "-l 1-4 -p 2 -a off",
        "-l 1-4 -p 2 -a on",
    ]


@pytest.mark.parametrize(
    ("place", "script", "why"),
    [
        ("1-4.2", None, "uhubctl is not installed"),
        ("1-4.2", "echo no such hub >&2; exit 3", "uhubctl ended with 3: no such hub"),
        ("the left one", "exit 0", "'the left one' is no hub port such as 1-4.2"),
    ],
)
def test_a_port_that_cannot_be_switched_is_a_hands_work(
    measured, phone, notes, tmp_path, monkeypatch, place, script, why
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if script is not None:
        (folder / "uhubctl").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "uhubctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    phone.runner.cable_out = [(30.0, 500.0)]
    assert measured(lab=LabDevice("android:A", hub_port=place)).energy.source == "battery"
    assert notes.notes[0] == f"android:A: its hub port cannot be switched ({why})"
    assert notes.notes[1].startswith("unplug android:A now")
