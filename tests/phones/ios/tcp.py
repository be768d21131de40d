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
from dataclasses import dataclass

from phones.ios.channel import Channel, LinkLost
from phones.ios.phone import Handler

_HEADER = struct.Struct(">HHIIBBHHH")
_FIN, _SYN, _RST, _PUSH, _ACK = 1, 2, 4, 8, 16
_MODULUS = 1 << 32
_IPV6 = struct.Struct(">IHBB16s16s")
_TCP = 6
_RECEIVE_WINDOW = 1 << 20
_WINDOW_SCALE = 7
_SEND_BUFFER = 1 << 20
_RESEND_S = 0.2
_DEFAULT_MSS = 1220

#: Who answers at a port.
Accept = Callable[[int], Handler | None]
Send = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True)
class Segment:
    """One TCP segment that came in."""

    source: bytes
    source_port: int
    port: int
    seq: int
    ack: int
    flags: int
    window: int
    mss: int
    scale: int | None
    data: bytes

    @classmethod
    def parse(cls, packet: bytes) -> Segment | None:
        """The segment of an IPv6 packet; None for any other packet."""
        if len(packet) < _IPV6.size + _HEADER.size:
            return None
        _, _, kind, _, source, _ = _IPV6.unpack_from(packet)
        if kind != _TCP:
            return None
        fields = _HEADER.unpack_from(packet, _IPV6.size)
        source_port, port, seq, ack, offset, flags, window, _, _ = fields
        end = _IPV6.size + (offset >> 4) * 4
        mss, scale = _options(packet[_IPV6.size + _HEADER.size : end])
        return cls(source, source_port, port, seq, ack, flags, window, mss, scale, packet[end:])


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
        if flags & _SYN:
            mss = self._mtu - _IPV6.size - _HEADER.size
            options = struct.pack(">BBHBBBB", 2, 4, mss, 3, 3, _WINDOW_SCALE, 0)
        head = _HEADER.pack(
            segment.port,
            segment.source_port,
            seq % _MODULUS,
            ack % _MODULUS,
            (_HEADER.size + len(options)) // 4 << 4,
            flags,
            min(0xFFFF, window if flags & _SYN else window >> _WINDOW_SCALE),
            0,
            0,
        )
        body = head + options + data
        pseudo = self._address + segment.source + struct.pack(">II", len(body), _TCP)
        check = checksum(pseudo + body)
        body = body[:16] + struct.pack(">H", check) + body[18:]
        packet = _IPV6.pack(6 << 28, len(body), _TCP, 64, self._address, segment.source)
        async with self._sending:
            with suppress(LinkLost, ConnectionError):
                await self._send(packet + body)

    async def _open(self, key: tuple[bytes, int, int], segment: Segment) -> Connection | None:
        if segment.flags & _RST:
            return None
        handler = self._accept(segment.port) if segment.flags & _SYN else None
        if handler is None:
            ack = segment.seq + len(segment.data) + bool(segment.flags & _SYN)
            await self.send(segment, segment.ack, ack, _RST | _ACK, 0)
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
        self._received = (syn.seq + 1) % _MODULUS
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
        if segment.flags & _RST:
            self.abort()
            return
        if segment.flags & _SYN:
            await self._reply(_SYN | _ACK, seq=self._first_sent)
            return
        self._take_ack(segment)
        skip = (self._received - segment.seq) % _MODULUS
        fin = bool(segment.flags & _FIN)
        if skip <= len(segment.data):
            fresh = segment.data[skip:]
            self._incoming += fresh
            self._received = (self._received + len(fresh)) % _MODULUS
            if fin and not self._ended:
                self._received = (self._received + 1) % _MODULUS
                self._ended = True
        if segment.data or fin:
            await self._acknowledge()
        self._changed.set()
        await self._push()

    def _take_ack(self, segment: Segment) -> None:
        self._window = segment.window << self._scale
        gained = (segment.ack - self._first_sent - 1 - self._acknowledged) % _MODULUS
        if not segment.flags & _ACK or gained > len(self._outgoing) + 1:
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
            await self._reply(_ACK | _PUSH, seq=seq, data=data)
        if self._closing and not self._finished and self._sent == self._end and not self._lost:
            self._sent += 1
            await self._reply(_ACK | _FIN, seq=self._first_sent + self._sent)
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
        await self._reply(_ACK, seq=self._first_sent + 1 + self._sent)

    async def _reply(self, flags: int, *, seq: int, data: bytes = b"") -> None:
        window = max(0, _RECEIVE_WINDOW - len(self._incoming))
        await self._stack.send(self._peer, seq, self._received, flags, window, data)

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def checksum(data: bytes) -> int:
    """The ones' complement checksum of RFC 1071: the sum of 16-bit words is a remainder."""
    number = int.from_bytes(data + bytes(len(data) % 2))
    rest = number % 0xFFFF
    return 0xFFFF - rest if rest or not number else 0


def _options(data: bytes) -> tuple[int, int | None]:
    """Maximum segment size and window scale of a SYN."""
    mss, scale, at = _DEFAULT_MSS, None, 0
    while at < len(data) and data[at] != 0:
        if data[at] == 1:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2:
            break
        if data[at] == 2 and length == 4:
            mss = int.from_bytes(data[at + 2 : at + 4])
        elif data[at] == 3 and length == 3:
            scale = min(14, data[at + 2])
        at += length
    return mss, scale
