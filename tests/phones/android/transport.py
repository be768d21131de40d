"""One connection from an adb server: the handshake, and streams over it.

A stream has at most one WRTE of ours outstanding; the next goes out when the other side has said
OKAY. What arrives is acknowledged when the service takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from phones.android.packets import (
    HEADER,
    MAX_DATA,
    VERSION,
    BadPacket,
    Command,
    Packet,
    read_header,
)

_TOKEN = 1  # AUTH: the token to sign
_AUTH_TOKEN = bytes(range(20))
_PUBLIC_KEY = 3  # AUTH: somebody would have to accept this key on the screen
_HOST_FEATURES = b"features="


class StreamClosed(ConnectionError):
    """The other side closed the stream, or the link is gone."""


class Stream:
    """One adb stream, seen from the phone."""

    def __init__(self, transport: Transport, local: int, remote: int) -> None:
        self._transport, self.local, self.remote = transport, local, remote
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._acknowledged = asyncio.Event()
        self._acknowledged.set()
        self._rest = memoryview(b"")  # views: a megabyte is taken apart in many small reads
        self.closed = asyncio.Event()

    async def read(self) -> bytes:
        """The next bytes, ``b""`` at the end."""
        if self._rest:
            data, self._rest = bytes(self._rest), memoryview(b"")
            return data
        if self.closed.is_set() and self._incoming.empty():
            return b""
        data_or_end = await self._incoming.get()
        if data_or_end is None:
            return b""
        await self._acknowledge()
        return data_or_end

    async def read_exactly(self, count: int) -> bytes:
        """So many bytes; raises StreamClosed when they do not come."""
        parts, missing = [], count
        while missing:
            if not self._rest:
                self._rest = memoryview(await self.read())
            if not self._rest:
                raise StreamClosed("the stream ended early")
            parts.append(self._rest[:missing])
            self._rest = self._rest[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Send bytes, one packet after the other was acknowledged."""
        for start in range(0, len(data), self._transport.max_data):
            await self._acknowledged.wait()
            if self.closed.is_set():
                raise StreamClosed("the stream is closed")
            self._acknowledged.clear()
            piece = data[start : start + self._transport.max_data]
            await self._transport.send(Packet(Command.WRTE, self.local, self.remote, piece))

    async def drain(self) -> None:
        """Wait until the last packet was acknowledged."""
        await self._acknowledged.wait()

    async def close(self) -> None:
        """Close our side."""
        if not self.closed.is_set():
            with suppress(StreamClosed):
                await self.drain()
            self.end()
            with suppress(ConnectionError):
                await self._transport.send(Packet(Command.CLSE, self.local, self.remote))

    def acknowledged(self, remote: int) -> None:
        """The other side said OKAY."""
        self.remote = remote
        self._acknowledged.set()

    def arrived(self, data: bytes) -> None:
        """The other side sent bytes."""
        self._incoming.put_nowait(data)

    def end(self) -> None:
        """Nothing more will come or go."""
        self.closed.set()
        self._acknowledged.set()
        self._incoming.put_nowait(None)
        self._transport.forget(self)

    async def _acknowledge(self) -> None:
        if not self.closed.is_set():
            await self._transport.send(Packet(Command.OKAY, self.local, self.remote))


Open = Callable[["Transport", str], Awaitable[Callable[[Stream], Awaitable[None]] | None]]


@dataclass
class Manner:
    """How the phone meets a host: read anew for every connection."""

    banner: bytes
    authorized: bool = True
    mute: bool = False  #: connected, but silent: the host calls that offline


@dataclass(eq=False)
class Transport:
    """The phone's end of one connection.

    ``open_service`` gets a destination and returns what serves the stream, or None to refuse.
    ``thawed`` is cleared while the phone is frozen: nothing moves then.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    manner: Manner
    open_service: Open
    thawed: asyncio.Event
    max_data: int = MAX_DATA
    host_features: frozenset[str] = frozenset()
    _streams: dict[int, Stream] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _next_id: int = 1

    async def serve(self) -> None:
        """Until the link ends."""
        try:
            while True:
                await self._take(await self._receive())
        except (ConnectionError, asyncio.IncompleteReadError, BadPacket):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Break the link at once, without a good-bye."""
        with suppress(RuntimeError):
            self.writer.transport.abort()
        for stream in list(self._streams.values()):
            stream.end()
        for task in list(self._tasks):
            task.cancel()

    async def send(self, packet: Packet) -> None:
        """Send one packet; raises ConnectionError when the link is gone."""
        await self.thawed.wait()
        if self.writer.is_closing():
            raise StreamClosed("the link is gone")
        self.writer.write(packet.encode())
        await self.writer.drain()

    async def open_to_host(self, destination: str) -> Stream | None:
        """Open a stream to the host (``reverse:``); None when it refuses."""
        stream = self._new_stream(0)
        stream._acknowledged.clear()
        await self.send(Packet(Command.OPEN, stream.local, 0, destination.encode() + b"\0"))
        await stream.drain()
        return None if stream.closed.is_set() else stream

    def forget(self, stream: Stream) -> None:
        """The stream is over."""
        self._streams.pop(stream.local, None)

    async def _receive(self) -> Packet:
        header = await self.reader.readexactly(HEADER.size)
        command, arg0, arg1, length = read_header(header)
        data = await self.reader.readexactly(length) if length else b""
        await self.thawed.wait()
        return Packet(command, arg0, arg1, data)

    async def _take(self, packet: Packet) -> None:
        if self.manner.mute:
            return
        match packet.command:
            case Command.CNXN | Command.AUTH:
                await self._greet(packet)
            case Command.OPEN:
                self._start(self._open(packet))
            case Command.OKAY if stream := self._streams.get(packet.arg1):
                stream.acknowledged(packet.arg0)
            case Command.WRTE if stream := self._streams.get(packet.arg1):
                stream.arrived(packet.data)
            case Command.CLSE if stream := self._streams.get(packet.arg1):
                stream.end()
                await self.send(Packet(Command.CLSE, stream.local, stream.remote))
            case _:
                pass  # about a stream that is over already

    async def _greet(self, packet: Packet) -> None:
        if packet.command is Command.CNXN:
            self.max_data = min(MAX_DATA, packet.arg1)
            _, _, features = packet.data.rstrip(b"\0").partition(_HOST_FEATURES)
            self.host_features = frozenset(features.decode().split(","))
        if self.manner.authorized:
            await self.send(Packet(Command.CNXN, VERSION, MAX_DATA, self.manner.banner))
        elif packet.command is Command.CNXN or packet.arg0 != _PUBLIC_KEY:
            await self.send(Packet(Command.AUTH, _TOKEN, 0, _AUTH_TOKEN))

    async def _open(self, packet: Packet) -> None:
        destination = packet.data.rstrip(b"\0").decode(errors="replace")
        serve = await self.open_service(self, destination)
        if serve is None:
            await self.send(Packet(Command.CLSE, 0, packet.arg0))
            return
        stream = self._new_stream(packet.arg0)
        await self.send(Packet(Command.OKAY, stream.local, stream.remote))
        try:
            await serve(stream)
        finally:
            await stream.close()

    def _new_stream(self, remote: int) -> Stream:
        stream = Stream(self, self._next_id, remote)
        self._next_id += 1
        self._streams[stream.local] = stream
        return stream

    def _start(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
