"""``app_process``: the runner without installation. The command's process stands for the runner."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from phones.android.answers import Answer, Question, refused
from phones.android.processes import find_ancestor

if TYPE_CHECKING:
    from phones.android.framework import Framework

_MAIN = "org.benchfarm.runner.app.ShellMain"
_PEER = struct.Struct("3i")


async def app_process(phone: Framework, question: Question, writer: asyncio.StreamWriter) -> Answer:
    """Runs until the runner ends; the runner ends with the process that asked."""
    class_path, token, *words = question.words
    arguments = [word for word in words if not word.startswith("-")]
    if len(arguments) != 5 or arguments[1] != _MAIN:
        phone.unexpected("app_process " + " ".join(words))
        return refused(f"Error: could not find class '{' '.join(arguments[1:2])}'", 1)
    if not token:
        return refused("java.lang.IllegalArgumentException: give the token", 1)
    if not _is_jar(phone, class_path):
        return refused(f"ClassNotFoundException: {_MAIN} on {class_path}", 1)
    _, _, name, store, spool = arguments
    asker = find_ancestor(_peer(writer), question.pid)
    if asker is None:
        return refused("app_process: its process is gone", 1)
    extras = {"socket": name, "token": token, "store": store, "spool": spool}
    runner = await phone.start_runner(
        f"app_process:{question.pid}", "app_process", extras, (asker, question.pid)
    )
    code = await runner.ended()
    return Answer(code=code if code >= 0 else 128 - code)


def _is_jar(phone: Framework, class_path: str) -> bool:
    if not class_path:
        return False
    place: Path = phone.userland.stored(class_path)
    return place.is_file()


def _peer(writer: asyncio.StreamWriter) -> int:
    """The asking process, by its socket."""
    link: socket.socket = writer.get_extra_info("socket")
    data = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, _, _ = _PEER.unpack(data)
    return int(pid)
