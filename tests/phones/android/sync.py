"""The ``sync:`` service, versions 1 and 2, over the phone's files."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from phones.android.transport import Stream, StreamClosed
from phones.android.userland import SHELL_UID, Userland
from phones.faults import At

_REQUEST = struct.Struct("<4sI")
_STAT_V1 = struct.Struct("<4sIII")
_STAT_V2 = struct.Struct("<4sIQQIIIIQqqq")
_LENGTH = struct.Struct("<I")
_CHUNK = 64 * 1024
_SEND_AHEAD = 16 * _CHUNK
#: Groups of the shell user whose files it may write (``shell``, ``sdcard_rw``, ``ext_data_rw``).
_GROUPS = {2000, 1015, 1078}
_MAX_PATH = 1024


class Storage(Protocol):
    """What the sync service has to ask the phone."""

    async def moving(self, direction: At, total: int, size: int) -> int:
        """``size`` more bytes after ``total`` are about to move; how many of them may.

        Whatever was to go wrong there has begun when fewer may.
        """

    @property
    def full(self) -> bool:
        """Whether no byte more fits."""


class SyncService:
    """One ``sync:`` stream."""

    def __init__(self, userland: Userland, storage: Storage, stream: Stream) -> None:
        self._userland, self._storage, self._stream = userland, storage, stream

    async def serve(self) -> None:
        """Carry out requests until QUIT."""
        await self._userland.start()
        handlers: dict[bytes, Callable[[str], Awaitable[None]]] = {
            b"STAT": self._stat_v1,
            b"STA2": lambda path: self._stat_v2(b"STA2", path, follow=True),
            b"LST2": lambda path: self._stat_v2(b"LST2", path, follow=False),
            b"LIST": lambda path: self._list(path, version=1),
            b"LIS2": lambda path: self._list(path, version=2),
            b"SEND": self._send_v1,
            b"SND2": self._send_v2,
            b"RECV": self._receive,
            b"RCV2": self._receive_v2,
        }
        while True:
            name, length = _REQUEST.unpack(await self._stream.read_exactly(_REQUEST.size))
            if name == b"QUIT":
                return
            if name not in handlers or length > _MAX_PATH:
                await self._fail(f"unknown command {name!r}")
                return
            path = (await self._stream.read_exactly(length)).decode(errors="surrogateescape")
            await handlers[name](path)

    # --- stat and list ----------------------------------------------------------------------

    async def _stat_v1(self, path: str) -> None:
        found = _lstat(self._userland.host_path(path))
        mode, size, at = (found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)
        await self._stream.write(_STAT_V1.pack(b"STAT", mode, size & 0xFFFFFFFF, at))

    async def _stat_v2(self, name: bytes, path: str, *, follow: bool) -> None:
        try:
            place = self._userland.host_path(path)
            found = place.stat() if follow else place.lstat()
            await self._stream.write(_pack_stat(name, found))
        except OSError as error:
            await self._stream.write(_STAT_V2.pack(name, error.errno or errno.EIO, *(0,) * 10))

    async def _list(self, path: str, *, version: int) -> None:
        place = self._userland.host_path(path)
        names = (
            sorted(path.name for path in place.iterdir())
            if _may(place, os.R_OK) and place.is_dir()
            else []
        )
        parts = []
        for name in [".", "..", *names]:
            if found := _lstat(place / name):
                encoded = os.fsencode(name)
                parts.append(_pack_entry(found, version) + _LENGTH.pack(len(encoded)) + encoded)
        padding = 16 if version == 1 else 72
        await self._stream.write(b"".join(parts) + b"DONE" + bytes(padding))

    # --- push -------------------------------------------------------------------------------

    async def _send_v1(self, path_and_mode: str) -> None:
        path, _, mode = path_and_mode.rpartition(",")
        await self._take_file(path, int(mode or 0o644))

    async def _send_v2(self, path: str) -> None:
        _, mode, flags = struct.unpack("<4sII", await self._stream.read_exactly(12))
        if flags:
            await self._drain_data()
            await self._fail("compression is not supported")
            return
        await self._take_file(path, mode)

    async def _take_file(self, path: str, mode: int) -> None:
        place = self._userland.host_path(path)
        if stat.S_ISLNK(mode):
            target, at = await self._read_small()
            failure = self._make_link(place, target)
        else:
            failure, at = await self._write_file(place, mode)
        if failure:
            await self._fail(failure)
            return
        os.utime(place, (at, at), follow_symlinks=False)
        await self._stream.write(b"OKAY" + bytes(4))

    def _make_link(self, place: Path, target: bytes) -> str:
        failure = _make_parents(place)
        if not failure:
            place.unlink(missing_ok=True)
            place.symlink_to(os.fsdecode(target.rstrip(b"\0")))
        return failure

    async def _read_small(self) -> tuple[bytes, int]:
        data = b""
        while True:
            name, length = _REQUEST.unpack(await self._stream.read_exactly(_REQUEST.size))
            if name == b"DONE":
                return data, length
            data += await self._stream.read_exactly(length)

    async def _write_file(self, place: Path, mode: int) -> tuple[str, int]:
        """Why it failed (empty when it did not) and the file's time."""
        failure = _make_parents(place) or self._no_room("couldn't create file")
        file: BinaryIO | None = None
        if not failure:
            try:
                place.unlink(missing_ok=True)
                file = place.open("wb", buffering=0)
            except OSError as error:
                failure = f"couldn't create file: {error.strerror}"
        try:
            written, at = await self._copy_in(file)
        except (StreamClosed, ConnectionError):
            if file is not None:
                place.unlink(missing_ok=True)
            raise
        finally:
            if file is not None:
                os.fchown(file.fileno(), SHELL_UID, SHELL_UID)
                os.fchmod(file.fileno(), mode & 0o777)
                file.close()
        return failure or written, at

    async def _copy_in(self, file: BinaryIO | None) -> tuple[str, int]:
        """DATA until DONE; what does not fit is read away, as adbd does."""
        failure, total = "", 0
        while True:
            name, length = _REQUEST.unpack(await self._stream.read_exactly(_REQUEST.size))
            if name == b"DONE":
                return failure, length
            if name != b"DATA" or length > _CHUNK:
                raise StreamClosed(f"{name!r} inside a file")
            data = await self._stream.read_exactly(length)
            failure = failure or self._no_room("write failed")
            allowed = await self._storage.moving(At.PUSH, total, length)
            if file is not None and not failure:
                file.write(data[:allowed])
            if allowed < length:
                raise StreamClosed("the link broke")
            total += length

    async def _drain_data(self) -> None:
        await self._copy_in(None)

    def _no_room(self, doing: str) -> str:
        return f"{doing}: {os.strerror(errno.ENOSPC)}" if self._storage.full else ""

    # --- pull -------------------------------------------------------------------------------

    async def _receive_v2(self, path: str) -> None:
        await self._stream.read_exactly(8)
        await self._receive(path)

    async def _receive(self, path: str) -> None:
        place = self._userland.host_path(path)
        try:
            if not _may(place, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            with place.open("rb") as file:
                await self._copy_out(file)
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            await self._fail(f"open failed: {error.strerror}")

    async def _copy_out(self, file: BinaryIO) -> None:
        """The last DATA and DONE go together: apart they wait for each other on loopback."""
        waiting, total = bytearray(), 0
        while data := file.read(_CHUNK):
            allowed = await self._storage.moving(At.PULL, total, len(data))
            waiting += _REQUEST.pack(b"DATA", len(data)) + data
            total += len(data)
            if allowed < len(data):
                raise StreamClosed("the link broke")
            if len(waiting) >= _SEND_AHEAD:
                await self._stream.write(bytes(waiting))
                waiting.clear()
        await self._stream.write(bytes(waiting) + b"DONE" + bytes(4))

    async def _fail(self, text: str) -> None:
        data = text.encode()
        with suppress(StreamClosed):
            await self._stream.write(_REQUEST.pack(b"FAIL", len(data)) + data)


def _pack_stat(name: bytes, found: os.stat_result, failure: int = 0) -> bytes:
    times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
    return _STAT_V2.pack(
        *(name, failure, found.st_dev, found.st_ino, found.st_mode, found.st_nlink),
        *(found.st_uid, found.st_gid, found.st_size, *times),
    )


def _pack_entry(found: os.stat_result, version: int) -> bytes:
    if version == 1:
        return _STAT_V1.pack(
            b"DENT", found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime)
        )
    return _pack_stat(b"DNT2", found)


def _lstat(place: Path) -> os.stat_result | None:
    try:
        return place.lstat()
    except OSError:
        return None


def _may(place: Path, wish: int) -> bool:
    """Whether the shell user may; we are root and would be allowed everything."""
    try:
        found = place.stat()
    except OSError:
        return True  # the call itself will say what is wrong
    shift = 6 if found.st_uid == SHELL_UID else 3 if found.st_gid in _GROUPS else 0
    return bool((found.st_mode >> shift) & wish)


def _make_parents(place: Path) -> str:
    """Make the folders above a file as the shell user would; why not, or nothing."""
    parent = place.parent
    missing = []
    while not parent.is_dir():
        missing.append(parent)
        parent = parent.parent
    if not _may(parent, os.W_OK):
        failure = errno.EACCES
    elif os.statvfs(parent).f_flag & os.ST_RDONLY:
        failure = errno.EROFS
    else:
        for folder in reversed(missing):
            folder.mkdir(mode=0o771)
            os.chown(folder, SHELL_UID, SHELL_UID)
        return ""
    doing = "secure_mkdirs failed" if missing else "couldn't create file"
    return f"{doing}: {os.strerror(failure)}"
