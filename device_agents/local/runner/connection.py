"""One socket to a host: never waits for the other side."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress

from harness.wire.codec import Decoder, Packet, WireFormatError, encode
from harness.wire.messages import Error, Message

_READ_BYTES = 256 * 1024
#: Sends of many samples go through in one gap between blocks where the system allows it.
_SEND_BUFFER_BYTES = 4 * 1024 * 1024


class Connection:
    """Bytes in, packets out; and the other way round, as much as the socket takes."""

    def __init__(self, link: socket.socket, opened_ns: int) -> None:
        link.setblocking(False)
        with suppress(OSError):  # some systems refuse what others cut down
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._socket, self._decoder = link, Decoder()
        self._out: deque[memoryview] = deque()
        self.opened_ns = opened_ns
        self.closed = False  #: the other side is gone, or we closed
        self.refused = False  #: a fatal error is on its way; nothing is listened to any more

    def fileno(self) -> int:
        """For ``poll``."""
        return self._socket.fileno()

    @property
    def sending(self) -> bool:
        """Whether bytes wait for the socket to take them."""
        return bool(self._out) and not self.closed

    def read(self) -> list[Packet]:
        """The packets that arrived; refuses the host after bytes that are no message."""
        data = self._receive()
        if self.refused or not data:
            return []
        try:
            return self._decoder.feed(data)
        except WireFormatError as fault:
            self.refuse(Error("bad-message", str(fault), fatal=True))
            return fault.packets

    def send(self, message: Message) -> None:
        """Queue a message that is not spooled, and send what the socket takes."""
        self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Queue an encoded message, and send what the socket takes."""
        self._out.append(memoryview(data))
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now."""
        try:
            while self._out:
                sent = self._socket.send(self._out[0])
                if sent < len(self._out[0]):
                    self._out[0] = self._out[0][sent:]
                else:
                    self._out.popleft()
            if self.refused:
                self._socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def refuse(self, error: Error) -> None:
        """Say why and hang up; the rest is read away until the host hangs up too.

        Closing at once would reset the connection, and the host might never see the reason.
        """
        self.refused = True
        self.send(error)

    def close(self) -> None:
        """Drop the link."""
        self.closed = True
        self._out.clear()
        self._socket.close()

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.close()
        return data
