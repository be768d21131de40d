"""One phone's userland: namespaces of its own, and how a program gets into them.

The first process of the phone does nothing but hold the namespaces; its children's remains are
collected by the kernel. Files that only this phone has lie in an ordinary folder of the host and
are mounted over the shared root, so that we can write ``/sys`` while the shell user can not.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from phones.android.rootfs import MOUNT_POINTS

SHELL_UID = 2000
#: In full, because programs start with the phone's own PATH.
_NSENTER = shutil.which("nsenter") or "nsenter"
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
#: From the mounts to the first process in its new root.
_SETTLED_MS = 10_000
_INIT_SECONDS = "2147483647"
_NODES = ("null", "zero", "urandom", "random", "tty")
#: Files of ``/proc`` that tell about the machine below are covered by the phone's own.
PROC_FILES = ("cpuinfo", "meminfo", "stat", "version", "loadavg")

ENVIRONMENT = {
    "PATH": "/product/bin:/apex/com.android.runtime/bin:/system/bin:/system/xbin:/vendor/bin",
    "HOME": "/",
    "SHELL": "/bin/sh",
    "USER": "shell",
    "LOGNAME": "shell",
    "TMPDIR": "/data/local/tmp",
    "ANDROID_ROOT": "/system",
    "ANDROID_DATA": "/data",
    "EXTERNAL_STORAGE": "/sdcard",
    "TERM": "dumb",
    "LC_ALL": "C",
}


class Userland:
    """The namespaces of one phone over ``folder``, which holds its own files."""

    def __init__(self, shared: Path, folder: Path, hostname: str) -> None:
        self._shared, self.folder, self._hostname = shared, folder, hostname
        self._holder: asyncio.subprocess.Process | None = None
        self._init_pid = 0
        self._starting = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether the namespaces are there."""
        return self._init_pid != 0

    async def start(self) -> None:
        """Make the namespaces, unless they are there."""
        async with self._starting:
            if not self.running:
                await self._start()

    async def _start(self) -> None:
        for name in (*MOUNT_POINTS, "root", "proc-files"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "dev" / "socket").mkdir(exist_ok=True)
        self._holder = await asyncio.create_subprocess_exec(
            *_DIES_WITH_US,
            *("unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child"),
            *("sh", "-ec", self._script()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        if self._holder.stdout is None:
            raise RuntimeError("the namespaces' first process has no output")
        if await self._holder.stdout.readline() != b"up\n":
            raise RuntimeError("the namespaces could not be set up; see the messages above")
        init_pid = _only_child(self._holder.pid)
        for _ in range(_SETTLED_MS):
            if _root_of(init_pid) == self.folder / "root":
                break
            await asyncio.sleep(0.001)
        else:
            raise RuntimeError("the namespaces' first process did not enter its root")
        self._init_pid = init_pid

    def _script(self) -> str:
        folder, root = shlex.quote(str(self.folder)), shlex.quote(str(self.folder / "root"))
        lines = [
            "mount --make-rprivate /",
            f"mount --bind {shlex.quote(str(self._shared))} {root}",
            f"mount -o remount,bind,ro {root}",
            f"mount -t proc proc {root}/proc",
            f"hostname {shlex.quote(self._hostname)}",
        ]
        own = (name for name in MOUNT_POINTS if name != "proc")
        lines += [f"mount --bind {folder}/{name} {root}/{name}" for name in own]
        for name in _NODES:
            lines += [f": > {folder}/dev/{name}", f"mount --bind /dev/{name} {root}/dev/{name}"]
        lines += [f"mount --bind {folder}/proc-files/{f} {root}/proc/{f}" for f in PROC_FILES]
        boot_id = "sys/kernel/random/boot_id"
        lines.append(f"mount --bind {folder}/proc-files/boot_id {root}/proc/{boot_id}")
        lines += ["echo up", "exec 1>&- 2>&-"]
        lines.append(
            f"exec env --ignore-signal=CHLD chroot {root} /system/bin/sleep {_INIT_SECONDS}"
        )
        return "\n".join(lines)

    def host_path(self, path: str) -> Path:
        """Where the phone's absolute path lies for this process; links are left to the caller."""
        clean = os.path.normpath("/" + path)
        return Path(f"/proc/{self._init_pid}/root{clean}")

    def stored(self, path: str) -> Path:
        """Where a file on the phone's storage lies on the host, whoever looks."""
        clean = os.path.normpath("/" + path)
        for alias in ("/sdcard", "/storage/self/primary"):
            if clean == alias or clean.startswith(alias + "/"):
                clean = "/storage/emulated/0" + clean.removeprefix(alias)
        return self.folder / clean.lstrip("/")

    def command(self, *program: str, uid: int = SHELL_UID) -> list[str]:
        """How this process starts a program inside the phone."""
        enter = [_NSENTER, "-t", str(self._init_pid), "-m", "-p", "-u", "-r", "-w"]
        return [*enter, "-S", str(uid), "-G", str(uid), *program]

    def outside_command(self, name: str, *program: str, uid: int = 0) -> list[str]:
        """A program of the host that the phone sees as a process called ``name``.

        The first line of its output is its process id on the phone.
        """
        enter = [_NSENTER, "-t", str(self._init_pid), "-p", "-S", str(uid), "-G", str(uid)]
        shell = f"echo $$; exec -a {shlex.quote(name)} " + '"$@"'
        return [*_DIES_WITH_US, *enter, "bash", "-c", shell, "bash", *program]

    async def kill_all(self) -> None:
        """End every process but the first, as a restart does."""
        if not self.running:
            return
        killer = await asyncio.create_subprocess_exec(
            *(_NSENTER, "-t", str(self._init_pid), "-p", "sh", "-c", "kill -9 -1"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await killer.wait()

    async def stop(self) -> None:
        """The namespaces are gone, and everything in them."""
        if self._holder is not None:
            with suppress(ProcessLookupError):
                self._holder.send_signal(signal.SIGKILL)
            await self._holder.wait()
        self._holder, self._init_pid = None, 0


def children(pid: int) -> list[int]:
    """The host's process ids of a process's children."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _root_of(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/root").readlink()
    except OSError:
        return None


def _only_child(pid: int) -> int:
    found = children(pid)
    if len(found) != 1:
        raise RuntimeError("the namespaces' first process is not there")
    return found[0]
