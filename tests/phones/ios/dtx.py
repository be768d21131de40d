"""DTX, the calls between developer tools and a phone: its bytes, and the phone's side of a link.

A message is cut into fragments (header of 32 bytes; the first of several has no body), and holds a
payload header, the arguments as a dictionary of primitives, and the selector as a keyed archive.
Channel 0 is for control; the client opens others by number and name. A reply goes out on the number
of its channel, what the phone says unasked on the negated one.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from phones.ios import keyed
from phones.ios.channel import Channel, LinkLost

_MAGIC = 0x1F3D5B79
_FRAGMENT = struct.Struct("<IIHHIIIiI")
_PAYLOAD = struct.Struct("<B3xIII")
_DICTIONARY = struct.Struct("<QQ")
_DICTIONARY_MAGIC = 0x1F0
_EXPECTS_REPLY = 1
_MESSAGE_LIMIT = 16 << 20
_CAPABILITIES = {
    "com.apple.private.DTXBlockCompression": 0,
    "com.apple.private.DTXConnection": 1,
}


class Kind(IntEnum):
    """Types of messages."""

    OK = 0
    DATA = 1
    DISPATCH = 2
    OBJECT = 3
    ERROR = 4


class CallFailed(Exception):
    """The answer to a call is an NSError."""

    def __init__(self, domain: str, code: int, text: str) -> None:
        super().__init__(text)
        self.error = keyed.error(domain, code, text)


@dataclass(frozen=True)
class Message:
    """One message, reassembled."""

    kind: int
    number: int
    conversation: int
    channel: int
    expects_reply: bool
    arguments: list[Any]
    payload: bytes

    @property
    def selector(self) -> str:
        """The name of the called method."""
        return str(keyed.unarchive(self.payload)) if self.payload else ""


#: Carries out one call on a channel: its link, its channel's number, the call.
Service = Callable[["Link", int, Message], Awaitable[Any]]


class Link:
    """The phone's end of one connection. ``services`` by the names clients open channels to."""

    def __init__(
        self,
        channel: Channel,
        services: dict[str, Service],
        on_call: Callable[[str], Awaitable[None]],
    ) -> None:
        self._channel, self._services, self._on_call = channel, services, on_call
        self._open: dict[int, Service] = {}
        self._parts: dict[int, list[bytes]] = {}
        self._number = 0
        self._sending = asyncio.Lock()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Answer calls until the client hangs up."""
        await self.dispatch(0, "_notifyOfPublishedCapabilities:", [_CAPABILITIES])
        try:
            while True:
                message = await self._receive()
                if message.kind == Kind.DISPATCH:
                    await self._answer(message)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def dispatch(self, channel: int, selector: str, arguments: list[Any]) -> None:
        """Call a method of the client, without an answer."""
        aux = _arguments(arguments)
        await self._send(Kind.DISPATCH, -channel, aux, keyed.archive(selector), unasked=True)

    async def push(self, channel: int, value: Any) -> None:
        """Send an object that nobody asked for, such as a sample."""
        await self._send(Kind.OBJECT, -channel, b"", keyed.archive(value), unasked=True)

    def repeat(self, channel: int, act: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Do something on a channel every so often, until :meth:`stop`."""

        async def repeated() -> None:
            with suppress(LinkLost, ConnectionError):
                while True:
                    await act()
                    await asyncio.sleep(seconds)

        self.stop(channel)
        self._tasks[channel] = asyncio.get_running_loop().create_task(repeated())

    def stop(self, channel: int) -> None:
        """End what is repeated on a channel."""
        if (task := self._tasks.pop(channel, None)) is not None:
            task.cancel()

    async def _answer(self, message: Message) -> None:
        await self._on_call(message.selector)
        try:
            result = await self._call(message)
        except CallFailed as failed:
            kind, payload = Kind.ERROR, keyed.archive(failed.error)
        else:
            kind = Kind.OK if result is None else Kind.OBJECT
            payload = b"" if result is None else keyed.archive(result)
        if message.expects_reply:
            await self._send(kind, message.channel, b"", payload, reply_to=message)

    async def _call(self, message: Message) -> Any:
        if message.channel == 0:
            return self._control(message)
        service = self._open.get(message.channel)
        if service is None:
            raise CallFailed("DTXMessage", 1, f"no channel {message.channel}")
        return await service(self, message.channel, message)

    def _control(self, message: Message) -> None:
        match message.selector, message.arguments:
            case "_requestChannelWithCode:identifier:", [int(code), str(name)]:
                if name not in self._services:
                    raise CallFailed("DTXMessage", 1, f"no service {name}")
                self._open[code] = self._services[name]
            case "_channelCanceled:", [int(code)]:
                self._open.pop(code, None)
                self.stop(code)

    async def _receive(self) -> Message:
        while True:
            header = _FRAGMENT.unpack(await self._channel.read_exactly(_FRAGMENT.size))
            magic, size, index, count, length, number, conversation, channel, flags = header
            if magic != _MAGIC or size < _FRAGMENT.size or length > _MESSAGE_LIMIT:
                raise LinkLost("no DTX fragment")
            await self._channel.read_exactly(size - _FRAGMENT.size)
            if count > 1 and index == 0:  # announces the length, has no body
                self._parts[number] = []
                continue
            body = await self._channel.read_exactly(length)
            if count > 1:
                parts = self._parts.setdefault(number, [])
                parts.append(body)
                if index < count - 1:
                    continue
                body = b"".join(self._parts.pop(number))
            kind, aux_size, total, _ = _PAYLOAD.unpack_from(body)
            aux = body[_PAYLOAD.size : _PAYLOAD.size + aux_size]
            payload = body[_PAYLOAD.size + aux_size : _PAYLOAD.size + total]
            return Message(
                kind,
                number,
                conversation,
                channel,
                bool(flags & _EXPECTS_REPLY),
                _read_arguments(aux),
                payload,
            )

    async def _send(
        self,
        kind: Kind,
        channel: int,
        aux: bytes,
        payload: bytes,
        *,
        reply_to: Message | None = None,
        unasked: bool = False,
    ) -> None:
        if reply_to is None:
            self._number += 1
            number, conversation = self._number, 0
        else:
            number, conversation = reply_to.number, reply_to.conversation + 1
        total = len(aux) + len(payload)
        body = _PAYLOAD.pack(kind, len(aux), total, 0) + aux + payload
        header = _FRAGMENT.pack(
            _MAGIC, _FRAGMENT.size, 0, 1, len(body), number, conversation, channel, 0
        )
        async with self._sending:
            await self._channel.write(header + body)


def _arguments(values: list[Any]) -> bytes:
    """Arguments by position: each a null key and an archive."""
    out = b""
    for value in values:
        data = keyed.archive(value)
        out += struct.pack("<III", 10, 2, len(data)) + data
    return _DICTIONARY.pack(_DICTIONARY_MAGIC, len(out)) + out


def _read_arguments(aux: bytes) -> list[Any]:
    found: list[Any] = []
    at = _DICTIONARY.size
    while at < len(aux):
        _, at = _read_primitive(aux, at)  # the key, null for arguments by position
        value, at = _read_primitive(aux, at)
        found.append(value)
    return found


_NUMBERS = {3: struct.Struct("<i"), 6: struct.Struct("<q"), 9: struct.Struct("<d")}


def _read_primitive(aux: bytes, at: int) -> tuple[Any, int]:
    (tag,) = struct.unpack_from("<I", aux, at)
    tag, at = tag & 0xFF, at + 4
    if tag == 10:
        return None, at
    if number := _NUMBERS.get(tag):
        return number.unpack_from(aux, at)[0], at + number.size
    (length,) = struct.unpack_from("<I", aux, at)
    data, at = aux[at + 4 : at + 4 + length], at + 4 + length
    if tag == 1:
        return data.decode(errors="replace"), at
    try:
        return keyed.unarchive(data), at
    except ValueError:
        return data, at
