"""The host's usbmuxd with simulated phones behind it, on a TCP port of this machine.

A message is a little-endian header (length with it, version 1, type 8 for plists, tag) and an XML
plist. After a Connect that succeeds the same connection is the phone's.
"""

from __future__ import annotations

import asyncio
import plistlib
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from phones.ios.certificates import system_buid
from phones.ios.channel import Channel, LinkLost
from phones.ios.phone import Phone

_HEADER = struct.Struct("<IIII")
_PLIST_MESSAGE = 8
_LIMIT = 1 << 20
OK, BAD_COMMAND, BAD_DEVICE, REFUSED = 0, 1, 2, 3


class Usbmuxd:
    """One daemon. ``network`` names the phones that are there over Wi-Fi, too."""

    def __init__(self, phones: Iterable[Phone], host: str, network: Iterable[str] = ()) -> None:
        self.host, self.port = host, 0
        self.phones = list(phones)
        self.records: dict[str, bytes] = {}
        #: What a service could not make sense of; its link ended.
        self.errors: list[Exception] = []
        self._network = set(network)
        self._ids: dict[tuple[str, str], int] = {}
        self._last_id = 0
        self._listeners: set[Channel] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        for phone in self.phones:
            phone.on_attachment = self._attachment
            self._enumerate(phone)

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = writer.get_extra_info("socket")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel = Channel(reader, writer, link)
        try:
            await self._converse(channel)
        except (LinkLost, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - a phone hangs up on nonsense, and a test asks
            self.errors.append(error)
        finally:
            self._listeners.discard(channel)
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, channel: Channel) -> None:
        while True:
            size, _, kind, tag = _HEADER.unpack(await channel.read_exactly(_HEADER.size))
            if kind != _PLIST_MESSAGE or not _HEADER.size <= size <= _LIMIT:
                return None
            message = plistlib.loads(await channel.read_exactly(size - _HEADER.size))
            match message.get("MessageType"):
                case "Connect":
                    return await self._connect(channel, message, tag)
                case "Listen":
                    await self._listen(channel, tag)
                case _:
                    await _send(channel, self._answer(message), tag)

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        record_id = str(message.get("PairRecordID", ""))
        match message.get("MessageType"):
            case "ListDevices":
                return {
                    "DeviceList": [found for phone in self.phones for found in self._all(phone)]
                }
            case "ReadBUID":
                return {"BUID": system_buid(self.host)}
            case "ReadPairRecord" if record_id in self.records:
                return {"PairRecordData": self.records[record_id]}
            case "SavePairRecord":
                self.records[record_id] = message["PairRecordData"]
                number = OK
            case "ReadPairRecord":
                number = BAD_DEVICE
            case "DeletePairRecord":
                number = OK if self.records.pop(record_id, None) else BAD_DEVICE
            case _:
                number = BAD_COMMAND
        return _result(number)

    async def _listen(self, channel: Channel, tag: int) -> None:
        await _send(channel, _result(OK), tag)
        for phone in self.phones:
            for attached in self._all(phone):
                await _send(channel, attached, 0)
        self._listeners.add(channel)

    async def _connect(self, channel: Channel, message: dict[str, Any], tag: int) -> None:
        phone = self._phone(int(message.get("DeviceID", 0)))
        if phone is None:
            return await _send(channel, _result(BAD_DEVICE), tag)
        # The port is in network byte order inside a little-endian number.
        port = socket.ntohs(int(message.get("PortNumber", 0)) & 0xFFFF)
        handler = phone.handler_of(port)
        if handler is None:
            return await _send(channel, _result(REFUSED), tag)
        await _send(channel, _result(OK), tag)
        channel.moving = phone.moving
        phone.links.add(channel)
        try:
            await handler(channel)
        finally:
            phone.links.discard(channel)

    def _phone(self, device_id: int) -> Phone | None:
        for phone in self.phones:
            if phone.attached and device_id in self._ids_of(phone).values():
                return phone
        return None

    def _enumerate(self, phone: Phone) -> None:
        for connection in ("USB", "Network")[: 2 if phone.udid in self._network else 1]:
            self._last_id += 1
            self._ids[phone.udid, connection] = self._last_id

    def _ids_of(self, phone: Phone) -> dict[str, int]:
        return {way: number for (udid, way), number in self._ids.items() if udid == phone.udid}

    def _all(self, phone: Phone) -> list[dict[str, Any]]:
        if not phone.attached:
            return []
        return [_attached(phone, way, number) for way, number in self._ids_of(phone).items()]

    def _attachment(self, phone: Phone, attached: bool) -> None:
        if attached:
            self._enumerate(phone)
            news = self._all(phone)
        else:
            news = [
                {"MessageType": "Detached", "DeviceID": number}
                for number in self._ids_of(phone).values()
            ]
        for channel in self._listeners:
            task = asyncio.get_running_loop().create_task(_tell(channel, news))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _attached(phone: Phone, connection: str, device_id: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "ConnectionType": connection,
        "DeviceID": device_id,
        "SerialNumber": phone.udid,
    }
    if connection == "USB":
        properties |= {
            "ConnectionSpeed": 480_000_000,
            "LocationID": 0x100000 + phone.number,
            "ProductID": 0x12A8,
            "USBSerialNumber": phone.udid.replace("-", ""),
        }
    else:
        properties |= {
            "EscapedFullServiceName": f"{phone.udid}._apple-mobdev2._tcp.local.",
            "InterfaceIndex": 2,
            "NetworkAddress": b"\x10\x02" + bytes(126),
        }
    return {"MessageType": "Attached", "DeviceID": device_id, "Properties": properties}


def _result(number: int) -> dict[str, Any]:
    return {"MessageType": "Result", "Number": number}


async def _tell(channel: Channel, news: list[dict[str, Any]]) -> None:
    with suppress(LinkLost, ConnectionError):
        for message in news:
            await _send(channel, message, 0)


async def _send(channel: Channel, message: dict[str, Any], tag: int) -> None:
    data = plistlib.dumps(message)
    await channel.write(_HEADER.pack(_HEADER.size + len(data), 1, _PLIST_MESSAGE, tag) + data)
