"""Android's framework on a simulated phone: answers the userland's questions over a socket.

What is not known is refused as Android refuses it, and recorded, so that a test can assert that
nothing unexpected was asked.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from phones.android.answers import Answer, Question, refused
from phones.android.clock_text import log_stamp
from phones.android.profiles import Profile
from phones.android.runners import Runner
from phones.android.services import activity, packages, power, settings, system
from phones.android.services.app_process import app_process
from phones.android.state import HOME, State
from phones.android.userland import SHELL_UID, Userland
from phones.faults import At
from phones.physics import Physics

_SYSTEM_SERVER_PID = 1423
_READ_BYTES = 1 << 16

Handler = Callable[["Framework", list[str]], "Answer | Awaitable[Answer]"]

_COMMANDS: dict[str, Handler] = {
    "am": activity.command,
    "cmd": system.cmd,
    "device_config": settings.device_config,
    "df": system.disk_free,
    "dumpsys": system.dumpsys,
    "getprop": settings.getprop,
    "input": power.input_command,
    "pm": packages.command,
    "screencap": system.screen_shot,
    "setprop": settings.setprop,
    "settings": settings.settings,
    "svc": power.svc,
    "wm": power.window_manager,
    "appops": lambda *_: Answer(),
    "getenforce": lambda *_: Answer("Enforcing\n"),
    "log": lambda *_: Answer(),
}


class Host(Protocol):
    """What the framework asks of the phone around it."""

    async def launch(self, package: str, way: str, extras: dict[str, str], asker: Asker) -> Runner:
        """Start a runner."""

    async def happened(self, at: At, name: str) -> None:
        """Tell the fault script."""


#: ``oom_score_adj`` of the process in front, and of one that something covers.
_IN_FRONT, _VISIBLE = 0, 100

Asker = tuple[int, int] | None  #: the asking process: the host's id and the phone's


class Framework:
    """Everything above the kernel of one phone."""

    def __init__(
        self, profile: Profile, serial: str, userland: Userland, physics: Physics, host: Host
    ) -> None:
        self.profile, self.userland, self.physics = profile, userland, physics
        self.state = State(profile, serial)
        self.background_load = 0.02
        self.unexpected_questions: list[str] = []
        self.asked: dict[str, int] = {}
        self._host = host
        self._runners: dict[str, Runner] = {}
        self._last_delta = time.monotonic()
        self._server: asyncio.Server | None = None
        self._touched = asyncio.Event()

    async def start(self) -> None:
        """Listen where the userland asks."""
        log = self._log_file
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("--------- beginning of main\n")
        log.chmod(0o666)
        place = self.userland.folder / "dev" / "socket"
        place.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, place / "framework")
        (place / "framework").chmod(0o666)

    def stop(self) -> None:
        """No more answers."""
        if self._server is not None:
            self._server.close()

    # --- questions --------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data, question = b"", None
        with suppress(ConnectionError):
            while question is None and (more := await reader.read(_READ_BYTES)):
                data += more
                question = Question.read(data)
            if question is not None:
                answer = await self._answer_unless_hung_up(question, reader, writer)
                writer.write(answer.script())
                await writer.drain()
        writer.close()

    async def _answer_unless_hung_up(
        self, question: Question, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer:
        if question.command == "app_process":
            return await app_process(self, question, writer)
        return await self.answer(question.command, question.words)

    async def answer(self, command: str, words: list[str]) -> Answer:
        """What a command prints, and how it ends."""
        text = " ".join([command, *words])
        self.asked[text] = self.asked.get(text, 0) + 1
        await self._host.happened(At.COMMAND, text)
        if (recording := self.profile.recording) and text in recording.answers:
            return recording.answers[text]
        handler = _COMMANDS.get(command)
        if handler is None:
            self.unexpected(text)
            return refused(f"/system/bin/sh: {command}: not simulated", 127)
        found = handler(self, words)
        return await found if inspect.isawaitable(found) else found

    def unexpected(self, text: str) -> None:
        """Somebody asked what no simulated phone knows."""
        self.unexpected_questions.append(text)

    # --- runners ----------------------------------------------------------------------------

    def runners(self) -> list[Runner]:
        """The runners that are alive."""
        return list(self._runners.values())

    def runner_of(self, package: str) -> Runner | None:
        """The runner of a package."""
        return self._runners.get(package)

    async def start_runner(
        self, package: str, way: str, extras: dict[str, str], asker: Asker = None
    ) -> Runner:
        """Start one; its end is noticed and remembered."""
        runner = await self._host.launch(package, way, extras, asker)
        self._runners[package] = runner
        self.log("I", "ActivityManager", f"Start proc {runner.pid}:{package}/u0a234 for {way}")
        asyncio.get_running_loop().create_task(self._watch(package, runner))
        return runner

    async def _watch(self, package: str, runner: Runner) -> None:
        code = await runner.ended()
        if self._runners.get(package) is runner:
            del self._runners[package]
            if self.state.switches.foreground.startswith(package + "/"):
                self.go_home()
            self.log(
                "I", "ActivityManager", f"Process {package} (pid {runner.pid}) has died: fg TOP"
            )
            self.state.note_exit(package, runner.pid, runner.start.uid, code)

    async def stop_package(self, package: str, why: str, *, by_user: bool = False) -> None:
        """``am force-stop`` and whatever else ends an application."""
        runner = self._runners.pop(package, None)
        if runner is None:
            return
        self.log(
            "I", "ActivityManager", f"Killing {runner.pid}:{package}/u0a234 (adj 0): stop {why}"
        )
        reason = (10, "USER REQUESTED") if by_user else (13, "OTHER KILLS BY SYSTEM")
        self.state.note_exit_reason(package, runner.pid, runner.start.uid, *reason, why)
        runner.kill()
        await runner.ended()
        self.go_home()

    # --- what is on the screen --------------------------------------------------------------

    def come_to_front(self, component: str) -> None:
        """The runner's activity is shown: by its manifest it lights the screen, over any lock."""
        self.state.switches.foreground = component
        power.set_screen(self, True)
        self._rank()

    def pop_up(self, component: str) -> None:
        """Another application's activity comes over whatever is shown."""
        self.state.switches.popup = component
        self._rank()

    def go_home(self) -> None:
        """The launcher is shown."""
        self.state.switches.foreground = HOME

    def setting_changed(self, space: str, key: str) -> None:
        """Some settings act at once."""
        if (space, key) == ("global", "airplane_mode_on"):
            return  # only a broadcast would act, and the shell may not send it

    def touch(self) -> None:
        """Somebody answers whatever the screen asks."""
        self.state.switches.popup = ""
        self.state.switches.install_waits = False
        self._rank()

    def _rank(self) -> None:
        """Only the process of the activity in front has the lowest score."""
        switches = self.state.switches
        for package, runner in self._runners.items():
            shown = (switches.popup or switches.foreground).startswith(f"{package}/")
            runner.rank(_IN_FRONT if shown else _VISIBLE)
        self._touched.set()

    async def await_install_prompt(self) -> None:
        """An installation that has to be allowed on the screen waits for :meth:`touch`."""
        if self.state.switches.install_waits:
            self._touched.clear()
            self.state.switches.popup = "com.android.packageinstaller/.PackageInstallerActivity"
            await self._touched.wait()

    # --- log --------------------------------------------------------------------------------

    @property
    def _log_file(self) -> Path:
        return self.userland.folder / "dev" / "log" / "main"

    def log(self, level: str, tag: str, text: str, pid: int = _SYSTEM_SERVER_PID) -> None:
        """Lines in the system's log."""
        head = f"{log_stamp(time.time())} {pid:5d} {pid:5d} {level} {tag:<8}: "
        with self._log_file.open("a", encoding="utf-8") as file:
            file.writelines(f"{head}{line}\n" for line in text.splitlines() or [""])

    def since_last_delta_ms(self) -> int:
        """Milliseconds since anybody asked for a difference of energies."""
        before, self._last_delta = self._last_delta, time.monotonic()
        return round((self._last_delta - before) * 1000)

    async def restart(self) -> None:
        """What a restart of the phone does above the kernel."""
        for runner in self.runners():
            runner.kill()
            await runner.ended()
        self._runners.clear()
        self.state.restart()
        self.physics.set_screen(True)
        self.physics.set_fixed_performance(False)
        self._log_file.write_text("--------- beginning of main\n")
        self.touch()


__all__ = ["SHELL_UID", "Asker", "Framework", "Host"]
