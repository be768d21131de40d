"""A made-up device on a manual clock: a scripted runner that speaks the real wire in memory.

It executes blocks as docs/wire.md says, at a latency the test chooses, and advances the clock by
the time the work would have taken. It fails on any message it does not expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from harness.clock import CancelToken, Deadline, ManualClock
from harness.device import Reading, RunnerExit
from harness.record import Cell, ChannelRecord, DeviceFacts, DeviceState, Trial
from harness.scenario import Load, Prepare
from harness.variant import ModelFormat, Variant
from harness.wire import messages as m
from harness.wire.codec import Decoder, encode

CellMaker = Callable[..., Cell]


@pytest.fixture
def make_cell() -> CellMaker:
    """Cells of a made-up model; the load is given, the rest can be."""

    def make(load: Load, **changes: object) -> Cell:
        variant = Variant("net", "fp32", ModelFormat.TFLITE, "d" * 64, 1000, "fp32")
        fields: dict[str, object] = {
            "device_id": "local",
            "variant": variant,
            "engine": "tflite",
            "delegate": "cpu",
            "threads": 1,
            "batch": 1,
            "load": load,
        }
        return Cell(**(fields | changes))  # type: ignore[arg-type]

    return make


@dataclass
class Script:
    """How the made-up runner and device behave."""

    latency_ns: int = 5_000_000
    load_error: m.Error | None = None
    dies_at_block: int | None = None  #: closes the link instead of sending this block
    exit: RunnerExit = RunnerExit(None, "SIGSEGV", "loading\nboom")  # noqa: RUF009
    hangs_at_block: int | None = None  #: never answers this block
    offline_after: int | None = None  #: how often the device's state can be read
    cancel_at_block: int | None = None
    clock_offset_ns: int = 7_000
    log: str = "the runner's log"
    telemetry: Callable[[ManualClock, Script], object] | None = None  #: in place of the plain one
    clock_drift_ppm: float = 0.0  #: how much faster the runner's clock goes than the host's
    busy: bool = False  #: while a block is executed
    #: Channels of the plain telemetry: value at a time of the host's clock in seconds, or None.
    sensors: dict[str, Callable[[float], float | None]] = field(default_factory=dict)
    profile: bytes | None = None  #: what the engine's profiler writes; None: it has none
    app: Callable[[], dict[str, int]] | None = None  #: what the runner reads by itself, if asked
    busy_ns: list[tuple[int, int]] = field(default_factory=list)  #: when blocks ran, host's clock

    def runner_ns(self, host_ns: int) -> int:
        """The runner's clock."""
        return host_ns + self.clock_offset_ns + round(host_ns * self.clock_drift_ppm * 1e-6)


@dataclass
class Calls:
    """What was done to the device, in order."""

    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)


class ScriptedLink:
    """Both the link and the program behind it."""

    def __init__(self, script: Script, clock: ManualClock, calls: Calls, cancel: CancelToken):
        self._script, self._clock, self._calls, self._cancel = script, clock, calls, cancel
        self._decoder, self._out = Decoder(), bytearray()
        self._queue: list[m.Block] = []
        self._final, self._seq, self._closed = False, 0, False
        self._trace_every_ns = self._traced_at_ns = 0

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        for packet in self._decoder.feed(data):
            self._answer(packet.message)

    def receive(self, limit: int, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        cancel.raise_if_cancelled()
        self._trace_if_due()
        if not self._out and self._queue and not self._closed:
            self._execute(self._queue.pop(0))
        if not self._out and self._final and not self._queue and not self._closed:
            self._final = False
            self._seq += 1
            self._say(m.Done(self._seq))
        if self._out:
            data = bytes(self._out[:limit])
            del self._out[:limit]
            return data
        if self._closed:
            return b""
        self._clock.advance(max(1, round(deadline.remaining_s * 1e9)))
        return None

    def close(self) -> None:
        self._closed = True

    def _answer(self, message: m.Message) -> None:
        match message:
            case m.Hello():
                self._say(m.Ready("session", {"runner": "scripted"}))
            case m.Ping():
                now = self._script.runner_ns(self._clock.monotonic_ns())
                self._say(m.Pong(message.host_ns, now))
            case m.LoadModel():
                self._calls("load")
                self._clock.advance(20_000_000)
                self._say(self._script.load_error or LOADED)
            case m.Run():
                self._queue += message.blocks
                self._final = message.final
            case m.Append():
                self._queue += message.blocks
                self._final = message.final
            case m.TelemetryRequest():
                self._calls("telemetry")
                self._trace_every_ns = message.interval_ns
            case m.ProfileRequest():
                self._profile(message)
            case m.Infer():
                self._infer(message)
            case m.Ack() | m.Bye() | m.Cancel():
                self._closed |= isinstance(message, m.Bye)
            case _:
                raise AssertionError(f"the scripted runner does not expect {message}")

    def _trace_if_due(self) -> None:
        now_ns = self._clock.monotonic_ns()
        due = now_ns - self._traced_at_ns >= self._trace_every_ns
        if self._trace_every_ns and self._script.app is not None and due:
            self._traced_at_ns = now_ns
            self._seq += 1
            found = self._script.app()
            at_ns = now_ns + self._script.clock_offset_ns
            self._say(m.Trace(self._seq, at_ns, tuple(found), tuple(found.values())))

    def _profile(self, request: m.ProfileRequest) -> None:
        self._calls(f"profile {request.count} after {request.warmup}")
        self._seq += 1
        if self._script.profile is None:
            self._say(m.Error("unsupported", "no profiler here", seq=self._seq))
            return
        found = m.Profiled(self._seq, "litert", request.count, request.warmup)
        self._say(found, self._script.profile)

    def _infer(self, message: m.Infer) -> None:
        """Sample n is of class n modulo 2, in quantized scores."""
        self._calls(f"infer {message.first} to {message.last}")
        for sample in range(message.first, message.last):
            self._seq += 1
            scores = np.array([[9, 5], [5, 9]], np.int8)[sample % 2]
            self._say(m.Outputs(self._seq, sample, ((1, 2),)), scores.tobytes())
        self._seq += 1
        self._say(m.Done(self._seq))

    def _execute(self, block: m.Block) -> None:
        script = self._script
        if block.seq == script.dies_at_block:
            self._closed = True
            return
        if block.seq == script.hangs_at_block:
            return
        if block.seq == script.cancel_at_block:
            self._cancel.cancel("interrupted by the test")
        count = block.count
        if block.duration_ns:
            count = max(1, min(count, -(-block.duration_ns // script.latency_ns)))
        began_ns = self._clock.monotonic_ns()
        started = script.runner_ns(began_ns)
        script.busy = True
        self._clock.advance(count * script.latency_ns)
        script.busy = False
        script.busy_ns.append((began_ns, self._clock.monotonic_ns()))
        starts = started + np.arange(count, dtype="<i8") * script.latency_ns
        columns = np.zeros((4, count), "<i8")
        columns[0], columns[1:] = starts, [[1000], [script.latency_ns - 2000], [1000]]
        self._seq += 1
        done = m.BlockDone(
            self._seq,
            block.seq,
            block.timed,
            count,
            m.SAMPLE_COLUMNS,
            started,
            started + count * script.latency_ns,
            count * script.latency_ns,
            process_start_ns=started - 100_000_000 if self._seq == 1 else 0,
        )
        self._say(done, columns.tobytes())

    def _say(self, message: m.Message, *frames: bytes) -> None:
        self._out += encode(message, frames)


LOADED = m.Loaded(
    import_ns=100,
    load_ns=200,
    prepare_ns=300,
    inputs=(m.WireTensor("x", "float32", (1, 4)),),
    outputs=(m.WireTensor("y", "int8", (1, 2), "0.5", 3),),
    cache_state="kept",
    engine={"name": "scripted", "version": "1"},
    placement={},
)


class ScriptedRunner:
    token = "token"

    def __init__(self, device: ScriptedDevice) -> None:
        self._device = device
        self.spawned_at_ns = device.clock.monotonic_ns()

    def connect(self, deadline: Deadline, cancel: CancelToken) -> ScriptedLink:
        device = self._device
        return ScriptedLink(device.script, device.clock, device.calls, device.cancel)

    def log_text(self) -> str:
        return self._device.script.log

    def kill(self) -> None:
        self._device.calls("kill")

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit | None:
        return self._device.script.exit


class ScriptedTelemetry:
    """Memory at 1 Hz, and the sensors of the script; skin has none unless the script gives one."""

    def __init__(self, clock: ManualClock, script: Script) -> None:
        self._clock, self._script, self._next_ns = clock, script, 0

    def channels(self) -> Sequence[ChannelRecord]:
        return (
            ChannelRecord("runner.rss_bytes", "bytes", "host", "made up"),
            ChannelRecord("runner.pss_bytes", "bytes", "host", "made up"),
            ChannelRecord("runner.rss_peak_bytes", "bytes", "host", "made up"),
            *(ChannelRecord(name, "", "host", "made up") for name in self._script.sensors),
            *(
                [ChannelRecord("temperature.skin_c", "degC", "host", "made up", "no sensor")]
                if "temperature.skin_c" not in self._script.sensors
                else []
            ),
        )

    def attach(self, runner: object) -> None:
        pass

    def poll(self, *, final: bool = False) -> Iterable[Reading]:
        now = self._clock.monotonic_ns()
        if now < self._next_ns and not final:
            return []
        self._next_ns = now + 1_000_000_000
        values = {"rss": 100.0, "pss": 80.0, "rss_peak": 120.0}
        sensed = {name: read(now / 1e9) for name, read in self._script.sensors.items()}
        return [
            *(Reading(f"runner.{name}_bytes", now, value) for name, value in values.items()),
            *(Reading(name, now, value) for name, value in sensed.items() if value is not None),
        ]

    def close(self) -> None:
        pass


class ScriptedDevice:
    device_id = "local"
    unprepared: tuple[str, ...] = ()

    def __init__(self, script: Script, clock: ManualClock, cancel: CancelToken) -> None:
        self.script, self.clock, self.cancel, self.calls = script, clock, cancel, Calls()
        self._answers = 0

    def facts(self, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
        return DeviceFacts(self.device_id)

    def state(self, deadline: Deadline, cancel: CancelToken) -> DeviceState:
        from harness.errors import DeviceUnavailable

        cancel.raise_if_cancelled()
        self._answers += 1
        if self.script.offline_after is not None and self._answers > self.script.offline_after:
            raise DeviceUnavailable(self.device_id, "unplugged; plug it in again")
        return DeviceState({"load1": 0.5})

    def prepare(self, wanted: Prepare, deadline: Deadline, cancel: CancelToken) -> tuple[str, ...]:
        self.calls("prepare")
        return self.unprepared

    def restore(self, deadline: Deadline) -> None:
        self.calls("restore")

    def push(self, source: Path, digest: str, deadline: Deadline, cancel: CancelToken) -> bool:
        self.calls("push")
        return True

    def launch(self, engine: str, deadline: Deadline, cancel: CancelToken) -> ScriptedRunner:
        self.calls("launch")
        return ScriptedRunner(self)

    def telemetry(self, rate_hz: float, purpose: str = "timing") -> object:
        if self.script.telemetry is not None:
            return self.script.telemetry(self.clock, self.script)
        return ScriptedTelemetry(self.clock, self.script)

    def close(self) -> None:
        pass


@pytest.fixture
def script() -> Script:
    """Change it before the trial runs."""
    return Script()


@pytest.fixture
def scripted(script: Script) -> ScriptedDevice:
    """The made-up device, with its clock and cancel token."""
    return ScriptedDevice(script, ManualClock(), CancelToken())


@pytest.fixture
def make_trial(make_cell: CellMaker) -> Callable[..., Trial]:
    """Trials of made-up cells."""

    def make(load: Load, repeat: int = 0, **changes: object) -> Trial:
        cell = make_cell(load, **changes)
        return Trial(f"{cell.key}-r{repeat}", cell, repeat, repeat)

    return make
