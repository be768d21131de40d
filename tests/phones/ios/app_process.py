"""The process of a running app: a runner behind a port of the phone.

The bytes of a connection are pumped to the runner, which really listens on this machine. On the way
the messages of the host are read along, so that faults can wait for a phase of the trial; that is
also where a suspended app stalls.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.wire import messages as m
from harness.wire.codec import Decoder, WireFormatError
from phones.ios.channel import Channel, LinkLost
from phones.physics import Status
from phones.scripted_runner import ScriptedRunner

if TYPE_CHECKING:
    from phones.ios.apps import App
    from phones.ios.phone import Phone

_PIECE = 1 << 18
_KILL_S = 5.0
#: Messages that begin a phase of a trial, by the names that faults use.
_PHASES: dict[type, str] = {
    m.Hello: "hello",
    m.LoadModel: "load",
    m.Run: "run",
    m.Append: "append",
    m.Infer: "infer",
    m.Bye: "bye",
}


class Running(Protocol):
    """A runner that listens."""

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new link to it."""

    def freeze(self, frozen: bool) -> None:
        """Take the processor away, or give it back."""

    def kill(self) -> None:
        """End it at once."""

    @property
    def ended(self) -> bool:
        """Whether it is over: a runner ends after ``bye``."""


@dataclass(frozen=True)
class Start:
    """What a runner program is started with."""

    app: App
    pid: int
    store: Path
    spool: Path  #: a folder that is not there yet
    token: str
    process: str = ""  #: the name of a process that may serve several sessions


#: Starts a runner.
Program = Callable[[Start], Awaitable[Running]]


class AppProcess:
    """One run of an app."""

    def __init__(
        self,
        app: App,
        pid: int,
        port: int,
        arguments: list[str],
        environment: dict[str, str],
    ) -> None:
        self.app, self.pid, self.port = app, pid, port
        self.arguments, self.environment = arguments, environment
        self.alive = True
        self._running: Running | None = None
        self._links: set[Channel] = set()

    @property
    def runner_ended(self) -> bool:
        """Whether the runner has said goodbye."""
        return self._running is not None and self._running.ended

    async def start(self, token: str, name: str = "") -> None:
        """Bring the runner up; an app without a program only exists."""
        if self.app.program is None:
            return
        store, results = self.app.documents / "models", self.app.documents / "results"
        store.mkdir(exist_ok=True)
        shutil.rmtree(results, ignore_errors=True)  # of the session before
        folder = results / hashlib.sha256(token.encode()).hexdigest()[:16]
        start = Start(self.app, self.pid, store, folder, token, name)
        self._running = await self.app.program(start)

    async def serve(self, channel: Channel) -> None:
        """Carry one connection to the runner and back until either side ends."""
        if self._running is None:
            return
        try:
            reader, writer = await self._running.connect()
        except OSError:
            return
        self._links.add(channel)
        try:
            await self._carry(channel, reader, writer)
        finally:
            self._links.discard(channel)
            writer.close()

    def freeze(self, frozen: bool) -> None:
        """Send the app to the background, or bring it back."""
        if self._running is not None:
            self._running.freeze(frozen)

    def kill(self) -> None:
        """End the runner and its links."""
        self.alive = False
        if self._running is not None:
            self._running.kill()
        for link in tuple(self._links):
            link.close()

    async def _carry(
        self, channel: Channel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        back = asyncio.create_task(self._pump_back(reader, channel))
        watch = _PhaseWatch(self.app)
        try:
            while True:
                data = await channel.read()
                await self._in_foreground()
                watch.see(data)
                writer.write(data)
                await writer.drain()
        except (LinkLost, ConnectionError):
            with suppress(OSError):  # the host is through; what the runner still says may follow
                writer.write_eof()
            await back
        finally:
            back.cancel()

    async def _pump_back(self, reader: asyncio.StreamReader, channel: Channel) -> None:
        with suppress(LinkLost, ConnectionError):
            while data := await reader.read(_PIECE):
                await self._in_foreground()
                await channel.write(data)
        channel.close()

    async def _in_foreground(self) -> None:
        phone = self.app.phone
        assert phone is not None
        await phone.in_foreground.wait()


class _PhaseWatch:
    """Reads the host's messages along; bytes that are none end the reading, not the link."""

    def __init__(self, app: App) -> None:
        self._app, self._decoder = app, Decoder()

    def see(self, data: bytes) -> None:
        """Tell the phone which phases begin with these bytes."""
        assert self._app.phone is not None
        with suppress(WireFormatError):
            for packet in self._decoder.feed(data):
                phase = _PHASES.get(type(packet.message))
                if phase is not None:
                    self._app.phone.phase(phase)


@dataclass
class ReferenceRunner:
    """The local runner in a process of its own, listening on loopback."""

    process: subprocess.Popen[bytes]
    port: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new link to it."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    def freeze(self, frozen: bool) -> None:
        """Take the processor away, or give it back."""
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.process.poll() is not None


async def reference_program(start: Start) -> Running:
    """Real inference on this machine behind the phone's port."""
    return await asyncio.to_thread(_start_reference, start)


def _start_reference(start: Start) -> ReferenceRunner:
    start.spool.mkdir(parents=True)
    theirs_read, theirs_write = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "device_agents.local.runner", "--store", str(start.store)),
            *("--spool", str(start.spool), "--lasting", "yes"),
            *("--announce", str(theirs_write)),
        ],
        env=os.environ | {"BENCHFARM_TOKEN": start.token, "BENCHFARM_PARENT": str(os.getpid())},
        pass_fds=[theirs_write],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs_write)
    with os.fdopen(theirs_read) as announced:
        return ReferenceRunner(process, int(announced.readline()))


@dataclass
class ScriptedProcess:
    """The runner that sleeps instead of inferring, on a thread of this process."""

    runner: ScriptedRunner

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new link to it."""
        return await asyncio.open_connection("127.0.0.1", self.runner.port)

    def freeze(self, frozen: bool) -> None:
        """Take the processor away, or give it back."""
        self.runner.freeze(frozen)

    def kill(self) -> None:
        """End it at once."""
        self.runner.kill()
        self.runner.join(_KILL_S)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.runner.ended


#: iOS knows four thermal states; these are their levels on the common scale.
_THERMAL_STATES = {
    Status.NONE: Status.NONE,
    Status.LIGHT: Status.LIGHT,
    Status.MODERATE: Status.LIGHT,
    Status.SEVERE: Status.SEVERE,
}
_FOOTPRINT_BYTES = 120 << 20


def _readings(phone: Phone) -> dict[str, int]:
    """What an app may read on an iPhone: its footprint and limit, and three states of the phone."""
    status = phone.physics.reading().status
    return {
        "self.rss_bytes": _FOOTPRINT_BYTES,
        "self.rss_peak_bytes": _FOOTPRINT_BYTES + (8 << 20),
        "self.available_bytes": phone.profile.memory_bytes // 2 - _FOOTPRINT_BYTES,
        "thermal.status": int(_THERMAL_STATES.get(status, Status.CRITICAL)),
        "device.battery_plugged": int(phone.physics.reading().gauge.plugged),
        "device.low_power_mode": int(phone.condition.low_power_mode),
        "device.brightness_percent": phone.condition.brightness_percent,
    }


async def scripted_program(start: Start) -> Running:
    """A runner as warm and as fast as the phone's physics."""
    phone = start.app.phone
    assert phone is not None
    facts: dict[str, m.Scalar] = {
        "runner": "ios",
        "language": "scripted",
        "pid": start.pid,
        "low_power_mode": phone.condition.low_power_mode,
    }
    if start.process:
        facts["process"] = start.process
    runner = ScriptedRunner(
        store=start.store,
        spool=start.spool,
        token=start.token,
        physics=phone.physics,
        latency_s=phone.profile.inference_s,
        facts=facts,
        readings=lambda: _readings(phone),
        lasting=True,
    )
    return ScriptedProcess(runner)
