"""Talking to an adb server as a USB bus would: phones appear and disappear."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_ANSWER_S = 12.0
_TRIES, _BETWEEN_S = 20, 0.15


async def plug_in(server_port: int, phone_port: int) -> str:
    """Have the server connect to a phone; its words."""
    return await _ask(server_port, f"host:connect:127.0.0.1:{phone_port}")


async def unplug(server_port: int, phone_port: int) -> str:
    """Have the server forget a phone; its words."""
    return await _ask(server_port, f"host:disconnect:127.0.0.1:{phone_port}")


async def unplug_for_good(server_port: int, phone_port: int) -> None:
    """As :func:`unplug`, until the server has also given up to reconnect."""
    for _ in range(_TRIES):
        await unplug(server_port, phone_port)
        await asyncio.sleep(_BETWEEN_S)
        if f"127.0.0.1:{phone_port}\t" not in await _ask(server_port, "host:devices"):
            return


async def _ask(server_port: int, request: str) -> str:
    if not server_port:
        return ""
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", server_port)
        writer.write(f"{len(request):04x}{request}".encode())
        answer = await asyncio.wait_for(reader.read(), _ANSWER_S)
        writer.close()
        return answer.decode(errors="replace")
    return ""
