"""``shell:`` and ``exec:`` services: a program in the userland, wired to a stream."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from phones.android.packets import Shell, ShellDecoder, shell_packet
from phones.android.transport import Stream
from phones.android.userland import ENVIRONMENT, Userland, children

_CHUNK = 65536
_SIGNALLED = 128

Serve = Callable[[Stream], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """A parsed destination: ``shell,v2,TERM=xterm,raw:ls`` and its like."""

    command: str
    protocol: bool  #: packets with an exit code, else bare bytes
    terminal: bool
    environment: dict[str, str]

    @classmethod
    def parse(cls, destination: str) -> Request:
        """Read ``shell[,ARG...]:COMMAND`` or ``exec:COMMAND``."""
        service, _, command = destination.partition(":")
        name, *arguments = service.split(",")
        terms = dict(arg.split("=", 1) for arg in arguments if arg.startswith("TERM="))
        terminal = "pty" in arguments or (not command and "raw" not in arguments)
        return cls(command, "v2" in arguments, terminal and name == "shell", terms)


def program(request: Request) -> list[str]:
    """What is started."""
    shell = ["/system/bin/sh", "-c", request.command] if request.command else ["/system/bin/sh"]
    if not request.command and request.terminal:
        shell.append("-i")
    return ["/system/bin/setsid", "-c", *shell] if request.terminal else shell


async def serve(userland: Userland, request: Request, stream: Stream) -> None:
    """Run it until it ends or the stream is closed."""
    await userland.start()
    command = userland.command(*program(request))
    environment = ENVIRONMENT | request.environment | {"HOSTNAME": "android"}
    if request.terminal:
        await _serve_terminal(command, environment, request, stream)
        return
    separate = asyncio.subprocess.PIPE if request.protocol else asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=separate,
        env=environment,
        start_new_session=True,
        limit=1 << 20,
    )
    feeding = asyncio.create_task(_feed(process, request, stream))
    lock = asyncio.Lock()
    outputs = [asyncio.create_task(_copy(process.stdout, Shell.STDOUT, request, stream, lock))]
    if process.stderr is not None:
        outputs.append(
            asyncio.create_task(_copy(process.stderr, Shell.STDERR, request, stream, lock))
        )
    hanging_up = asyncio.create_task(_hang_up(process, request, stream))
    try:
        await asyncio.gather(*outputs)
        code = await process.wait()
        await _tell_exit(code, request, stream)
    finally:
        for task in (feeding, hanging_up, *outputs):
            task.cancel()
        if process.returncode is None and request.protocol:
            _hang_up_now(process)


async def _tell_exit(code: int, request: Request, stream: Stream) -> None:
    if request.protocol and not stream.closed.is_set():
        shown = code if code >= 0 else _SIGNALLED - code
        await stream.write(shell_packet(Shell.EXIT, bytes([shown & 0xFF])))


async def _copy(
    source: asyncio.StreamReader | None,
    kind: Shell,
    request: Request,
    stream: Stream,
    lock: asyncio.Lock,
) -> None:
    while source is not None and (data := await source.read(_CHUNK)):
        if stream.closed.is_set():
            return
        async with lock:
            with suppress(ConnectionError):
                await stream.write(shell_packet(kind, data) if request.protocol else data)


async def _feed(process: asyncio.subprocess.Process, request: Request, stream: Stream) -> None:
    """Standard input, as far as the program takes it."""
    decoder, target = ShellDecoder(), process.stdin
    if target is None:
        return
    with suppress(ConnectionError):
        while data := await stream.read():
            if not request.protocol:
                target.write(data)
            else:
                for kind, payload in decoder.feed(data):
                    if kind is Shell.STDIN:
                        target.write(payload)
                    elif kind is Shell.CLOSE_STDIN:
                        target.close()
            if not target.is_closing():
                await target.drain()
    target.close()


async def _hang_up(process: asyncio.subprocess.Process, request: Request, stream: Stream) -> None:
    """Without the protocol a program notices by itself: its input ends, nobody reads it."""
    await stream.closed.wait()
    if request.protocol:
        _hang_up_now(process)
    elif (output := process._transport.get_pipe_transport(1)) is not None:  # type: ignore[attr-defined]
        output.close()


def _hang_up_now(process: asyncio.subprocess.Process) -> None:
    """The shell is told that its host went away; what it started in the background is not."""
    for pid in children(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGHUP)


async def _serve_terminal(
    command: list[str], environment: dict[str, str], request: Request, stream: Stream
) -> None:
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    file = os.fdopen(ours, "rb", buffering=0)
    pipe, _ = await loop.connect_read_pipe(lambda: protocol, file)
    feeding = asyncio.create_task(_type(ours, request, stream))
    try:
        with suppress(OSError):  # the last holder of the terminal is gone
            await _copy(reader, Shell.STDOUT, request, stream, asyncio.Lock())
        await _tell_exit(await process.wait(), request, stream)
    finally:
        feeding.cancel()
        pipe.close()
        if process.returncode is None:
            _hang_up_now(process)


async def _type(terminal: int, request: Request, stream: Stream) -> None:
    decoder = ShellDecoder()
    while data := await stream.read():
        if not request.protocol:
            os.write(terminal, data)
            continue
        for kind, payload in decoder.feed(data):
            if kind is Shell.STDIN:
                os.write(terminal, payload)
