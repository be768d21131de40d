"""The WARM and MEASURE phases: blocks go out, samples come back and are stored at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from harness.channels import BATTERY_CURRENT
from harness.clock import CancelToken, Clock, Deadline
from harness.conductor.arrays import samples_of
from harness.conductor.attempt import Attempt
from harness.conductor.own_readings import OwnReadings
from harness.conductor.phases import PhaseLog
from harness.conductor.program import Program
from harness.conductor.session import RunnerSession
from harness.device import Reading, Telemetry
from harness.errors import DeviceTimeout, WireError
from harness.record import BlockRecord
from harness.stats.samples import Int64Array
from harness.units import NS_PER_S
from harness.validity.disturbance import Disturbances, is_repeatable
from harness.wire.codec import Packet
from harness.wire.messages import (
    Ack,
    Append,
    Block,
    BlockDone,
    Done,
    LoadModel,
    Run,
    TelemetryRequest,
    Trace,
)

#: No message for so long, beyond what the running block was asked to take: the inference hangs.
SILENCE_S = 300.0
#: Clock offsets are a series: 100 ppm of drift is 1 ms in this time.
PING_EVERY_NS = 10 * NS_PER_S
PING_TIMEOUT_S = 30.0


class Measurement:
    """Drives one loaded runner through its program."""

    def __init__(
        self,
        session: RunnerSession,
        telemetry: Telemetry,
        attempt: Attempt,
        log: PhaseLog,
        clock: Clock,
        cancel: CancelToken,
        poll_s: float,
        idle_s: float = 0.0,
        foreign_limit_percent: float | None = None,
    ) -> None:
        self._session, self._telemetry, self._poll_s = session, telemetry, poll_s
        self._attempt, self._log = attempt, log
        self._clock, self._cancel = clock, cancel
        self._idle_s = idle_s
        self._disturbances = self._watch(foreign_limit_percent)
        self._clocks = {item.name: item.clock for item in attempt.channels}
        self._own = OwnReadings(attempt.channels)
        self._pinged_at_ns = 0

    def run(self, inputs: tuple[str, ...]) -> None:
        """Warm up and measure with the pushed ``inputs``."""
        self._attempt.input_digests = inputs
        program = Program(self._attempt.trial.cell)
        self._ping()
        self._ask_runner()
        self._idle()
        self._look()  # the start state of what guards the blocks
        with ExitStack() as phases:
            phases.enter_context(self._log.phase("WARM" if program.warming else "MEASURE"))
            warming = program.warming
            self._send(Run(inputs, program.start()))
            while not self._over(program):
                self._take_block(program)
                if warming and not program.warming:
                    warming = False
                    self._attempt.warmup_capped = program.warmup_capped
                    phases.close()
                    phases.enter_context(self._log.phase("MEASURE"))
                if not warming:
                    self._log.detail("MEASURE", f"{program.fraction_done:.0%}")
                self._ping_if_due()
            self._send(Append((), final=True))
            self._await_done()
        self._idle()
        self._ping()

    def run_cold(self, load: LoadModel, inputs: tuple[str, ...]) -> None:
        """Handshake, load and one inference sent at once: no round trip inside a cold start."""
        self._attempt.input_digests = inputs
        program = Program(self._attempt.trial.cell)
        with self._log.phase("MEASURE"):
            run = Run(inputs, program.start(), final=True)
            deadline = Deadline(self._clock, SILENCE_S)
            self._attempt.ready, self._attempt.loaded = self._session.open_load_run(
                load, run, deadline, self._cancel
            )
            self._take_block(program)
            self._await_done()
        self._ping()

    def _idle(self) -> None:
        """Leave the loaded model alone for a while, and read what the device draws meanwhile."""
        if not self._idle_s:
            return
        with self._log.phase("IDLE"):
            over, began_ns = Deadline(self._clock, self._idle_s), self._clock.monotonic_ns()
            while not over.expired:
                self._log.detail("IDLE", f"{over.remaining_s:.0f} s left")
                self._listen(min(over.remaining_s, self._poll_s))
                self._ping_if_due()
            self._attempt.idle_spans.append((began_ns, self._clock.monotonic_ns()))

    def _take_block(self, program: Program) -> None:
        block, latency_ns = self._store(self._next_packet())
        self._disturbances.add(block)
        more = (*program.block_done(block, latency_ns), *self._repeat_disturbed(program))
        if more:
            self._send(Append(more))

    def _over(self, program: Program) -> bool:
        """Whether the load is done, nothing disturbed being left to do again."""
        if not program.done:
            return False
        self._look()
        self._attempt.guarded = self._disturbances.watching
        again = self._repeat_disturbed(program, final=True)
        if again:
            self._send(Append(again))
        return not again

    def _look(self) -> None:
        """Read also what is slow to read, while nothing is timed, for those that guard blocks."""
        if self._disturbances.watching:
            self._take_outside(self._telemetry.poll(final=True))

    def _repeat_disturbed(self, program: Program, *, final: bool = False) -> tuple[Block, ...]:
        again: list[Block] = []
        for block, reason in self._disturbances.judged(final=final):
            self._attempt.taint(block, reason)
            self._log.detail("MEASURE", f"repeats block {block.seq}: {reason}")
            again += program.repeat(block)
        return tuple(again)

    def _watch(self, foreign_limit_percent: float | None) -> Disturbances:
        readable = [item.name for item in self._attempt.channels if item.unavailable is None]
        if not is_repeatable(self._attempt.trial.cell):
            return Disturbances([], None)
        # An iPhone's thermal state is told by its runner only, and so not known beforehand.
        return Disturbances(readable, foreign_limit_percent, others=True)

    def _take(self, readings: Sequence[Reading]) -> None:
        """Store telemetry, and show it to what guards the blocks, on their clock."""
        self._attempt.add_readings(readings)
        offsets = self._attempt.clock_offsets
        offset_ns = offsets[-1].offset_ns if offsets else 0
        for item in readings:
            on_host = self._clocks.get(item.channel) == "host"
            at_ns = item.at_ns + offset_ns if on_host else item.at_ns
            self._disturbances.read(item.channel, at_ns, item.value)

    def _take_outside(self, readings: Sequence[Reading]) -> None:
        """What was read by others than the runner."""
        self._take(readings)

    def _store(self, packet: Packet) -> tuple[BlockRecord, Int64Array]:
        message = packet.message
        if not isinstance(message, BlockDone):
            raise WireError(self._session.device_id, "the runner ended the program by itself")
        columns = samples_of(packet)
        block = BlockRecord(
            seq=message.block,
            timed=message.timed,
            count=message.count,
            started_at_ns=message.started_ns,
            ended_at_ns=message.ended_ns,
            cpu_ns=message.cpu_ns,
            dropped=message.dropped,
        )
        self._attempt.add_block(block, columns, message.process_start_ns)
        self._acknowledge(message.seq)
        service = columns["input_ns"] + columns["invoke_ns"] + columns["output_ns"]
        return block, np.asarray(service, dtype=np.int64)

    def _await_done(self) -> None:
        packet = self._next_packet()
        while not isinstance(packet.message, Done):
            self._store(packet)
            packet = self._next_packet()
        self._acknowledge(packet.message.seq)

    def _next_packet(self) -> Packet:
        """The next block or end of the program; telemetry is polled while waiting."""
        silence = Deadline(self._clock, SILENCE_S)
        while True:
            packet = self._listen(min(silence.remaining_s, self._poll_s))
            if packet is not None and isinstance(packet.message, (BlockDone, Done)):
                return packet
            if silence.expired:
                raise DeviceTimeout(
                    self._session.device_id,
                    f"no inference returned within {silence.seconds:.0f} s; the runner was ended",
                )

    def _listen(self, wait_s: float) -> Packet | None:
        """What the runner says within ``wait_s``, if anything; telemetry is polled once."""
        packet = self._session.receive(Deadline(self._clock, wait_s), self._cancel)
        self._take_outside(self._telemetry.poll())
        if packet is not None and isinstance(packet.message, Trace):
            self._take_own(packet.message)
        return packet

    def _ask_runner(self) -> None:
        """Have the runner send its own readings where we need what only an app can read."""
        ready = self._attempt.ready
        is_app = ready is not None and ready.facts.get("language") != "python"
        energy = self._idle_s and is_app and self._own.lack(BATTERY_CURRENT)
        # On an iPhone only the app can tell the thermal state and its own memory.
        if energy or (ready is not None and ready.facts.get("runner") == "ios"):
            self._send(TelemetryRequest(round(self._poll_s * NS_PER_S)))

    def _take_own(self, trace: Trace) -> None:
        """Keep what the runner read."""
        self._take(self._own.read(trace, self._attempt.offset_ns(trace.at_ns)))
        self._attempt.channels = self._own.channels
        self._clocks = {item.name: item.clock for item in self._own.channels}
        self._acknowledge(trace.seq)

    def _acknowledge(self, seq: int) -> None:
        """Everything up to ``seq`` is stored."""
        self._send(Ack(seq))

    def _ping_if_due(self) -> None:
        if self._clock.monotonic_ns() - self._pinged_at_ns >= PING_EVERY_NS:
            self._ping()

    def _ping(self) -> None:
        if self._session.ended:
            return
        self._pinged_at_ns = self._clock.monotonic_ns()
        offset = self._session.ping(Deadline(self._clock, PING_TIMEOUT_S), self._cancel)
        self._attempt.clock_offsets.append(offset)

    def _send(self, message: Run | Append | Ack | TelemetryRequest) -> None:
        self._session.send(message, Deadline(self._clock, PING_TIMEOUT_S), self._cancel)
