"""A stand-in for the adb server whose one phone is this machine's mksh in a folder of its own.

It speaks the server's side of the protocol for `host:`, `shell,v2,raw:` and `sync:` (SEND only),
and breaks on command. A real server and a whole phone are in tests/contract/android_agent.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
from contextlib import suppress

import pytest

from device_agents.android import agent
from device_agents.android.adb import AdbServer
from device_agents.android.phone import Phone
from harness.clock import CancelToken, Deadline, SystemClock

DEVICES = "SERIAL1                device usb:1-1 product:p model:Phone device:d transport_id:1\n"


class StandIn:
    """One phone behind one server; ``cut_after`` bytes of output the link drops."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "bin").mkdir()
        self.devices = DEVICES
        self.cut_after = None
        self.refusal = None
        self.mute = False
        self.sync_refusal = None
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def command(self, name, script):
        """Add a command of the phone."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/mksh\n{script}\n")
        path.chmod(0o755)

    def close(self):
        self._listener.close()
        for link in self._open:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                self._open.append(link)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        with suppress(OSError, ValueError):
            while True:
                size = self._exactly(link, 4)
                if not size:
                    return
                request = self._exactly(link, int(size, 16)).decode()
                self.requests.append(request)
                if self.mute:
                    return
                if not self._answer(link, request):
                    return

    def _answer(self, link, request):
        if self.refusal is not None and not request.startswith("host:"):
            text = self.refusal.encode()
            link.sendall(b"FAIL" + f"{len(text):04x}".encode() + text)
            return False
        link.sendall(b"OKAY")
        if request == "host:devices-l":
            text = self.devices.encode()
            link.sendall(f"{len(text):04x}".encode() + text)
            return False
        if request.startswith("shell,v2,raw:"):
            self._shell(link, request.removeprefix("shell,v2,raw:"))
            return False
        if request == "sync:":
            self._sync(link)
            return False
        return request.startswith("host:transport-id:")

    def _shell(self, link, command):
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "LC_ALL": "C"}
        process = subprocess.Popen(
            ["/bin/mksh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.folder,
            bufsize=0,
        )
        sent = [0]
        lock = threading.Lock()

        def packet(kind, data):
            with lock, suppress(OSError):
                if self.cut_after is not None and sent[0] + len(data) > self.cut_after:
                    data = data[: self.cut_after - sent[0]]
                    link.sendall(struct.pack("<BI", kind, len(data)) + data)
                    link.shutdown(socket.SHUT_RDWR)
                    return
                sent[0] += len(data)
                link.sendall(struct.pack("<BI", kind, len(data)) + data)

        def copy(kind, source):
            while data := source.read(65536):
                packet(kind, data)

        copiers = [
            threading.Thread(target=copy, args=item, daemon=True)
            for item in ((1, process.stdout), (2, process.stderr))
        ]
        for copier in copiers:
            copier.start()
        threading.Thread(target=self._stdin, args=(link, process), daemon=True).start()
        process.wait()
        for copier in copiers:
            copier.join()
        packet(3, bytes([process.returncode & 0xFF]))
        for pipe in (process.stdout, process.stderr):
            pipe.close()
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    def _stdin(self, link, process):
        """What comes for the command; the link's end ends it, as adb's daemon does."""
        with suppress(OSError, ValueError):
            while header := self._exactly(link, 5):
                kind, size = struct.unpack("<BI", header)
                data = self._exactly(link, size)
                if kind == 0:
                    process.stdin.write(data)
        with suppress(OSError):
            process.stdin.close()
        process.kill()

    def _sync(self, link):
        header = self._exactly(link, 8)
        size = struct.unpack("<I", header[4:])[0]
        path = self._exactly(link, size).decode().rpartition(",")[0]
        with open(path, "wb") as target:  # noqa: PTH123
            while True:
                kind, size = struct.unpack("<4sI", self._exactly(link, 8))
                if kind == b"DONE":
                    break
                target.write(self._exactly(link, size))
                if self.sync_refusal is not None:
                    text = self.sync_refusal.encode()
                    link.sendall(struct.pack("<4sI", b"FAIL", len(text)) + text)
                    self.sync_refusal = None
                    while kind != b"DONE":
                        kind, size = struct.unpack("<4sI", self._exactly(link, 8))
                        if kind == b"DATA":
                            self._exactly(link, size)
                    return
        link.sendall(struct.pack("<4sI", b"OKAY", 0))

    @staticmethod
    def _exactly(link, count):
        data = b""
        while len(data) < count:
            more = link.recv(count - len(data))
            if not more:
                return b""
            data += more
        return data


@pytest.fixture
def stand_in(tmp_path):
    """A server with one phone."""
    if shutil.which("mksh") is None:
        pytest.skip("needs mksh (Debian package mksh), the shell of Android")
    agent._IDENTIFIED.clear()
    made = StandIn(tmp_path)
    yield made
    made.close()


@pytest.fixture
def server(stand_in):
    """Our side of it."""
    return AdbServer(stand_in.port)


@pytest.fixture
def phone(server):
    """The phone behind it."""
    made = Phone(server, "android:SERIAL1", "SERIAL1", SystemClock())
    yield made
    made.disconnect()


@pytest.fixture
def cancel():
    return CancelToken()


@pytest.fixture
def within():
    """Makes deadlines."""
    return lambda seconds: Deadline(SystemClock(), seconds)


@pytest.fixture
def soon(within):
    return within(20)
