"""Runner processes that outlived the host program which started them.

A runner ends with its host by itself. This is the second line of defence: the number of every
runner is written down, with a stamp that tells it from a later process of the same number, and
whoever works on the device next ends what is still there.
"""

from __future__ import annotations

import hashlib
import os
import signal
from contextlib import suppress
from pathlib import Path

from device_agents.local.files import HostFiles, Unreadable
from device_agents.local.processes import start_stamp
from harness.clock import CancelToken, Clock, Deadline

_SUFFIX = ".runner"
_LOOK_EVERY_S = 0.01


def note(files: HostFiles, folder: Path, pid: int) -> None:
    """Write down a runner that has just been started; one that has already ended needs no note."""
    with suppress(Unreadable):
        (folder / f"{pid}{_SUFFIX}").write_text(start_stamp(files, pid), encoding="ascii")


def own_folder(files: HostFiles, parent: Path) -> Path:
    """The folder of this program below ``parent``, under a name that no other process has."""
    return parent / _owner(files, os.getpid())


def abandoned(files: HostFiles, parent: Path) -> list[Path]:
    """The folders below ``parent`` whose programs are gone, this program's own among them.

    Those of living programs are left alone: two that hold leases in different places (a test and
    a measurement) would otherwise end each other's runners.
    """
    try:
        folders = sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []
    return [folder for folder in folders if not _belongs_to_another(files, folder)]


def _belongs_to_another(files: HostFiles, folder: Path) -> bool:
    pid = folder.name.partition("-")[0]
    if not pid.isdecimal() or int(pid) == os.getpid():
        return False
    return folder.name == _owner(files, int(pid)) and not folder.name.endswith("-unknown")


def _owner(files: HostFiles, pid: int) -> str:
    try:
        stamp = hashlib.sha256(start_stamp(files, pid).encode()).hexdigest()[:8]
    except Unreadable:
        stamp = "unknown"
    return f"{pid}-{stamp}"


def end_all(files: HostFiles, folder: Path, clock: Clock, deadline: Deadline) -> bool:
    """End every runner that is written down in ``folder`` and still runs.

    Returns whether all of them are gone at the deadline.
    """
    running = [pid for pid in _noted(folder) if _is_ours(files, folder, pid)]
    for pid in running:
        _kill(pid)
    while any(_is_ours(files, folder, pid) for pid in running):
        if deadline.expired:
            return False
        clock.sleep(_LOOK_EVERY_S, CancelToken())
    return True


def _noted(folder: Path) -> list[int]:
    names = (path.stem for path in folder.glob(f"*{_SUFFIX}"))
    return [int(name) for name in names if name.isdecimal() and int(name) > 1]


def _is_ours(files: HostFiles, folder: Path, pid: int) -> bool:
    """Whether this very process still runs, not a later one that got its number."""
    try:
        noted = (folder / f"{pid}{_SUFFIX}").read_text(encoding="utf-8", errors="replace")
        return start_stamp(files, pid) == noted
    except (OSError, Unreadable):
        return False


def _kill(pid: int) -> None:
    """End the process, and its group where it leads one."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
