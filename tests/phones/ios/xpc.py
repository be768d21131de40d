"""RemoteXPC: messages of typed dictionaries over HTTP/2 frames, as iOS 17 and later speak it.

A frame carries a wrapper (flags, length, number) around an optional object. The client opens
stream 1 for requests and stream 3 for replies, each with an empty message; the phone mirrors both.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any

from phones.ios.channel import Channel, LinkLost

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_DATA = 1 << 14
_WINDOW = 16 << 20
_FRAME_LIMIT = 1 << 20
ROOT, REPLY = 1, 3

_WRAPPER = struct.Struct("<IIQQ")
_WRAPPER_MAGIC = 0x29B00B92
_PAYLOAD = struct.Struct("<II")
_PAYLOAD_MAGIC, _PAYLOAD_VERSION = 0x42133742, 5
_ALWAYS, _DATA_PRESENT, _IS_REPLY = 0x1, 0x100, 0x20000
_INIT_HANDSHAKE = 0x400000
_OPENING = 0x201
_DEPTH = 64


class Frame(IntEnum):
    """HTTP/2 frame types."""

    DATA = 0
    HEADERS = 1
    RESET = 3
    SETTINGS = 4
    PING = 6
    GO_AWAY = 7
    WINDOW_UPDATE = 8


class Type(IntEnum):
    """Types of objects."""

    NULL = 0x1000
    BOOL = 0x2000
    INT64 = 0x3000
    UINT64 = 0x4000
    DOUBLE = 0x5000
    DATE = 0x7000
    DATA = 0x8000
    STRING = 0x9000
    UUID = 0xA000
    ARRAY = 0xE000
    DICTIONARY = 0xF000


class Unsigned(int):
    """A number that travels as UINT64."""


#: Answers a request; None where there is no answer.
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


class RemoteXpc:
    """The phone's side of one connection; ``greeting`` is sent as soon as both streams are open."""

    def __init__(
        self, channel: Channel, answer: Answer, greeting: dict[str, Any] | None = None
    ) -> None:
        self._channel, self._answer, self._greeting = channel, answer, greeting
        self._partial: dict[int, bytes] = {}
        self._opened: set[int] = set()

    async def serve(self) -> None:
        """Answer until the client hangs up."""
        if await self._channel.read_exactly(len(_PREFACE)) != _PREFACE:
            raise LinkLost("no HTTP/2")
        settings = struct.pack(">HIHI", 3, 100, 4, _WINDOW)
        await self._send(Frame.SETTINGS, 0, settings)
        await self._send(Frame.WINDOW_UPDATE, 0, struct.pack(">I", _WINDOW - 65535))
        while True:
            head = await self._channel.read_exactly(9)
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            stream = int.from_bytes(head[5:]) & 0x7FFFFFFF
            if length > _FRAME_LIMIT:
                raise LinkLost("a frame that is too long")
            await self._take(kind, flags, stream, await self._channel.read_exactly(length))

    async def _take(self, kind: int, flags: int, stream: int, data: bytes) -> None:
        match kind:
            case Frame.SETTINGS if not flags & 1:
                await self._send(Frame.SETTINGS, 0, b"", flags=1)
            case Frame.PING if not flags & 1:
                await self._send(Frame.PING, 0, data, flags=1)
            case Frame.HEADERS:
                await self._send(Frame.HEADERS, stream, b"", flags=4)
            case Frame.GO_AWAY:
                raise LinkLost("the client is through")
            case Frame.DATA:
                await self._grant(stream, len(data))
                self._partial[stream] = self._partial.get(stream, b"") + data
                await self._take_messages(stream)

    async def _grant(self, stream: int, taken: int) -> None:
        """Give back the window that was used, so that long uploads go on."""
        if taken:
            update = struct.pack(">I", taken)
            await self._send(Frame.WINDOW_UPDATE, 0, update)
            await self._send(Frame.WINDOW_UPDATE, stream, update)

    async def _take_messages(self, stream: int) -> None:
        while len(self._partial[stream]) >= _WRAPPER.size:
            data = self._partial[stream]
            magic, flags, size, number = _WRAPPER.unpack_from(data)
            if magic != _WRAPPER_MAGIC:
                raise LinkLost("no XPC message")
            if len(data) < _WRAPPER.size + size:
                return
            self._partial[stream] = data[_WRAPPER.size + size :]
            body = decode(data[_WRAPPER.size : _WRAPPER.size + size]) if size else None
            await self._take_message(stream, flags, number, body)

    async def _take_message(self, stream: int, flags: int, number: int, body: Any) -> None:
        if stream == REPLY and flags & _INIT_HANDSHAKE:
            await self._open(REPLY, _ALWAYS | _INIT_HANDSHAKE)
        elif flags == _OPENING:
            await self._open(ROOT, _OPENING)
        elif body == {}:
            await self._say(ROOT, _ALWAYS | _DATA_PRESENT, 0, {})
        elif isinstance(body, dict):
            answer = await self._answer(body)
            if answer is not None:
                await self._say(ROOT, _ALWAYS | _DATA_PRESENT | _IS_REPLY, number, answer)

    async def _open(self, stream: int, flags: int) -> None:
        """Mirror a client's opening; the greeting follows the second, whichever that is."""
        await self._say(stream, flags, 0, None)
        self._opened.add(stream)
        if len(self._opened) == 2 and self._greeting is not None:
            await self._say(ROOT, _ALWAYS | _DATA_PRESENT, 2, self._greeting)
            self._greeting = None

    async def _say(self, stream: int, flags: int, number: int, body: Any) -> None:
        payload = b"" if body is None else encode(body)
        data = _WRAPPER.pack(_WRAPPER_MAGIC, flags, len(payload), number) + payload
        for start in range(0, len(data), _FRAME_DATA):
            await self._send(Frame.DATA, stream, data[start : start + _FRAME_DATA])

    async def _send(self, kind: Frame, stream: int, data: bytes, flags: int = 0) -> None:
        head = len(data).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4)
        await self._channel.write(head + data)


def encode(value: Any) -> bytes:
    """A payload with one object."""
    return _PAYLOAD.pack(_PAYLOAD_MAGIC, _PAYLOAD_VERSION) + _encode(value)


def _encode(value: Any) -> bytes:
    try:
        kind, form = _ENCODERS[type(value)]
    except KeyError:
        raise TypeError(f"cannot send {type(value).__name__}") from None
    return struct.pack("<I", kind) + form(value)


def _encode_list(value: list[Any]) -> bytes:
    return _counted(len(value), b"".join(map(_encode, value)))


def _encode_dict(value: dict[str, Any]) -> bytes:
    items = (_padded(key.encode() + b"\0") + _encode(item) for key, item in value.items())
    return _counted(len(value), b"".join(items))


def _sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + _padded(data)


def _counted(count: int, items: bytes) -> bytes:
    return struct.pack("<II", len(items) + 4, count) + items


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


_ENCODERS: dict[type, tuple[Type, Callable[[Any], bytes]]] = {
    type(None): (Type.NULL, lambda _: b""),
    bool: (Type.BOOL, struct.Struct("<I").pack),
    Unsigned: (Type.UINT64, struct.Struct("<Q").pack),
    int: (Type.INT64, struct.Struct("<q").pack),
    float: (Type.DOUBLE, struct.Struct("<d").pack),
    str: (Type.STRING, lambda value: _sized(value.encode() + b"\0")),
    bytes: (Type.DATA, _sized),
    uuid.UUID: (Type.UUID, lambda value: bytes(value.bytes)),
    list: (Type.ARRAY, _encode_list),
    dict: (Type.DICTIONARY, _encode_dict),
}
_NUMBERS = {
    Type.BOOL: struct.Struct("<I"),
    Type.INT64: struct.Struct("<q"),
    Type.DATE: struct.Struct("<q"),
    Type.UINT64: struct.Struct("<Q"),
    Type.DOUBLE: struct.Struct("<d"),
}


def decode(data: bytes) -> Any:
    """The object of a payload; raises ValueError for anything else."""
    try:
        magic, version = _PAYLOAD.unpack_from(data)
        if (magic, version) != (_PAYLOAD_MAGIC, _PAYLOAD_VERSION):
            raise ValueError("no XPC payload")
        return _Cursor(data, _PAYLOAD.size).value(0)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f"no XPC object: {error}") from error


class _Cursor:
    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def value(self, depth: int) -> Any:
        kind = self._count()
        if kind in _NUMBERS:
            number = _NUMBERS[Type(kind)]
            value = number.unpack(self._take(number.size))[0]
            return bool(value) if kind == Type.BOOL else value
        match kind:
            case Type.NULL:
                return None
            case Type.UUID:
                return uuid.UUID(bytes=self._take(16))
            case Type.DATA:
                return self._sized()
            case Type.STRING:
                return self._sized().rstrip(b"\0").decode()
            case Type.ARRAY | Type.DICTIONARY if depth < _DEPTH:
                return self._items(kind, depth + 1)
        raise ValueError(f"an object of type {kind:#x}")

    def _items(self, kind: int, depth: int) -> Any:
        self._count()  # the length, which the count makes redundant
        count = self._count()
        if kind == Type.ARRAY:
            return [self.value(depth) for _ in range(count)]
        return {self._key(): self.value(depth) for _ in range(count)}

    def _key(self) -> str:
        end = self._data.index(b"\0", self._at)
        key = self._data[self._at : end]
        self._at = end + 1 + (-(len(key) + 1) % 4)
        return key.decode()

    def _sized(self) -> bytes:
        length = self._count()
        data = self._take(length)
        self._take(-length % 4)
        return data

    def _count(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def _take(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        if len(data) < count:
            raise ValueError("the object ends early")
        self._at += count
        return data
