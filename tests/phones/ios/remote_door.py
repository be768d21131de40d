"""Where the services of an iOS 17+ phone are reached: inside its tunnel, or on this machine.

The tunnel of 17.4 and later is the phone's own (``phones.ios.tunnel``). For the privileged one of
17.0 to 17.3 there is only the far end: the directory and its services listen on loopback, and a
small tunneld tells where, as the real one does behind its USB network interface.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import Iterable
from contextlib import suppress

from phones.ios.channel import Channel, LinkLost
from phones.ios.lockdownd import Lockdownd
from phones.ios.phone import Handler, Phone
from phones.ios.remote_services import directory, remote_services
from phones.ios.tunnel import RSD_PORT

_FIRST_PORT = 50001


class RemoteDoor:
    """The services of one phone by port."""

    def __init__(self, phone: Phone, lockdown: Lockdownd) -> None:
        self.phone = phone
        self._services = remote_services(phone, lockdown)
        ports = dict(zip(self._services, itertools.count(_FIRST_PORT), strict=False))
        #: Who answers inside the tunnel.
        self.handlers: dict[int, Handler] = {
            port: self._services[name] for name, port in ports.items()
        }
        self.handlers[RSD_PORT] = directory(phone, ports)
        self.port = 0
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        """Offer everything on loopback, too; returns the port of the directory."""
        if not self.port:
            ports = {
                name: await self._listen_on(handler) for name, handler in self._services.items()
            }
            self.port = await self._listen_on(directory(self.phone, ports))
        return self.port

    async def close(self) -> None:
        """End every connection."""
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen_on(self, handler: Handler) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                link = writer.get_extra_info("socket")
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self._serve(handler, Channel(reader, writer, link))
            finally:
                self._tasks.discard(task)
                writer.close()
                with suppress(ConnectionError, asyncio.CancelledError):
                    await writer.wait_closed()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, handler: Handler, channel: Channel) -> None:
        if self.phone.gone or not self.phone.condition.tunnel_up:
            return
        channel.tunnelled, channel.moving = True, self.phone.moving
        self.phone.links.add(channel)
        try:
            await handler(channel)
        except (LinkLost, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.phone.links.discard(channel)


class Tunneld:
    """The HTTP face of tunneld: one answer, which says where each phone's directory is."""

    def __init__(self, doors: Iterable[RemoteDoor]) -> None:
        self._doors = list(doors)
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen, with the doors of all phones open on loopback."""
        for door in self._doors:
            await door.listen()
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            up = [d for d in self._doors if not d.phone.gone and d.phone.condition.tunnel_up]
            body = json.dumps({door.phone.udid: [_told(door)] for door in up}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _told(door: RemoteDoor) -> dict[str, object]:
    return {
        "tunnel-address": "127.0.0.1",
        "tunnel-port": door.port,
        "interface": f"simulated{door.phone.number}",
    }
