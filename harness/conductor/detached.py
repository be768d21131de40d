"""Measuring with the cable out: the runner gets the whole program and is left alone with it.

Nothing is acknowledged until everything has come back. So whoever finds the runner again, this
process or a later one (``--resume``), hears the whole session from its first message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from harness.channels import BATTERY_CURRENT, BATTERY_VOLTAGE
from harness.clock import CancelToken, Clock, Deadline
from harness.conditions import UNPLUG_S
from harness.conductor.attempt import Attempt
from harness.conductor.hub_port import HubPort
from harness.conductor.measure import Measurement
from harness.conductor.own_readings import CHANNELS, OwnReadings
from harness.conductor.phases import PhaseLog
from harness.conductor.session import RunnerSession
from harness.conductor.whole_program import TRIAL_BLOCKS, WholeProgram, whole_program
from harness.device import Detachable, Reading, Runner, Telemetry
from harness.errors import DeviceError, DeviceUnavailable
from harness.record import BlockRecord
from harness.stats.samples import Int64Array
from harness.units import NS_PER_S, format_duration
from harness.validity.disturbance import Disturbances
from harness.wire.codec import Packet
from harness.wire.messages import Ack, Append, Block, Done, Run, TelemetryRequest

#: How long somebody has to pull the cable out once told; a hub's port is off in a moment.
BY_HAND_S, BY_HUB_S = UNPLUG_S, 5.0
#: How long a device is waited for after its work.
RETURN_S = 3600.0
LOOK_EVERY_S = 1.0
_CALL_S = 30.0
#: Keeps a message far below the frame's limit of 1 MiB.
_BLOCKS_AT_ONCE = 2000
#: How the source of a channel ends that was silent while the cable was out.
NOT_DETACHED = "not while detached"
_PLUG_IN = "plug it in again"
_FROM_FILES = "its runner is gone; what it had measured is read from the files it left"


@dataclass(frozen=True, slots=True)
class Left:
    """A device that was left alone: the way to its runner, and what that is doing.

    ``over_at`` is the wall time, ISO 8601 in UTC, at which the work must be over.
    """

    way: str
    session: str
    inputs: tuple[str, ...]
    first: int
    last: int
    idle_ns: int
    over_at: str

    def encoded(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Left | None:
        """From JSON; None where that is damaged."""
        with suppress(ValueError, TypeError, KeyError):
            read = json.loads(data)
            left = cls(**(read | {"inputs": tuple(read["inputs"])}))
            datetime.fromisoformat(left.over_at)
            return left
        return None


class Cable:
    """What connects the device, and who takes it off: the port of a hub, or a person."""

    def __init__(self, device_id: str, hub_port: str | None, log: PhaseLog) -> None:
        self._device_id, self._log = device_id, log
        self._port = HubPort(hub_port) if hub_port else None
        if self._port is not None and (problem := self._port.problem()) is not None:
            log.note(f"{device_id}: its hub port cannot be switched ({problem})")
            self._port = None

    @property
    def lead_s(self) -> float:
        """How long it takes to be out."""
        return BY_HUB_S if self._port is not None else BY_HAND_S

    def out(self) -> None:
        """Have it taken off."""
        self._change(f"unplug {self._device_id} now, within {BY_HAND_S:.0f} s", on=False)

    def back(self) -> None:
        """Have it put back."""
        self._change(f"{self._device_id} has done its work; {_PLUG_IN}", on=True)

    def _change(self, please: str, *, on: bool) -> None:
        problem = self._port.switch(on=on) if self._port is not None else ""
        if problem is not None:
            self._log.note(f"{please} ({problem})" if problem else please)


class DetachedMeasurement(Measurement):
    """Drives one loaded runner through its program while nobody is connected to its device."""

    def __init__(
        self,
        session: RunnerSession,
        telemetry: Telemetry,
        attempt: Attempt,
        log: PhaseLog,
        clock: Clock,
        cancel: CancelToken,
        poll_s: float,
        idle_s: float,
        device: Detachable,
        runner: Runner,
        hub_port: str | None = None,
    ) -> None:
        super().__init__(session, telemetry, attempt, log, clock, cancel, poll_s, idle_s)
        self._device, self._runner = device, runner
        self._cable = Cable(session.device_id, hub_port, log)
        self._own = OwnReadings(attempt.channels, alone=True)
        self._done_blocks: list[BlockRecord] = []
        self._heard: set[str] = set()
        self._runners_own = frozenset({BATTERY_CURRENT, BATTERY_VOLTAGE})
        self._kept_back: list[Reading] = []

    def run(self, inputs: tuple[str, ...]) -> None:
        """Warm up and measure with the pushed ``inputs``, the device being left alone with it.

        Raises DeviceUnavailable where it does not come back; it is found again by --resume then.
        """
        self._attempt.input_digests = inputs
        self._ping()
        with self._log.phase("WARM"):
            latency_ns = self._try_out(inputs)
        whole = whole_program(
            self._attempt.trial.cell, latency_ns, self._idle_s, self._cable.lead_s
        )
        with self._log.phase("DETACHED"):
            left = self._leave(inputs, whole)
            self._wait(left)
            self._session.come_back(self._cancel)
        self._collect(left, programs=1)

    def found(self, left: Left) -> None:
        """Take in what a runner has measured that an earlier process of this host left alone."""
        self._attempt.input_digests = left.inputs
        self._runners_own |= CHANNELS
        with self._log.phase("DETACHED"):
            self._wait_until_over(left)
            deadline = Deadline(self._clock, _CALL_S)
            ready, loaded = self._session.adopt(left.session, deadline, self._cancel)
            self._attempt.ready, self._attempt.loaded = ready, loaded
        self._collect(left, programs=2)

    # --- leaving ----------------------------------------------------------------------------

    def _try_out(self, inputs: tuple[str, ...]) -> float:
        """The latency of a few inferences, the first not counted."""
        self._send(Run(inputs, TRIAL_BLOCKS, final=True))
        self._receive_program()
        last = self._done_blocks[-1]
        return max(1.0, (last.ended_at_ns - last.started_at_ns) / max(1, last.count))

    def _leave(self, inputs: tuple[str, ...], whole: WholeProgram) -> Left:
        self._take_outside(self._telemetry.poll(final=True))
        self._runners_own |= CHANNELS
        self._send(TelemetryRequest(round(self._poll_s * NS_PER_S)))
        over_at = self._clock.now() + timedelta(seconds=whole.seconds)
        first, *more = _pieces(whole.blocks)
        self._send(Run(inputs, first, final=not more))
        for number, piece in enumerate(more, start=1):
            self._send(Append(piece, final=number == len(more)))
        self._ping()  # its answer shows that everything has arrived
        session = self._session.leave()
        deadline = Deadline(self._clock, _CALL_S)
        way = self._device.detach(self._runner, whole.seconds, deadline, self._cancel)
        left = Left(
            way, session, inputs, whole.first, whole.last, whole.idle_ns, over_at.isoformat()
        )
        self._attempt.leave(left.encoded())
        return left

    def _wait(self, left: Left) -> None:
        """Until the work is over and the device is back."""
        self._cable.out()
        self._heard.clear()
        self._wait_until_over(left)
        self._cable.back()
        patience = Deadline(self._clock, RETURN_S)
        while not self._is_back():
            if patience.expired:
                raise DeviceUnavailable(
                    self._session.device_id,
                    f"it did not come back within {format_duration(RETURN_S)} after its work; "
                    f"{_PLUG_IN} and run with --resume --retry-failed, what it measured waits "
                    "there",
                )
            self._look_around(f"over; {_PLUG_IN}, {_minutes(patience.remaining_s)} left")
        self._device.attach(Deadline(self._clock, _CALL_S), self._cancel)
        self._mark_gaps()

    def _wait_until_over(self, left: Left) -> None:
        over_at = datetime.fromisoformat(left.over_at)
        while (left_s := (over_at - self._clock.now()).total_seconds()) > 0:
            self._look_around(f"alone, {_minutes(left_s)} left; keep the cable out", left_s)

    def _look_around(self, said: str, at_most_s: float = LOOK_EVERY_S) -> None:
        """One turn of waiting; the room, the lab machine and a meter are read meanwhile."""
        self._log.detail("DETACHED", said)
        self._take_outside(self._telemetry.poll())
        self._clock.sleep(min(LOOK_EVERY_S, at_most_s), self._cancel)

    def _is_back(self) -> bool:
        try:
            return self._device.is_back(Deadline(self._clock, _CALL_S), self._cancel)
        except DeviceError:
            return False

    def _mark_gaps(self) -> None:
        """Channels that nobody could read say so."""
        self._attempt.channels = tuple(
            item
            if item.unavailable is not None or item.name in self._heard
            else replace(item, source=f"{item.source}; {NOT_DETACHED}")
            for item in self._attempt.channels
        )
        self._own = OwnReadings(self._attempt.channels, alone=True)

    # --- coming back ------------------------------------------------------------------------

    def _collect(self, left: Left, programs: int) -> None:
        if self._session.ended:
            self._log.note(f"{self._session.device_id}: {_FROM_FILES}")
        self._ping()
        with self._log.phase("MEASURE"):
            for _ in range(programs):
                seq = self._receive_program()
            self._note_idle(left)
            self._send(TelemetryRequest(0))
            self._send(Ack(seq))
        self._ping()
        told = self._own.told
        self._take([one for one in self._kept_back if one.channel not in told])

    def _receive_program(self) -> int:
        """Everything up to the end of a program; the number of that message."""
        packet = self._next_packet()
        while not isinstance(packet.message, Done):
            self._store(packet)
            packet = self._next_packet()
        return packet.message.seq

    def _note_idle(self, left: Left) -> None:
        """The pauses around the work, on the host's clock."""
        if not left.idle_ns:
            return
        blocks = {block.seq: block for block in self._done_blocks}
        begin_ns, tail = blocks[left.first].started_at_ns, left.last - 1
        after_ns = blocks[tail].ended_at_ns
        for span in ((begin_ns - left.idle_ns, begin_ns), (after_ns, after_ns + left.idle_ns)):
            start, end = (at_ns - self._attempt.offset_ns(at_ns) for at_ns in span)
            self._attempt.idle_spans.append((start, end))

    # --- what is different from a measurement over the cable ----------------------------------

    def _watch(self, foreign_limit_percent: float | None) -> Disturbances:
        """Nobody sees disturbances, so that no block is done again."""
        return Disturbances([], None)

    def _acknowledge(self, seq: int) -> None:
        """Not before everything has come."""

    def _take_outside(self, readings: Sequence[Reading]) -> None:
        """What the runner reads alone is left out.

        That is current and voltage, which others may read in another unit, and everything else it
        tells of the time without the cable: its readings come late, and a channel is in order. What
        it might have told and did not is taken at the end.
        """
        kept = [one for one in readings if one.channel not in self._runners_own]
        self._kept_back += [one for one in readings if one.channel in self._runners_own]
        self._heard.update(one.channel for one in kept)
        self._take(kept)

    def _store(self, packet: Packet) -> tuple[BlockRecord, Int64Array]:
        block, latency_ns = super()._store(packet)
        self._done_blocks.append(block)
        return block, latency_ns


def _pieces(blocks: Sequence[Block]) -> list[tuple[Block, ...]]:
    starts = range(0, len(blocks), _BLOCKS_AT_ONCE)
    return [tuple(blocks[start : start + _BLOCKS_AT_ONCE]) for start in starts]


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
