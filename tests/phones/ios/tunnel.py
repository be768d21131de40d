"""CoreDeviceProxy: the tunnel of iOS 17.4 and later, over one lockdown connection.

After a handshake in JSON both sides send bare IPv6 packets. The phone's end is the small TCP below:
a server for a link that keeps the order and loses nothing, so all that is ever sent again is what
the other side did not take.
"""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Any

from phones.ios.channel import Channel, LinkLost
from phones.ios.phone import Handler, Phone
from phones.ios.tcp import Accept, Stack

_MAGIC = b"CDTunnel"
_IPV6_HEADER = 40
_MTU = 16000
RSD_PORT = 58783


def core_device_proxy(phone: Phone, handlers: dict[int, Handler]) -> Handler:
    """The service; ``handlers`` answer at the ports of the phone's end."""

    async def serve(channel: Channel) -> None:
        await phone.asked("tunnel")
        channel.tunnelled = True
        client, server = _addresses(phone)
        asked = await _read_handshake(channel)
        mtu = min(_MTU, int(asked.get("mtu", 1280)))
        await _write_handshake(
            channel,
            {
                "type": "serverHandshakeResponse",
                "clientParameters": {
                    "address": str(client),
                    "mtu": mtu,
                    "netmask": "ffff:ffff:ffff:ffff::",
                },
                "serverAddress": str(server),
                "serverRSDPort": RSD_PORT,
            },
        )
        stack = Stack(server.packed, mtu, channel.write, _acceptor(phone, handlers))
        try:
            await _pump(channel, stack)
        finally:
            await stack.close()

    return serve


def _acceptor(phone: Phone, handlers: dict[int, Handler]) -> Accept:
    """Who answers at a port of the tunnel."""

    def accept(port: int) -> Handler | None:
        handler = handlers.get(port)
        if handler is None or phone.gone or not phone.condition.tunnel_up:
            return None
        return handler

    return accept


async def _pump(channel: Channel, stack: Stack) -> None:
    while True:
        header = await channel.read_exactly(_IPV6_HEADER)
        if header[0] >> 4 != 6:
            raise LinkLost("no IPv6 packet")
        (length,) = struct.unpack_from(">H", header, 4)
        await stack.receive(header + await channel.read_exactly(length))


def _addresses(phone: Phone) -> tuple[IPv6Address, IPv6Address]:
    """Local addresses that belong to this phone's tunnel alone: the host's and the phone's."""
    network = int(IPv6Address("fd7a:6e5b::")) | (phone.ecid & 0xFFFFFFFF) << 64
    return IPv6Address(network | 2), IPv6Address(network | 1)


async def _read_handshake(channel: Channel) -> dict[str, Any]:
    magic, length = struct.unpack(">8sH", await channel.read_exactly(10))
    if magic != _MAGIC:
        raise LinkLost("no tunnel handshake")
    with suppress(ValueError):
        message = json.loads(await channel.read_exactly(length))
        if isinstance(message, dict):
            return message
    raise LinkLost("no tunnel handshake")


async def _write_handshake(channel: Channel, message: dict[str, object]) -> None:
    data = json.dumps(message).encode()
    await channel.write(struct.pack(">8sH", _MAGIC, len(data)) + data)
