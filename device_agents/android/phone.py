"""One phone behind the adb server, under an id that survives reconnections."""

from __future__ import annotations

from device_agents.android.adb import ADVICE, AdbServer, Stream
from device_agents.android.parse.answers import Transport
from device_agents.android.shell import Answer, ShellStream, StandingShell, finish
from harness.clock import CancelToken, Clock, Deadline
from harness.errors import CommandFailed, DeviceError, DeviceUnavailable

#: A phone that restarts its adb, or whose cable is put back, is waited for so long.
PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.25
_PROBE_S = 3.0
IDENTITY = "getprop ro.serialno; read b </proc/sys/kernel/random/boot_id; echo $b"


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
        transport = self._transport or self._find(deadline, cancel)
        try:
            stream = self.server.open(self.device_id, transport, service, deadline, cancel)
        except DeviceError:
            self._transport = None
            raise
        self._transport = transport
        return stream

    def use(self, transport: Transport) -> None:
        """Take a connection that was just listed, without asking again."""
        self._transport = transport

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

    def _find(self, deadline: Deadline, cancel: CancelToken) -> Transport:
        """The phone's connection; one that is away is waited for a moment."""
        patience = Deadline(self.clock, min(PATIENCE_S, deadline.remaining_s))
        asked = False
        while True:
            found = [one for one in self._list(deadline, cancel) if one.serial == self.address]
            ready = [one for one in found if one.state == "device"]
            if len(ready) == 1:
                return ready[0]
            if len(ready) > 1:
                raise DeviceUnavailable(self.device_id, f"{len(ready)} phones have this serial")
            if patience.expired:
                raise self._away(found)
            if ":" in self.address and not asked:
                asked = True
                self.server.attach(self.address, deadline, cancel)
            else:
                self.clock.sleep(_LOOK_EVERY_S, cancel)

    def _list(self, deadline: Deadline, cancel: CancelToken) -> tuple[Transport, ...]:
        return self.server.transports(deadline, cancel)

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
                answer.text[-2000:],
                answer.error_text[-2000:],
            )
        return answer
