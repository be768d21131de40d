"""Streams to sockets on the phone, and ``reverse:``, where the phone listens for the host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from phones.android.transport import Stream, Transport

_CHUNK = 256 * 1024

#: Sees bytes on their way: True for those towards the phone.
Tap = Callable[[bytes, bool], Awaitable[None]]


async def _nothing(data: bytes, inward: bool) -> None:
    return


async def join(
    stream: Stream,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    tap: Tap = _nothing,
) -> None:
    """Carry bytes both ways until either side ends."""

    async def inward() -> None:
        while data := await stream.read():
            await tap(data, True)
            writer.write(data)
            await writer.drain()

    async def outward() -> None:
        while data := await reader.read(_CHUNK):
            await tap(data, False)
            await stream.write(data)

    tasks = [asyncio.create_task(inward()), asyncio.create_task(outward())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:  # adb knows no half-closed stream: the end of one way is the end of both
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()


async def to_port(port: int, tap: Tap = _nothing) -> Callable[[Stream], Awaitable[None]] | None:
    """A service that joins a stream to a port of loopback; None when nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    return lambda stream: join(stream, reader, writer, tap)


class Reversals:
    """What ``adb reverse`` has set up on one transport."""

    def __init__(self) -> None:
        self._listening: dict[str, tuple[asyncio.Server, str]] = {}

    async def serve(self, transport: Transport, request: str, stream: Stream) -> None:
        """One request: ``forward:``, ``killforward:``, ``killforward-all``, ``list-forward``."""
        verb, _, rest = request.partition(":")
        match verb:
            case "forward":
                await self._forward(transport, rest.removeprefix("norebind:"), stream)
            case "killforward" if rest in self._listening:
                self._listening.pop(rest)[0].close()
                await stream.write(b"OKAY")
            case "killforward-all":
                self.close()
                await stream.write(b"OKAY")
            case "list-forward":
                rows = "".join(f"host {at} {to}\n" for at, (_, to) in self._listening.items())
                await stream.write(_counted(rows))
            case _:
                await stream.write(b"FAIL" + _counted(f"listener '{rest}' not found"))

    async def _forward(self, transport: Transport, rest: str, stream: Stream) -> None:
        at, _, to = rest.partition(";")
        kind, _, port = at.partition(":")
        if kind != "tcp" or not port.isdigit():
            await stream.write(b"FAIL" + _counted(f"cannot listen on {at!r}"))
            return

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                opened = await transport.open_to_host(to)
                if opened is not None:
                    await join(opened, reader, writer)
            writer.close()

        try:
            server = await asyncio.start_server(accept, "127.0.0.1", int(port))
        except OSError as error:
            await stream.write(b"FAIL" + _counted(f"cannot bind: {error.strerror}"))
            return
        bound = server.sockets[0].getsockname()[1]
        self._listening[f"tcp:{bound}"] = (server, to)
        chosen = _counted(str(bound)) if port == "0" else b""
        await stream.write(b"OKAY" + chosen)

    def close(self) -> None:
        """Stop listening."""
        for server, _ in self._listening.values():
            server.close()
        self._listening.clear()


def _counted(text: str) -> bytes:
    return f"{len(text):04x}{text}".encode()
