"""A private adb server, of either age, that no other adb on this machine meets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import socket
from collections.abc import Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

_START_S = 60.0
_ATTEMPTS = 5
#: Below the ports that this machine gives to connections, which may take one between our look and
#: the server's start.
_PORTS = range(10_000, 20_000)
#: The server looks for emulators on ports up to this one: there are none.
_NO_EMULATORS = {"ADB_LOCAL_TRANSPORT_MAX_PORT": "5553", "ADB_MDNS": "0"}


def find_adb(which: str) -> str:
    """Path of an adb: ``system`` (Debian's), ``bundled`` (adbutils') or a path; empty if absent."""
    if which == "system":
        return shutil.which("adb") or ""
    if which == "bundled":
        if find_spec("adbutils") is None:
            return ""
        place = Path(str(resources.files("adbutils"))) / "binaries" / "adb"
        return str(place) if place.is_file() else ""
    return which if Path(which).is_file() else ""


class AdbServer:
    """One server on a port of its own, with a home of its own; ends with this process."""

    def __init__(self, adb: str, home: Path) -> None:
        self.adb, self._home = adb, home
        self.port = _free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What makes a client (adb, adbutils) use this server."""
        return {
            "ANDROID_ADB_SERVER_PORT": str(self.port),
            "ADBUTILS_ADB_PATH": self.adb,
            **_NO_EMULATORS,
        }

    async def start(self) -> None:
        """Start it and wait until it listens; on another port where somebody else was faster."""
        self._home.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            if await self._serves():
                return
            self.port = _free_port()
        raise RuntimeError(f"the adb server did not start; see {self._home}/adb.log")

    async def _serves(self) -> bool:
        with (self._home / "adb.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL"),
                *(self.adb, "-P", str(self.port), "nodaemon", "server"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._server_environment(os.environ),
            )
        async with asyncio.timeout(_START_S):
            while not await self._listens():
                if self._process.returncode is not None:
                    return False
                await asyncio.sleep(0.02)
        return True

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _server_environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        home = str(self._home)
        own = {"HOME": home, "ANDROID_USER_HOME": f"{home}/.android", "TMPDIR": home}
        return {"PATH": outer.get("PATH", ""), **own, **self.environment}

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", port))
            return port
