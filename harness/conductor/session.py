"""The host's side of the wire: one session with one runner, over as many links as it takes.

Commands and measured messages are both counted, so a dropped link loses nothing and repeats
nothing: after a re-attach the runner sends again what did not arrive, and so do we.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from harness.clock import CancelToken, Clock, Deadline
from harness.conductor.channel import Channel, LinkClosed
from harness.conductor.salvage import salvage
from harness.device import Runner
from harness.errors import (
    BackendRejected,
    DeviceError,
    DeviceTimeout,
    DeviceUnavailable,
    HarnessError,
    RunnerDied,
    WireError,
    WireMismatch,
)
from harness.record import ClockOffset
from harness.wire import messages as m
from harness.wire.codec import Packet

#: A link's end and its process's end are seen within this time of each other.
_EXIT_GRACE_S = 2.0
#: First wait between a link's end and the next try, doubled up to the longest.
_RETRY_S, _LONGEST_RETRY_S = 0.05, 1.0
#: How long a runner may be out of reach: a cable that is put back, a phone that comes back to adb.
_REATTACH_S = 120.0
#: ``bye`` is a courtesy; after this the process is killed.
_BYE_S = 0.5
#: A pong after longer than this waited for a block to end; the runner now lingers for another one.
_SLOW_PING_NS = 5_000_000

_M = TypeVar("_M", bound=m.Message)


class RunnerSession:
    """Talks to one runner process from ``hello`` to ``bye``.

    Every call raises RunnerDied when the process ended, with its signal or exit code and the end
    of its log; BackendRejected when it refuses, in its own words; WireError for bytes that are no
    message; DeviceTimeout and Cancelled as everywhere.
    """

    def __init__(self, device_id: str, runner: Runner, clock: Clock) -> None:
        self.device_id, self._runner, self._clock = device_id, runner, clock
        self._channel: Channel | None = None
        self._session = ""
        self._last_seq = 0
        self._arrived: deque[Packet] = deque()
        self._unconfirmed: deque[m.Message] = deque()
        self._commands_sent = 0
        self._pinged: m.Ping | None = None
        self._closed = self._left = False
        self._ended: RunnerDied | None = None  #: raised once everything salvaged was received

    @property
    def ended(self) -> bool:
        """Whether the runner is gone, and what it had finished came from the files it left."""
        return self._ended is not None

    # --- calls ------------------------------------------------------------------------------

    def open(self, deadline: Deadline, cancel: CancelToken) -> m.Ready:
        """Connect and say hello."""
        return self._first_attach((), deadline, cancel)

    def open_load_run(
        self, load: m.LoadModel, run: m.Run, deadline: Deadline, cancel: CancelToken
    ) -> tuple[m.Ready, m.Loaded]:
        """Everything a cold start needs, sent at once: no round trip is inside it."""
        for message in (load, run):
            self._count(message)
        ready = self._first_attach((load, run), deadline, cancel)
        return ready, self._await(m.Loaded, deadline, cancel)

    def load(self, message: m.LoadModel, deadline: Deadline, cancel: CancelToken) -> m.Loaded:
        """Load a model and wait until it is ready."""
        self.send(message, deadline, cancel)
        return self._await(m.Loaded, deadline, cancel)

    def ping(self, deadline: Deadline, cancel: CancelToken) -> ClockOffset:
        """Compare clocks.

        While a program runs the runner answers only after its block, and then waits a moment for a
        second ping, whose round trip is the link's own: the better of the two is returned.
        """
        offset = self._ping_once(deadline, cancel)
        if offset.round_trip_ns <= _SLOW_PING_NS:
            return offset
        again = self._ping_once(deadline, cancel)
        return min(offset, again, key=lambda item: item.round_trip_ns)

    def send(self, message: m.Message, deadline: Deadline, cancel: CancelToken) -> None:
        """Send a message and do not wait for an answer.

        When the link is gone, the next call that receives finds out what became of the runner; a
        command is sent again over the next link if the runner does not have it.
        """
        if self.ended:
            return
        self._count(message)
        self._open_channel().send((message,), deadline, cancel)

    def receive(self, deadline: Deadline, cancel: CancelToken) -> Packet | None:
        """The next block, trace, outputs or done; None when the deadline passed.

        The caller acknowledges with ``send(Ack(seq))`` once what it received is safe; that
        acknowledges everything before it, too.
        """
        while True:
            packet = self._next(deadline, cancel)
            if packet is None or not isinstance(packet.message, m.Pong):
                return packet

    def infer(self, message: m.Infer, deadline: Deadline, cancel: CancelToken) -> Iterator[Packet]:
        """Run samples ``first`` to ``last`` once; yields one ``outputs`` packet for each.

        Each is acknowledged when the next one is asked for. The deadline is for all of them.
        """
        self.send(message, deadline, cancel)
        while True:
            packet = self.receive(deadline, cancel)
            if packet is None:
                raise self._too_slow(deadline)
            if isinstance(packet.message, m.Outputs):
                yield packet
            if isinstance(packet.message, m.Outputs | m.Done):
                self.send(m.Ack(packet.message.seq), deadline, cancel)
            if isinstance(packet.message, m.Done):
                return

    def profile(
        self, message: m.ProfileRequest, deadline: Deadline, cancel: CancelToken
    ) -> tuple[m.Profiled, bytes]:
        """Run with the engine's profiler on; what it wrote."""
        self.send(message, deadline, cancel)
        while (packet := self.receive(deadline, cancel)) is not None:
            if isinstance(packet.message, m.Profiled):
                self.send(m.Ack(packet.message.seq), deadline, cancel)
                return packet.message, packet.frames[0]
        raise self._too_slow(deadline)

    def leave(self) -> str:
        """Let go of the link while the runner works on; the id of the session, for :meth:`adopt`.

        :meth:`close` leaves the runner alone until :meth:`come_back` has found it.
        """
        self._open_channel().close()
        self._left = True
        return self._session

    def come_back(self, cancel: CancelToken) -> None:
        """Open another link to the runner that was left; what it has measured is received then.

        Out of files where it is gone. Raises RunnerDied where it left none, or DeviceUnavailable
        where the device cannot be reached after all.
        """
        self._recover(cancel)
        self._left = False

    def adopt(
        self, session: str, deadline: Deadline, cancel: CancelToken
    ) -> tuple[m.Ready, m.Loaded]:
        """Go on with a session of another process of this host that acknowledged nothing.

        Every counted message of the session comes again, from the first.
        """
        self._session = session
        try:
            ready = self._first_attach((), deadline, cancel)
        except (RunnerDied, DeviceError) as end:
            ready = self._salvaged(end, cancel)
        self._commands_sent = ready.received
        return ready, self._await(m.Loaded, deadline, cancel)

    def close(self) -> None:
        """Say bye, wait a moment, end the process. Never raises; a second call does nothing."""
        if self._closed or self._left:
            return
        self._closed = True
        if self._channel is not None:
            deadline, cancel = Deadline(self._clock, _BYE_S), CancelToken()
            with suppress(HarnessError):
                self._hear_out(self._channel, deadline, cancel)
                self._runner.wait(deadline, cancel)
            self._channel.close()
        self._runner.kill()

    def _hear_out(self, channel: Channel, deadline: Deadline, cancel: CancelToken) -> None:
        """Say bye, and acknowledge what was on its way: a runner ends once everything is."""
        channel.send((m.Ack(self._last_seq), m.Bye()), deadline, cancel)
        with suppress(LinkClosed):
            while (packets := channel.packets(deadline, cancel)) is not None:
                self._take_in(packets)
                channel.send((m.Ack(self._last_seq),), deadline, cancel)

    # --- messages ---------------------------------------------------------------------------

    def _ping_once(self, deadline: Deadline, cancel: CancelToken) -> ClockOffset:
        sent_ns = self._clock.monotonic_ns()
        self._pinged = m.Ping(sent_ns)
        self.send(self._pinged, deadline, cancel)
        pong = self._await(m.Pong, deadline, cancel)
        while pong.host_ns != sent_ns:
            pong = self._await(m.Pong, deadline, cancel)
        self._pinged = None
        round_trip_ns = self._clock.monotonic_ns() - sent_ns
        middle_ns = sent_ns + round_trip_ns // 2
        return ClockOffset(middle_ns, pong.runner_ns - middle_ns, round_trip_ns)

    def _await(self, kind: type[_M], deadline: Deadline, cancel: CancelToken) -> _M:
        """The next message of a kind; what comes before it waits for its receiver."""
        others: list[Packet] = []
        try:
            while (packet := self._next(deadline, cancel)) is not None:
                if isinstance(packet.message, kind):
                    return packet.message
                others.append(packet)
        finally:
            self._arrived.extendleft(reversed(others))
        raise self._too_slow(deadline)

    def _next(self, deadline: Deadline, cancel: CancelToken) -> Packet | None:
        while not self._arrived:
            if self._ended is not None:
                raise self._ended
            try:
                packets = self._open_channel().packets(deadline, cancel)
            except LinkClosed:
                self._recover(cancel)
                continue
            if packets is None:
                return None
            self._take_in(packets)
        packet = self._arrived.popleft()
        if isinstance(packet.message, m.Error):
            raise self._refusal(packet.message)
        return packet

    def _take_in(self, packets: list[Packet]) -> None:
        """Check the count of measured messages; what came twice is dropped."""
        for packet in packets:
            seq = getattr(packet.message, "seq", 0)
            if seq > self._last_seq + 1:
                raise WireError(
                    self.device_id, f"message {self._last_seq + 1} is missing before {seq}"
                )
            if seq == 0 or seq > self._last_seq:
                self._last_seq = max(seq, self._last_seq)
                self._confirm(packet.message)
                self._arrived.append(packet)

    def _count(self, message: m.Message) -> None:
        """Keep a command until the runner is known to have it."""
        if not isinstance(message, m.Hello | m.Ping | m.Ack):
            self._unconfirmed.append(message)
            self._commands_sent += 1

    def _confirm(self, message: m.Message) -> None:
        """A finished block shows that everything up to the command that asked for it arrived."""
        if not isinstance(message, m.BlockDone):
            return
        for place, command in enumerate(self._unconfirmed):
            if isinstance(command, m.Run | m.Append) and any(
                block.seq == message.block for block in command.blocks
            ):
                for _ in range(place + 1):
                    self._unconfirmed.popleft()
                return

    def _refusal(self, error: m.Error) -> HarnessError:
        if error.code == "bad-version":
            return WireMismatch(self.device_id, m.WIRE_VERSION, error.text)
        return BackendRejected(self.device_id, error.code, error.text)

    def _too_slow(self, deadline: Deadline) -> DeviceTimeout:
        return DeviceTimeout(
            self.device_id, f"the runner did not answer within {deadline.seconds:g} s"
        )

    # --- links ------------------------------------------------------------------------------

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise WireError(self.device_id, "the session was never opened")
        return self._channel

    def _first_attach(
        self, then: tuple[m.Message, ...], deadline: Deadline, cancel: CancelToken
    ) -> m.Ready:
        try:
            return self._attach(then, deadline, cancel)
        except LinkClosed:
            death = self._death(cancel)
            if death.returncode is None and death.signal_name is None:
                said = "the link dropped before the runner answered; check the cable"
                raise DeviceUnavailable(self.device_id, said) from None
            raise death from None

    def _attach(
        self, then: tuple[m.Message, ...], deadline: Deadline, cancel: CancelToken
    ) -> m.Ready:
        """Open a link and greet; ``then`` follows in the same bytes."""
        self._channel = Channel(self.device_id, self._runner.connect(deadline, cancel))
        hello = m.Hello(m.WIRE_VERSION, self._runner.token, self._session, self._last_seq)
        self._channel.send((hello, *then), deadline, cancel)
        packets: list[Packet] | None = []
        while not packets:
            packets = self._channel.packets(deadline, cancel)
            if packets is None:
                raise self._too_slow(deadline)
        ready = packets[0].message
        if isinstance(ready, m.Error):
            raise self._refusal(ready)
        if not isinstance(ready, m.Ready):
            raise WireError(self.device_id, f"{type(ready).__name__} where ready belongs")
        self._session = ready.session
        self._take_in(packets[1:])
        return ready

    def _recover(self, cancel: CancelToken) -> None:
        """Go on over a new link, or with the files that the runner left."""
        try:
            self._reattach(cancel)
        except (RunnerDied, DeviceError) as end:
            self._salvaged(end, cancel)

    def _salvaged(self, end: RunnerDied | DeviceError, cancel: CancelToken) -> m.Ready:
        """Take in what the runner left; ``end`` is raised when all of it was received, or now."""
        found = salvage(self._runner, self._session, self._clock, cancel)
        if found is None:
            raise end
        if not isinstance(end, RunnerDied):
            end = RunnerDied(self.device_id, log_tail=str(end))
        self._ended = end
        ready, packets = found
        with suppress(WireError):  # what did not get into a file is missing
            self._take_in(packets)
        return ready

    def _reattach(self, cancel: CancelToken) -> None:
        """Find out whether the runner lives; if so open a new link and go on over it.

        Raises DeviceUnavailable or DeviceTimeout where the device itself stays away.
        """
        patience = Deadline(self._clock, _REATTACH_S)
        retry_s = _RETRY_S
        away: DeviceError | None = None
        while True:
            self._open_channel().close()
            death = self._death(cancel, retry_s)
            if death.returncode is not None or death.signal_name is not None:
                raise death
            if patience.expired:
                raise away or death
            retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
            try:
                ready = self._attach((), patience, cancel)
            except DeviceUnavailable as error:
                away = error
                continue
            except DeviceTimeout as error:
                away = away or error
                continue
            except LinkClosed:
                away = None
                continue
            except RunnerDied:
                raise self._death(cancel) from None
            self._repeat(ready.received, patience, cancel)
            return

    def _repeat(self, received: int, deadline: Deadline, cancel: CancelToken) -> None:
        """Send again what the runner does not have."""
        while self._unconfirmed and self._commands_sent - len(self._unconfirmed) < received:
            self._unconfirmed.popleft()
        again = [*self._unconfirmed, *([self._pinged] if self._pinged else [])]
        self._open_channel().send(again, deadline, cancel)

    def _death(self, cancel: CancelToken, seconds: float = _EXIT_GRACE_S) -> RunnerDied:
        """How the runner ended; without code and signal if it still runs after ``seconds``."""
        ended = self._runner.wait(Deadline(self._clock, seconds), cancel)
        if ended is None:
            return RunnerDied(self.device_id, log_tail=self._runner.log_text())
        return ended.error(self.device_id)
