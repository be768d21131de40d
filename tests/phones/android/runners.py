"""The runner on a simulated phone: the real core on a JVM, or a scripted one.

Both listen on loopback; the phone forwards ``localabstract:NAME`` there. Both have a process that
the phone's own ``ps`` shows under the package's name.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from phones.android.processes import Process, gone
from phones.android.userland import Userland
from phones.physics import Physics
from phones.scripted_runner import ScriptedRunner

#: A throttled JVM is stopped and continued in such periods.
_PERIOD_S = 0.02
_LOAD_EVERY_S = 0.1
_SLEEPER = ("sleep", "2147483647")

Log = Callable[[str, str, str, int], None]


@dataclass(frozen=True)
class Start:
    """What a runner is started with.

    ``asked_by`` is the process (host's id, phone's id) that stands for the runner already: that of
    ``app_process``; None for an app, which gets one of its own.
    """

    package: str
    way: str  #: ``activity``, ``instrumentation``, ``app_process``
    socket: str
    token: str
    store: Path
    spool: Path
    uid: int
    asked_by: tuple[int, int] | None = None


class Runner(Protocol):
    """A started runner."""

    start: Start

    @property
    def pid(self) -> int:
        """Its process as the phone sees it."""

    @property
    def port(self) -> int:
        """Where it listens on loopback; 0 until it does."""

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it."""

    def freeze(self, frozen: bool) -> None:
        """Stop it, or let it go on."""

    async def ended(self) -> int:
        """Wait until it is over; its exit code, negative for a signal."""

    def rank(self, score: int) -> None:
        """Its ``oom_score_adj``."""

    def cpu_s(self) -> float:
        """Processor time of this machine it has used, all threads."""


@dataclass
class JvmRunner:
    """The Android runner's core on the desktop JVM: real inference."""

    start: Start
    process: Process
    physics: Physics
    port: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _frozen: bool = False

    @property
    def pid(self) -> int:
        """As the phone sees it."""
        return self.start.asked_by[1] if self.start.asked_by else self.process.pid

    @classmethod
    async def launch(
        cls, userland: Userland, start: Start, physics: Physics, program: tuple[str, ...], log: Log
    ) -> JvmRunner:
        """Start it; it listens a moment later."""
        announced, announce = os.pipe()
        start.spool.mkdir(parents=True, exist_ok=True)
        arguments = ["--announce", str(announce), "--store", str(start.store)]
        arguments += ["--spool", tempfile.mkdtemp(dir=start.spool)]
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "BENCHFARM_TOKEN": start.token,
            "BENCHFARM_SPAWNED_AT_NS": str(time.monotonic_ns()),
            "ORT_DISABLE_TELEMETRY": "1",  # the app sets it itself, in ``Start``
        }
        command = userland.outside_command(start.package, *program, *arguments)
        process = await Process.start(command, environment, (announce,))
        os.close(announce)
        runner = cls(start, process, physics)
        work = [runner._listen(announced), runner._relay_log(log), runner._heat()]
        if start.asked_by is not None:
            work.append(runner._end_with(start.asked_by[0]))
        runner._tasks = [asyncio.create_task(part) for part in work]
        return runner

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it."""
        self.process.signal(how)
        self.process.signal(signal.SIGCONT)

    def freeze(self, frozen: bool) -> None:
        """Stop it, or let it go on."""
        self._frozen = frozen
        self.process.signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    async def ended(self) -> int:
        """Wait until it is over."""
        code = await self.process.holder.wait()
        for task in self._tasks:
            task.cancel()
        self.physics.set_load("runner", 0.0)
        return code

    def rank(self, score: int) -> None:
        """Of its process."""
        self.process.rank(score)

    def cpu_s(self) -> float:
        """From the host's ``/proc``."""
        return self.process.cpu_s()

    async def _listen(self, announced: int) -> None:
        reader = asyncio.StreamReader()
        file = os.fdopen(announced, "rb", buffering=0)
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        text = await reader.read(16)
        pipe.close()
        self.port = int(text or b"0")

    async def _end_with(self, host_pid: int) -> None:
        await gone(host_pid)
        self.kill()

    async def _relay_log(self, log: Log) -> None:
        output = self.process.holder.stdout
        while output is not None and (line := await output.readline()):
            log("I", "System.out", line.decode(errors="replace").rstrip(), self.pid)

    async def _heat(self) -> None:
        """Its processor time is the phone's load; the phone's throttling stops it in turn."""
        used_s, at_s = self.cpu_s(), time.monotonic()
        while True:
            pause_s = _PERIOD_S * (1 - self.physics.reading().speed)
            if pause_s > 0.0 and not self._frozen:
                await self._pause(pause_s)
                await asyncio.sleep(_PERIOD_S - pause_s)
            else:
                await asyncio.sleep(_LOAD_EVERY_S)
            now_s = time.monotonic()
            if now_s - at_s >= _LOAD_EVERY_S:
                used = self.cpu_s()
                self.physics.set_load("runner", (used - used_s) / (now_s - at_s))
                used_s, at_s = used, now_s

    async def _pause(self, seconds: float) -> None:
        self.process.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if not self._frozen:
            self.process.signal(signal.SIGCONT)


@dataclass
class ThreadRunner:
    """The scripted runner on a thread of ours, with a process that only stands for it."""

    start: Start
    scripted: ScriptedRunner
    process: Process | None
    pid: int
    _over: asyncio.Task[int] = field(init=False)

    def __post_init__(self) -> None:
        self._over = asyncio.create_task(self._end_together())

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.scripted.port

    @classmethod
    async def launch(
        cls, userland: Userland, start: Start, physics: Physics, latency_s: float
    ) -> ThreadRunner:
        """Start it; it listens at once."""
        process = None
        if start.asked_by is None:
            command = userland.outside_command(start.package, *_SLEEPER, uid=start.uid)
            process = await Process.start(command, {"PATH": os.environ.get("PATH", "")})
        pid = process.pid if process else start.asked_by[1] if start.asked_by else 0
        start.spool.mkdir(parents=True, exist_ok=True)
        scripted = ScriptedRunner(
            store=start.store,
            spool=start.spool / secrets.token_hex(4),
            token=start.token,
            physics=physics,
            latency_s=latency_s,
            facts={
                "runner": "scripted",
                "start": start.way,
                "pid": pid,
                "uid": start.uid,
                "language": "Python, scripted",
            },
            readings=None if start.way == "app_process" else lambda: _app_readings(physics),
        )
        return cls(start, scripted, process, pid)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it."""
        if self.process is not None:
            self.process.signal(how)
        elif self.start.asked_by is not None:
            with suppress(ProcessLookupError):
                os.kill(self.start.asked_by[0], how)
        self.scripted.kill()

    def freeze(self, frozen: bool) -> None:
        """Stop it, or let it go on."""
        self.scripted.freeze(frozen)

    async def ended(self) -> int:
        """Wait until it is over."""
        return await asyncio.shield(self._over)

    def rank(self, score: int) -> None:
        """Of the process that stands for it."""
        if self.process is not None:
            self.process.rank(score)

    def cpu_s(self) -> float:
        """It only sleeps."""
        return 0.0

    async def _end_together(self) -> int:
        """The thread's end ends the process with 0, the process's end ends the thread."""
        thread = asyncio.create_task(asyncio.to_thread(self.scripted.join))
        process = asyncio.create_task(self._process_end())
        await asyncio.wait((thread, process), return_when=asyncio.FIRST_COMPLETED)
        said_bye = thread.done() and not self.scripted.killed
        self.scripted.kill()
        if said_bye and self.process is not None:
            self.process.signal(signal.SIGKILL)
        if said_bye and self.process is None:
            process.cancel()  # its answer ends that process
            return 0
        code = await process
        return 0 if said_bye else code

    async def _process_end(self) -> int:
        if self.process is not None:
            return await self.process.holder.wait()
        if self.start.asked_by is not None:
            await gone(self.start.asked_by[0])
        return -signal.SIGKILL


def _app_readings(physics: Physics) -> dict[str, int]:
    """What only an app may ask of the system, under the Android runner's names, raw."""
    reading = physics.reading()
    return {
        "app.battery_current_raw": reading.gauge.current,
        "app.battery_voltage_mv": reading.gauge.voltage_uv // 1000,
        "app.battery_charge_uah": reading.gauge.charge_uah,
        "app.battery_decicelsius": reading.gauge.decidegrees,
        "app.battery_plugged": int(reading.gauge.plugged),
        "app.thermal_status": int(reading.status),
    }
