"""A server's TCP over IPv6 packets, for a link that keeps their order.

Passive opens only. Segments go out as far as the peer's window allows and again from the oldest one
that is not acknowledged after a pause; segments out of order are dropped and asked for again.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from phones.ios.channel import Channel, LinkLost
from phones.ios.phone import Handler
from phones.ios.segments import (
    ACK,
    FIN,
    IPV6_HEADER,
    MODULUS,
    PUSH,
    RST,
    SYN,
    TCP_HEADER,
    Segment,
    build,
)

_RECEIVE_WINDOW = 1 << 20
_WINDOW_SCALE = 7
_SEND_BUFFER = 1 << 20
_RESEND_S = 0.2

#: Who answers at a port.
Accept = Callable[[int], Handler | None]
Send = Callable[[bytes], Awaitable[None]]


class Stack:
    """The phone's end of a tunnel: all its connections."""

    def __init__(self, address: bytes, mtu: int, send: Send, accept: Accept) -> None:
        self._address, self._mtu, self._send, self._accept = address, mtu, send, accept
        self._connections: dict[tuple[bytes, int, int], Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    async def receive(self, packet: bytes) -> None:
        """Take in one packet; what is no TCP is ignored."""
        segment = Segment.parse(packet)
        if segment is None:
            return
        key = (segment.source, segment.source_port, segment.port)
        connection = self._connections.get(key)
        if connection is None:
            connection = await self._open(key, segment)
        if connection is not None:
            await connection.take(segment)

    async def close(self) -> None:
        """End every connection."""
        for connection in tuple(self._connections.values()):
            connection.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(
        self, segment: Segment, seq: int, ack: int, flags: int, window: int, data: bytes = b""
    ) -> None:
        """Answer to where ``segment`` came from."""
        options = b""
        if flags & SYN:
            mss = self._mtu - IPV6_HEADER.size - TCP_HEADER.size
            options = struct.pack(">BBHBBBB", 2, 4, mss, 3, 3, _WINDOW_SCALE, 0)
        packet = build(
            self._address,
            segment,
            seq=seq,
            ack=ack,
            flags=flags,
            window=min(0xFFFF, window if flags & SYN else window >> _WINDOW_SCALE),
            options=options,
            data=data,
        )
        async with self._sending:
            with suppress(LinkLost, ConnectionError):
                await self._send(packet)

    async def _open(self, key: tuple[bytes, int, int], segment: Segment) -> Connection | None:
        if segment.flags & RST:
            return None
        handler = self._accept(segment.port) if segment.flags & SYN else None
        if handler is None:
            ack = segment.seq + len(segment.data) + bool(segment.flags & SYN)
            await self.send(segment, segment.ack, ack, RST | ACK, 0)
            return None
        connection = Connection(self, segment, min(segment.mss, self._mtu - 60))
        self._connections[key] = connection
        task = asyncio.get_running_loop().create_task(self._serve(key, connection, handler))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return connection

    async def _serve(
        self, key: tuple[bytes, int, int], connection: Connection, handler: Handler
    ) -> None:
        try:
            await handler(Channel(connection, connection))
        except (LinkLost, ConnectionError):
            pass
        finally:
            connection.close()
            with suppress(LinkLost):
                await connection.flushed()
            self._connections.pop(key, None)


class Connection:
    """One connection; a reader and a writer for :class:`~phones.ios.channel.Channel`."""

    def __init__(self, stack: Stack, syn: Segment, mss: int) -> None:
        self._stack, self._peer, self._mss = stack, syn, mss
        self._scale = syn.scale or 0
        self._received = (syn.seq + 1) % MODULUS
        self._first_sent = secrets.randbits(32)
        self._acknowledged = self._sent = 0  # counted from the first byte, SYN not counted
        self._window = syn.window
        self._incoming, self._outgoing = bytearray(), bytearray()
        self._ended = self._closing = self._finished = self._lost = False
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def transport(self) -> Connection:
        """What :meth:`abort` belongs to."""
        return self

    async def read(self, n: int, /) -> bytes:
        """At most ``n`` bytes; none at the end."""
        while not self._incoming and not self._ended and not self._lost:
            await self._wait()
        data = bytes(self._incoming[:n])
        del self._incoming[:n]
        if len(data) > _RECEIVE_WINDOW // 2:
            await self._acknowledge()  # the window is open again
        return data

    def write(self, data: bytes, /) -> None:
        """Queue bytes."""
        if self._lost or self._closing:
            raise LinkLost("closed")
        self._outgoing += data
        self._push_soon()

    async def drain(self) -> None:
        """Wait while more than the buffer holds is queued."""
        while len(self._outgoing) > _SEND_BUFFER and not self._lost:
            await self._wait()

    async def flushed(self) -> None:
        """Wait until everything and the end have arrived."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while not self._lost and not (self._finished and not self._outgoing):
                    await self._wait()
        if self._timer is not None:
            self._timer.cancel()

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._closing or self._lost

    def close(self) -> None:
        """End after what is queued."""
        if not self.is_closing():
            self._closing = True
            self._push_soon()

    def abort(self) -> None:
        """End at once."""
        self._lost = True
        self._changed.set()
        if self._timer is not None:
            self._timer.cancel()

    async def take(self, segment: Segment) -> None:
        """What the peer sent."""
        if segment.flags & RST:
            self.abort()
            return
        if segment.flags & SYN:
            await self._reply(SYN | ACK, seq=self._first_sent)
            return
        self._take_ack(segment)
        skip = (self._received - segment.seq) % MODULUS
        fin = bool(segment.flags & FIN)
        if skip <= len(segment.data):
            fresh = segment.data[skip:]
            self._incoming += fresh
            self._received = (self._received + len(fresh)) % MODULUS
            if fin and not self._ended:
                self._received = (self._received + 1) % MODULUS
                self._ended = True
        if segment.data or fin:
            await self._acknowledge()
        self._changed.set()
        await self._push()

    def _take_ack(self, segment: Segment) -> None:
        self._window = segment.window << self._scale
        gained = (segment.ack - self._first_sent - 1 - self._acknowledged) % MODULUS
        if not segment.flags & ACK or gained > len(self._outgoing) + 1:
            return
        self._acknowledged += gained
        self._sent = max(self._sent, self._acknowledged)
        if gained > len(self._outgoing):
            self._finished = True
        del self._outgoing[:gained]

    async def _push(self) -> None:
        """Send what the window allows."""
        while not self._lost:
            in_flight = self._sent - self._acknowledged
            room = min(self._mss, self._window - in_flight)
            data = bytes(self._outgoing[in_flight : in_flight + max(0, room)])
            if not data:
                break
            seq = self._first_sent + 1 + self._sent
            self._sent += len(data)
            await self._reply(ACK | PUSH, seq=seq, data=data)
        if self._closing and not self._finished and self._sent == self._end and not self._lost:
            self._sent += 1
            await self._reply(ACK | FIN, seq=self._first_sent + self._sent)
        self._arm()

    @property
    def _end(self) -> int:
        return self._acknowledged + len(self._outgoing)

    def _push_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._push())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (self._sent > self._acknowledged or self._outgoing) and not self._lost:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_RESEND_S, self._resend, self._acknowledged)

    def _resend(self, then: int) -> None:
        if self._acknowledged == then and not self._finished:
            self._sent = self._acknowledged
            self._window = max(self._window, 1)  # asks whether the window is open again
        self._push_soon()

    async def _acknowledge(self) -> None:
        await self._reply(ACK, seq=self._first_sent + 1 + self._sent)

    async def _reply(self, flags: int, *, seq: int, data: bytes = b"") -> None:
        window = max(0, _RECEIVE_WINDOW - len(self._incoming))
        await self._stack.send(self._peer, seq, self._received, flags, window, data)

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()
