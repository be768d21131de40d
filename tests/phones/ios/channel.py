"""One byte stream between a client and a simulated iPhone, which may turn into TLS and back.

TLS runs over memory buffers: a client sends its hello right behind the plain reply, so bytes that
are read already must reach the handshake, which the event loop's own upgrade would lose.
"""

from __future__ import annotations

import asyncio
import plistlib
import socket
import ssl
import struct
from contextlib import suppress
from typing import Any, Protocol

_CHUNK = 1 << 18
#: A frame longer than this is nobody's plist.
_PLIST_LIMIT = 64 << 20


class LinkLost(ConnectionError):
    """The other side hung up, or a fault cut the link."""


class Reader(Protocol):
    """Where bytes come from."""

    async def read(self, n: int, /) -> bytes:
        """At most ``n`` bytes, none at the end of the stream."""


class Abortable(Protocol):
    """What can be cut."""

    def abort(self) -> None:
        """End at once."""


class Writer(Protocol):
    """Where bytes go."""

    @property
    def transport(self) -> Abortable:
        """What cuts the stream."""

    def write(self, data: bytes, /) -> None:
        """Queue bytes."""

    async def drain(self) -> None:
        """Wait while too many are queued."""

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""

    def close(self) -> None:
        """End after what is queued."""


class Channel:
    """An ordered stream of bytes with an optional TLS layer, which a frozen phone holds back."""

    def __init__(self, reader: Reader, writer: Writer, link: socket.socket | None = None) -> None:
        self._reader, self._writer, self._link = reader, writer, link
        self._buffer = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._cut = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        #: Cleared while the phone is frozen: nothing moves, and the link stays.
        self.moving = asyncio.Event()
        self.moving.set()
        self.tunnelled = False

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Take the server's part of a handshake, beginning with the bytes that are there."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(bytes(self._buffer))
        self._buffer.clear()
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self._receive_raw())
            except ssl.SSLError as error:
                await self._flush()
                raise LinkLost(f"handshake refused: {error}") from error
            else:
                return await self._flush()

    async def stop_tls(self) -> None:
        """Say goodbye on the TLS layer, wait for the client's, and go on in plain."""
        if (tls := self._tls) is None:
            return
        while True:
            try:
                tls.unwrap()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self._receive_raw())
            except ssl.SSLError:
                break
        await self._flush()
        self._tls = None
        self._buffer += self._incoming.read()

    async def read(self) -> bytes:
        """What is there, at least one byte; raises LinkLost at the end of the stream."""
        if not self._buffer:
            self._buffer += await self._receive()
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    async def read_exactly(self, count: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._buffer) < count:
            self._buffer += await self._receive()
        if self._cut:
            raise LinkLost("cut")
        with memoryview(self._buffer) as view:
            data = bytes(view[:count])
        del self._buffer[:count]
        return data

    async def write(self, data: bytes) -> None:
        """Send, waiting for a slow client."""
        await self.moving.wait()
        if self._tls is None:
            if self._writer.is_closing():
                raise LinkLost("closed")
            self._writer.write(data)
        else:
            with memoryview(data) as view:
                for start in range(0, len(view), _CHUNK):
                    self._tls.write(view[start : start + _CHUNK])
            self._writer.write(self._outgoing.read())
        await self._writer.drain()

    async def read_plist(self) -> Any:
        """A property list behind its big-endian length, as lockdownd and most services speak."""
        (length,) = struct.unpack(">I", await self.read_exactly(4))
        if length > _PLIST_LIMIT:
            raise LinkLost(f"a plist of {length} bytes")
        return plistlib.loads(await self.read_exactly(length))

    async def write_plist(self, message: Any, *, binary: bool = False) -> None:
        """The same in the other direction."""
        form = plistlib.FMT_BINARY if binary else plistlib.FMT_XML
        data = plistlib.dumps(message, fmt=form)
        await self.write(struct.pack(">I", len(data)) + data)

    def close(self) -> None:
        """End the stream after what was written."""
        self._writer.close()

    def cut(self) -> None:
        """End the stream at once, as a pulled cable does."""
        self._cut = True
        self._writer.transport.abort()

    async def _receive(self) -> bytes:
        if self._tls is None:
            return await self._receive_raw()
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                self._incoming.write(await self._receive_raw())
                continue
            except ssl.SSLError as error:
                raise LinkLost(str(error)) from error
            if not data:
                raise LinkLost("end of TLS")
            return data

    async def _receive_raw(self) -> bytes:
        data = await self._reader.read(_CHUNK)
        if not data:
            raise LinkLost("end of stream")
        await self.moving.wait()
        if self._link is not None and hasattr(socket, "TCP_QUICKACK"):
            # usbmuxd is a Unix socket elsewhere: no client expects to wait 40 ms for an ACK.
            with suppress(OSError):
                self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            self._writer.write(data)
            await self._writer.drain()
