"""For tests: simulated phones and a private adb server in a process of their own.

::

    with Lab("pixel8", "galaxy-s24", runner="scripted") as lab:
        lab.adb("devices")                       # the adb of this lab
        os.environ.update(lab.environment)       # or anything that uses an adb server
        phone = lab.phones[0]
        phone.fault("drop-link@push:1000000")    # phones.faults tells how they are written
        phone.report()["unexpected"]
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from phones.android import rootfs
from phones.android.adb_program import find_adb

_ROOT = Path(__file__).resolve().parents[3]
_START_S = 60.0
_STOP_S = 20.0


def missing(adb: str = "system") -> str:
    """Why there can be no lab here; empty when there can. Tests skip with it."""
    return rootfs.missing() or ("" if find_adb(adb) else f"needs adb ({adb})")


@dataclass(frozen=True)
class PhoneHandle:
    """One simulated phone, told what to do over the farm's socket."""

    lab: Lab
    serial: str  #: ``ro.serialno``
    port: int

    @property
    def address(self) -> str:
        """What the adb server calls it."""
        return f"127.0.0.1:{self.port}"

    def fault(self, text: str) -> None:
        """Arm a fault (``phones.faults``)."""
        self._order("fault", fault=text)

    def recover(self) -> None:
        """End every fault that lasts, and be reachable again."""
        self._order("recover")

    def clear_faults(self) -> None:
        """Forget faults that did not happen yet."""
        self._order("clear_faults")

    def touch(self) -> None:
        """Answer what the screen asks: an installation is allowed, a popup closed."""
        self._order("touch")

    def set(self, name: str, value: object) -> None:
        """Change ``plugged``, ``charge``, ``skin_c``, ``noise``, ``state``, ``property`` or

        ``latency_s``.
        """
        self.lab.order({"do": "set", "phone": self.serial, "name": name, "value": value})

    def forget(self) -> None:
        """Forget which commands were asked."""
        self._order("forget")

    def connect(self) -> str:
        """Have the adb server connect; its words."""
        return str(self._order("connect"))

    def disconnect(self) -> str:
        """Have the adb server forget the phone; its words."""
        return str(self._order("disconnect"))

    def report(self) -> dict[str, Any]:
        """Settings, packages, runners, faults, temperatures, and what was asked."""
        found: dict[str, Any] = self._order("report")
        return found

    def _order(self, name: str, **more: object) -> Any:
        return self.lab.order({"do": name, "phone": self.serial, **more})


class Lab:
    """Phones of the named profiles, then those of recordings; a context manager."""

    def __init__(
        self,
        *profiles: str,
        runner: str = "scripted",
        adb: str = "system",
        latency_ms: float = 5.0,
        time_factor: float = 1.0,
        recordings: Sequence[Path] = (),
    ) -> None:
        self._command = [
            *(sys.executable, "-m", "phones.android", "--json", "--runner", runner, "--adb", adb),
            *("--latency-ms", str(latency_ms), "--time-factor", str(time_factor)),
            *(word for profile in profiles for word in ("--profile", profile)),
            *(word for path in recordings for word in ("--recording", str(path))),
        ]
        self._adb = find_adb(adb)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.environment: dict[str, str] = {}
        self.phones: list[PhoneHandle] = []
        self.folder = Path()

    def __enter__(self) -> Self:
        path = [str(_ROOT / "tests"), str(_ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ":".join(filter(None, path))},
        )
        if self._process.stdout is None:
            raise RuntimeError("the phones' process has no output")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the phones did not start; see their messages above")
        told = json.loads(line)
        self.environment, self.folder = told["environment"], Path(told["folder"])
        self.phones = [PhoneHandle(self, serial, port) for serial, port in told["phones"].items()]
        self._control = socket.socket(socket.AF_UNIX)
        self._control.settimeout(_START_S)
        self._control.connect(told["control"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the phones and their adb server."""
        if self._control is not None:
            self._control.close()
        if self._process is not None and self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def order(self, order: dict[str, object]) -> Any:
        """Send an order and return its answer; raises RuntimeError when it failed."""
        if self._control is None:
            raise RuntimeError("the lab is not open")
        self._control.sendall(json.dumps(order).encode() + b"\n")
        data = b""
        while not data.endswith(b"\n"):
            more = self._control.recv(1 << 16)
            if not more:
                raise RuntimeError("the phones' process is gone")
            data += more
        answer = json.loads(data)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def adb(
        self, *arguments: str, phone: PhoneHandle | None = None, data: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
        """Run this lab's adb, towards one phone if given; never raises for an exit code."""
        to = ["-s", phone.address] if phone else []
        return subprocess.run(
            [self._adb, *to, *arguments],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            check=False,
            timeout=timeout_s,
            env={**os.environ, **self.environment},
        )
