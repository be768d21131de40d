"""Commands on a phone: the shell protocol with exit codes, alone or in one shell that stays.

A command of its own costs a connection and a process on the phone; in a shell that stays it costs
one round trip. Outputs end only with the marker that follows them: a link that drops in the middle
is an error and never a short output.
"""

from __future__ import annotations

import secrets
import shlex
import struct
from dataclasses import dataclass

from device_agents.android.adb import Stream
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError

quote = shlex.quote

_HEADER = struct.Struct("<BI")
_STDIN, _STDOUT, _STDERR, _EXIT = 0, 1, 2, 3
#: More than the longest dump we ask for; an endless output must not fill our memory.
_OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed and returned."""

    returncode: int
    stdout: bytes
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Standard error as text."""
        return self.stderr.decode(errors="replace")


class ShellStream:
    """One ``shell,v2`` stream: packets of an id, a length and data."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._buffer = bytearray()

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        """Write to the command's standard input."""
        self.stream.send(_HEADER.pack(_STDIN, len(data)) + data, deadline, cancel)

    def packet(self, deadline: Deadline, cancel: CancelToken) -> tuple[int, bytes] | None:
        """The next packet; None at the end of the stream."""
        while (found := self._take()) is None:
            data = self.stream.receive(_READ_BYTES, deadline, cancel)
            if not data:
                return None
            self._buffer += data
        return found

    def waiting(self) -> bool:
        """Whether a packet may be had without waiting."""
        return len(self._buffer) >= _HEADER.size or self.stream.has_data()

    def close(self) -> None:
        """End the command."""
        self.stream.close()

    def _take(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < _HEADER.size:
            return None
        kind, size = _HEADER.unpack_from(self._buffer)
        if size > _OUTPUT_LIMIT_BYTES:
            raise DeviceError(self.stream.device_id, "its shell protocol is out of step; try again")
        end = _HEADER.size + size
        if len(self._buffer) < end:
            return None
        data = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return kind, data


def finish(stream: ShellStream, command: str, deadline: Deadline, cancel: CancelToken) -> Answer:
    """Collect the output of a command that has a stream of its own."""
    collected = {_STDOUT: bytearray(), _STDERR: bytearray()}
    while True:
        packet = stream.packet(deadline, cancel)
        if packet is None:
            raise stream.stream.dropped()
        kind, data = packet
        if kind == _EXIT:
            code = data[0] if data else 1
            return Answer(code, bytes(collected[_STDOUT]), bytes(collected[_STDERR]))
        if kind in collected:
            collected[kind] += data
            _check_size(stream.stream.device_id, command, collected[kind])


class StandingShell:
    """One ``sh`` on the phone that runs commands one after the other."""

    def __init__(self, stream: ShellStream) -> None:
        self._stream = stream

    def run(self, command: str, deadline: Deadline, cancel: CancelToken) -> Answer:
        """Run a command in it. After any error the shell must be closed: it is out of step."""
        mark = secrets.token_hex(8)
        script = f'{{ {command}\n}} </dev/null; echo "\n{mark} $?"; echo {mark} >&2\n'
        self._stream.send(script.encode(), deadline, cancel)
        out, err = bytearray(), bytearray()
        ends = f"\n{mark} ".encode(), f"{mark}\n".encode()
        while not (out.endswith(b"\n") and ends[0] in out[-40:] and err.endswith(ends[1])):
            packet = self._stream.packet(deadline, cancel)
            if packet is None or packet[0] == _EXIT:
                raise self._stream.stream.dropped()
            part = out if packet[0] == _STDOUT else err
            part += packet[1]
            _check_size(self._stream.stream.device_id, command, part)
        printed, _, code = bytes(out).rpartition(ends[0])
        return Answer(int(code), printed, bytes(err[: -len(ends[1])]))

    def close(self) -> None:
        """End the shell and what runs in it."""
        self._stream.close()


def _check_size(device_id: str, command: str, output: bytearray) -> None:
    if len(output) > _OUTPUT_LIMIT_BYTES:
        raise DeviceError(
            device_id, f"it printed more than 32 MiB for {command[:120]!r}; restart the phone"
        )
