"""Host-wide leases: one owner per device, on this host, across all users and programs.

A lease is a ``flock`` on a file named after the device. The kernel drops it when its owner ends,
however that happens, so there is nothing stale to clean up; the file's text only tells people who
holds it. Child processes do not inherit a lease.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.clock import CancelToken, Clock, SystemClock
from harness.errors import DeviceBusy, UserError

#: Whoever asks for the holder locks the file for an instant; an owner-to-be tries this often.
_TRIES = 5
_TRY_EVERY_S = 0.01
_TEXT_LIMIT_BYTES = 4096
#: Not kept by programs we start, never through a symbolic link, never waiting for a pipe's reader.
_SAFE_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

#: The leases of this process, for its forked children to let go of.
_held: set[Lease] = set()


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """Who holds a device; fields are empty (0 for ``pid``) when the file does not tell."""

    pid: int
    user: str
    purpose: str
    since: str  #: UTC, ISO 8601

    def __str__(self) -> str:
        who = f"process {self.pid} of {self.user}" if self.pid else "another process"
        purpose = f" for {self.purpose!r}" if self.purpose else ""
        return f"{who}{purpose}{f' since {self.since}' if self.since else ''}"


class Lease:
    """The right to use one device, until released or until this process ends."""

    def __init__(self, device_id: str, descriptor: int) -> None:
        """Use :meth:`acquire`."""
        self.device_id = device_id
        self._descriptor: int | None = descriptor
        _held.add(self)

    @classmethod
    def acquire(cls, device_id: str, purpose: str, clock: Clock | None = None) -> Lease:
        """Take the lease now or raise DeviceBusy, which names the holder.

        Raises UserError when the folder of the leases cannot be used.
        """
        clock = clock or SystemClock()
        for _ in range(_TRIES):
            with _translated():
                descriptor = _try_lock(_lease_file(device_id))
            if descriptor is not None:
                _write_info(descriptor, purpose, clock.now())
                return cls(device_id, descriptor)
            clock.sleep(_TRY_EVERY_S, CancelToken())
        who = holder(device_id) or "a process that let go just now"
        raise DeviceBusy(device_id, f"leased by {who}; wait until it ends, or end it")

    def release(self) -> None:
        """Let others have the device; may be called again."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        self.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def abandon(self) -> None:
        """Close this process's copy; what a forked child does, the lock stays with its parent."""
        _held.discard(self)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(device_id: str) -> LeaseInfo | None:
    """Who holds the device now, None when nobody does. Raises UserError for an unusable folder."""
    with _translated():
        try:
            descriptor = os.open(_lease_file(device_id), os.O_RDONLY | _SAFE_FLAGS)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_info(descriptor)
        finally:
            os.close(descriptor)
        return None


def held_elsewhere() -> int:
    """Devices of this host that other processes hold now; 0 where the folder cannot be read."""
    count = 0
    with suppress(OSError):
        for path in lease_folder().glob("*.lease"):
            count += _is_held_elsewhere(path)
    return count


def _is_held_elsewhere(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | _SAFE_FLAGS)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_info(descriptor).pid != os.getpid()
    finally:
        os.close(descriptor)
    return False


def lease_folder() -> Path:
    """``BENCHFARM_LEASES``, or a folder for all users below the one for temporary files."""
    named = os.environ.get("BENCHFARM_LEASES")
    return Path(named) if named else Path(tempfile.gettempdir()) / "benchfarm-leases"


def _abandon_all() -> None:
    for lease in list(_held):
        lease.abandon()


# A lock belongs to the open file, which a forked child shares: unless it closes its copy, a child
# that outlives its parent would keep the device leased. (exec closes it by O_CLOEXEC.)
os.register_at_fork(after_in_child=_abandon_all)


def _lease_file(device_id: str) -> Path:
    """A file-safe name, readable at its front and told apart by a digest of the whole id."""
    readable = "".join(c if c.isascii() and c.isalnum() else "_" for c in device_id)[:40]
    digest = hashlib.sha256(device_id.encode(errors="surrogatepass")).hexdigest()[:16]
    return lease_folder() / f"{readable}-{digest}.lease"


def _try_lock(path: Path) -> int | None:
    """An open, locked descriptor of ``path``, or None when somebody else has it locked."""
    _make_folder(path.parent)
    descriptor = _open_for_all(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same_file(descriptor, path):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _make_folder(folder: Path) -> None:
    """Like the folder for temporary files: everybody may add, only owners may delete."""
    with suppress(FileExistsError):
        folder.mkdir(parents=True)
        folder.chmod(0o1777)


def _open_for_all(path: Path) -> int:
    """Open the file, made readable and writable by every user.

    An existing file is opened without O_CREAT: with it, Linux refuses files of other users in a
    sticky folder (fs.protected_regular).
    """
    flags = os.O_RDWR | _SAFE_FLAGS
    with suppress(FileNotFoundError):
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL)
    except FileExistsError:  # made by somebody else in between
        return os.open(path, flags)
    os.fchmod(descriptor, 0o666)
    return descriptor


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one with that name (temporary files get tidied)."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _write_info(descriptor: int, purpose: str, now: datetime) -> None:
    info = {
        "pid": os.getpid(),
        "user": _user(),
        "purpose": purpose[:200],
        "since": now.isoformat(timespec="seconds"),
    }
    with suppress(OSError):  # a full disk takes the name plate away, not the lease
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(info).encode(), 0)


def _read_info(descriptor: int) -> LeaseInfo:
    """What the holder wrote; the file may belong to another user and may hold anything."""
    try:
        found = json.loads(os.pread(descriptor, _TEXT_LIMIT_BYTES, 0))
        user, purpose, since = (_printable(str(found[key])) for key in ("user", "purpose", "since"))
        return LeaseInfo(int(found["pid"]), user, purpose, since)
    except (OSError, ValueError, KeyError, TypeError):
        return LeaseInfo(0, "", "", "")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return f"user {os.getuid()}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot use the folder of device leases {lease_folder()}: {error.strerror or error}; "
            "set BENCHFARM_LEASES to a folder that every user of this host can write"
        ) from error
