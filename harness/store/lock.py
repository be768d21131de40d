"""One writer per run: an advisory lock that dies with its process and names it."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from harness.clock import CancelToken, Clock
from harness.errors import StoreError
from harness.store.files import translated
from harness.store.layout import LOCK

#: Somebody who only asks :func:`is_held` holds the lock for microseconds; wait that long.
_TRIES = 20
_PAUSE_S = 0.01


class RunLock:
    """The right to write in one run folder, held until :meth:`release` or the process's end."""

    def __init__(self, run_folder: Path, clock: Clock) -> None:
        """Take the lock; StoreError naming the holder when somebody else has it."""
        self._path = run_folder / LOCK
        with translated(run_folder):
            self._descriptor = self._acquire(clock)
            try:
                self._sign()
            except OSError:
                self.release()
                raise

    def _acquire(self, clock: Clock) -> int:
        for _ in range(_TRIES):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            if _locked(descriptor) and _same_file(descriptor, self._path):
                return descriptor
            os.close(descriptor)
            clock.sleep(_PAUSE_S, CancelToken())
        raise StoreError(
            f"{self._path.parent}: {_owner(self._path)} is writing to this run; "
            "wait for it to end, or stop it"
        )

    def _sign(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def release(self, *, keep: bool = False) -> None:
        """Let go. ``keep`` leaves the file behind: a sign that the run needs recovery."""
        try:
            if not keep:
                with translated(self._path):
                    self._path.unlink(missing_ok=True)
        finally:
            os.close(self._descriptor)


def is_held(run_folder: Path) -> bool:
    """Whether a living process writes to this run now."""
    try:
        descriptor = os.open(run_folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    """Whether ``path`` is still the file that was locked, not one made after it was deleted."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _owner(path: Path) -> str:
    try:
        return path.read_text().strip() or "another process"
    except OSError:
        return "another process"
