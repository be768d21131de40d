"""One phone behind the adb server, under an id that survives reconnections."""

from __future__ import annotations

from contextlib import suppress

from device_agents.android.adb import ADVICE, AdbServer, NotReached, Stream
from device_agents.android.parse.answers import Transport
from device_agents.android.parse.text import printable
from device_agents.android.shell import Answer, ShellStream, StandingShell, finish
from harness.clock import CancelToken, Clock, Deadline
from harness.errors import CommandFailed, DeviceError, DeviceTimeout, DeviceUnavailable

#: A phone that restarts its adb, or whose cable is put back, is waited for so long.
PATIENCE_S = 25.0
_LOOK_EVERY_S = 0.25
_ATTACH_S = 3.0
#: The server itself answers at once; what a phone's end leaves of a deadline is not its fault.
_LIST_S = 2.0


class Phone:
    """Runs commands on a phone and opens streams to it.

    ``address`` is what the adb server calls it (a serial, or host and port). The connection behind
    it may come and go; each call finds it anew where the last one is gone.
    """

    def __init__(self, server: AdbServer, device_id: str, address: str, clock: Clock) -> None:
        self.device_id, self.address = device_id, address
        self.server, self.clock = server, clock
        self._transport: Transport | None = None
        self._shell: StandingShell | None = None
        self._gone = False
        self.left_alone = False  #: no call reaches the phone until :meth:`come_back`

    def run(
        self, command: str, deadline: Deadline, cancel: CancelToken, *, check: bool = True
    ) -> Answer:
        """Run a short command; raises CommandFailed for a code other than 0 if ``check``.

        Where the link drops, the command is given once more: a shell that was cut off is noticed
        only when it is used, and a cable that was touched is back in a moment.
        """
        try:
            answer = self._run_once(command, deadline, cancel)
        except DeviceUnavailable:
            answer = self._run_once(command, deadline, cancel)
        return self._checked(command, answer) if check else answer

    def _run_once(self, command: str, deadline: Deadline, cancel: CancelToken) -> Answer:
        try:
            return self._standing(deadline, cancel).run(command, deadline, cancel)
        except BaseException:
            self.disconnect()
            raise

    def run_apart(
        self, command: str, deadline: Deadline, cancel: CancelToken, *, check: bool = True
    ) -> Answer:
        """Run a command that may hang in a stream of its own."""
        stream = self.start(command, deadline, cancel)
        try:
            answer = finish(stream, command, deadline, cancel)
        finally:
            stream.close()
        return self._checked(command, answer) if check else answer

    def start(self, command: str, deadline: Deadline, cancel: CancelToken) -> ShellStream:
        """Start a command and leave its output to the caller."""
        return ShellStream(self.open(f"shell,v2,raw:{command}", deadline, cancel))

    def open(self, service: str, deadline: Deadline, cancel: CancelToken) -> Stream:
        """A stream to a service of the phone."""
        if self.left_alone:
            raise DeviceUnavailable(self.device_id, "it is left alone while it measures")
        patience = self._patience(deadline)
        while True:
            transport = self._transport or self._find(patience, deadline, cancel)
            try:
                stream = self.server.open(self.device_id, transport, service, deadline, cancel)
            except NotReached:  # the list may be older than the connection's end
                self._transport = None
                if patience.expired:
                    raise
                self.clock.sleep(_LOOK_EVERY_S, cancel)
            except DeviceError:
                self._transport = None
                raise
            else:
                self._transport = transport
                return stream

    def use(self, transport: Transport) -> None:
        """Take a connection that was just listed, without asking again."""
        self._transport = transport

    def leave(self) -> None:
        """Let go of the phone: its cable is taken off."""
        self.disconnect()
        self.left_alone = True

    def come_back(self) -> None:
        """The phone is there again."""
        self.left_alone = self._gone = False

    def disconnect(self) -> None:
        """Close the standing shell and forget the connection."""
        self._transport = None
        if self._shell is not None:
            self._shell.close()
            self._shell = None

    def _standing(self, deadline: Deadline, cancel: CancelToken) -> StandingShell:
        if self._shell is None:
            self._shell = StandingShell(self.start("exec sh", deadline, cancel))
        return self._shell

    def _patience(self, deadline: Deadline) -> Deadline:
        """How long a phone that is away is waited for."""
        return Deadline(self.clock, 0.0 if self._gone else min(PATIENCE_S, deadline.remaining_s))

    def _find(self, patience: Deadline, deadline: Deadline, cancel: CancelToken) -> Transport:
        """The phone's connection."""
        asked = False
        while True:
            answers = Deadline(self.clock, max(_LIST_S, deadline.remaining_s))
            known = self.server.transports(answers, cancel, self.device_id)
            found = [one for one in known if one.serial == self.address]
            ready = [one for one in found if one.state == "device"]
            if len(ready) == 1:
                self._gone = False
                return ready[0]
            if len(ready) > 1:
                raise DeviceUnavailable(self.device_id, f"{len(ready)} phones have this serial")
            if ":" in self.address and not asked:
                asked = True
                with suppress(DeviceTimeout):
                    within = Deadline(self.clock, min(_ATTACH_S, deadline.remaining_s))
                    self.server.attach(self.address, within, cancel)
            elif patience.expired:
                self._gone = True  # once was enough: nobody waits for it again
                raise self._away(found)
            else:
                self.clock.sleep(_LOOK_EVERY_S, cancel)

    def _away(self, found: list[Transport]) -> DeviceUnavailable:
        if not found:
            return DeviceUnavailable(self.device_id, "it is gone; plug it in again")
        state = found[0].state
        return DeviceUnavailable(self.device_id, f"{state}: {ADVICE.get(state, 'restart it')}")

    def _checked(self, command: str, answer: Answer) -> Answer:
        if answer.returncode:
            raise CommandFailed(
                self.device_id,
                (command[:200],),
                answer.returncode,
                _plain(answer.text),
                _plain(answer.error_text),
            )
        return answer


def _plain(said: str) -> str:
    """The end of what a command said, without anything that a terminal would obey."""
    return "\n".join(printable(line, 500) for line in said[-2000:].splitlines())
