"""Apps of a simulated iPhone, and the runner app's arrangement with the host.

The runner app (``org.benchfarm.runner``) listens on a TCP port of the phone, which usbmux reaches:

* launched by the host, it takes ``BENCHFARM_PORT`` (without it ``RUNNER_PORT``) and the one-time
  ``BENCHFARM_TOKEN`` from its environment;
* opened by hand, it listens on ``RUNNER_PORT`` and takes the token from the file
  ``Documents/benchfarm.token``, which the host pushed before; without that file it waits for it;
* after ``bye`` it ends, or where it was opened by hand stays and waits for the next token; one that
  appears within a session ends that session;
* its store of models and inputs is ``Documents/models``, files named by their SHA-256;
* while no host listens, what it has to say lies in ``Documents/results/FOLDER``: ``0.wire`` is the
  session's ``ready``, ``1.wire`` and so on its counted messages; FOLDER is the first 16 hexadecimal
  digits of the token's SHA-256. The next session begins with ``results`` empty.
"""

from __future__ import annotations

import asyncio
import plistlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phones.ios.app_process import AppProcess, Program, scripted_program
from phones.ios.reports import crash_report, jetsam_report

if TYPE_CHECKING:
    from phones.ios.phone import Phone

RUNNER_BUNDLE = "org.benchfarm.runner"
RUNNER_PORT = 27182
TOKEN_FILE = "benchfarm.token"
STORE = "models"
_TOKEN_POLL_S = 0.05
_WATCH_S = 0.01


class LaunchRefused(Exception):
    """The system did not start the app; the text is the system's reason."""


@dataclass
class App:
    """One installed app and, while it runs, its process."""

    bundle_id: str
    name: str
    version: str = "1.0"
    executable: str = "Runner"
    kind: str = "User"
    file_sharing: bool = True
    team: str = "BENCHFARM1"
    default_port: int = 0
    program: Program | None = None
    container: Path = field(default_factory=Path)
    phone: Phone | None = None
    process: AppProcess | None = None
    ended: list[AppProcess] = field(default_factory=list)
    _waiting: asyncio.Task[None] | None = None
    _watching: asyncio.Task[None] | None = None

    @property
    def documents(self) -> Path:
        """The folder that house_arrest shows."""
        return self.container / "Documents"

    @property
    def path(self) -> str:
        """Where the bundle lies on the phone."""
        return f"/private/var/containers/Bundle/Application/{self.bundle_id}/{self.executable}.app"

    def description(self) -> dict[str, Any]:
        """What installation_proxy tells of the app."""
        return {
            "ApplicationType": self.kind,
            "CFBundleDisplayName": self.name,
            "CFBundleExecutable": self.executable,
            "CFBundleIdentifier": self.bundle_id,
            "CFBundleName": self.name,
            "CFBundleShortVersionString": self.version,
            "CFBundleVersion": self.version,
            "Container": f"/private/var/mobile/Containers/Data/Application/{self.bundle_id}",
            "Entitlements": {
                "application-identifier": f"{self.team}.{self.bundle_id}",
                "get-task-allow": True,
            },
            "Path": self.path,
            "SignerIdentity": "Apple Development: Lab (BENCHFARM1)",
            "UIFileSharingEnabled": self.file_sharing,
        }

    async def launch(
        self,
        arguments: list[str],
        environment: dict[str, str],
        *,
        kill_existing: bool = True,
        by_hand: str = "",
    ) -> int:
        """Start the app in the foreground as the host asks; returns its process id.

        ``by_hand`` names the process of an app that a person opened, which outlives its sessions.
        """
        assert self.phone is not None
        if self.phone.condition.passcode_locked:
            raise LaunchRefused(
                f"Unable to launch {self.bundle_id} because the device was not, or could not be, "
                "unlocked."
            )
        if self.process is not None and not kill_existing:
            return self.process.pid
        self.kill()
        pid = self.phone.new_pid()
        port = int(environment.get("BENCHFARM_PORT") or self.default_port)
        process = AppProcess(self, pid, port, arguments, environment)
        await process.start(environment.get("BENCHFARM_TOKEN", ""), by_hand)
        self.process = process
        self._watching = asyncio.get_running_loop().create_task(self._watch(process, by_hand))
        self.phone.bring_to_front(True)
        self.phone.log(f"SpringBoard[{pid}]", f"launched {self.bundle_id}")
        self.phone.phase("launch")
        return pid

    def open_by_hand(self) -> None:
        """A person taps the icon: the app comes up as soon as a token lies in Documents."""
        self.kill()
        name = secrets.token_hex(8)
        self._waiting = asyncio.get_running_loop().create_task(self._open(name))

    def kill(self) -> None:
        """End the process, as the host or the app switcher does."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        if self.process is not None:
            self.process.kill()
            self.ended.append(self.process)
            self.process = None

    def die(self, reason: str) -> None:
        """The system ends the process and writes a report: ``jetsam`` or ``crash``."""
        if (process := self.process) is None:
            return
        assert self.phone is not None
        write = jetsam_report if reason == "jetsam" else crash_report
        write(self.phone, self, process.pid)
        self.kill()

    async def _watch(self, process: AppProcess, by_hand: str) -> None:
        """See to what follows when the runner says goodbye."""
        token = self.documents / TOKEN_FILE
        while not (process.runner_ended or (by_hand and token.exists())):  # noqa: ASYNC110 - threads
            await asyncio.sleep(_WATCH_S)
        if self.process is process:
            self._watching = None
            self.kill()
            if by_hand:
                self._waiting = asyncio.get_running_loop().create_task(self._open(by_hand))

    async def _open(self, name: str) -> None:
        token = self.documents / TOKEN_FILE
        text = ""
        while not text:
            with suppress(OSError):
                text = token.read_text().strip()
            if not text:
                await asyncio.sleep(_TOKEN_POLL_S)
        token.unlink()
        self._waiting = None
        with suppress(LaunchRefused):
            await self.launch([], {"BENCHFARM_TOKEN": text}, by_hand=name)


def runner_app(program: Program = scripted_program) -> App:
    """The runner as it is installed on every new phone."""
    return App(
        RUNNER_BUNDLE,
        "benchfarm",
        executable="BenchfarmRunner",
        default_port=RUNNER_PORT,
        program=program,
    )


def app_of_bundle(info: dict[str, Any], team: str) -> App:
    """An app as its Info.plist describes it; the runner's own bundle ids run the runner."""
    bundle_id = str(info["CFBundleIdentifier"])
    is_runner = bundle_id.startswith(RUNNER_BUNDLE)
    return App(
        bundle_id,
        str(info.get("CFBundleDisplayName") or info.get("CFBundleName") or bundle_id),
        version=str(info.get("CFBundleVersion", "1")),
        executable=str(info.get("CFBundleExecutable", "App")),
        file_sharing=bool(info.get("UIFileSharingEnabled", False)),
        team=team,
        default_port=RUNNER_PORT if is_runner else 0,
        program=scripted_program if is_runner else None,
    )


def read_info(data: bytes) -> dict[str, Any]:
    """An Info.plist; raises ValueError for anything else."""
    info = plistlib.loads(data)
    if not isinstance(info, dict) or "CFBundleIdentifier" not in info:
        raise ValueError("no CFBundleIdentifier")
    return info
