"""AFC, the phone's file service, over one folder of this machine.

A packet is a little-endian header of 40 bytes (magic, whole length, length up to the payload,
number, operation), its arguments, and for writes a payload. The answer has the request's number.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from phones.ios.afc_codes import Code, Op
from phones.ios.channel import Channel, LinkLost
from phones.ios.phone import Phone

_HEADER = struct.Struct("<8sQQQQ")
_MAGIC = b"CFA6LPAA"
_PIECE = 1 << 16
_ARGUMENTS_LIMIT = 1 << 16
_OPEN_FILES = 64
_U64 = struct.Struct("<Q")


_CODES = {
    errno.ENOENT: Code.NOT_FOUND,
    errno.ENOTDIR: Code.NOT_FOUND,
    errno.EISDIR: Code.IS_DIRECTORY,
    errno.EACCES: Code.NO_PERMISSION,
    errno.EEXIST: Code.EXISTS,
    errno.ENOSPC: Code.NO_SPACE,
    errno.ENOTEMPTY: Code.NOT_EMPTY,
}
_MODES = {1: "rb", 2: "r+b", 3: "wb", 4: "w+b", 5: "ab", 6: "a+b"}
_SEEKS = {0: os.SEEK_SET, 1: os.SEEK_CUR, 2: os.SEEK_END}


class AfcError(Exception):
    """A request that ends in a status other than success."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


Answer = tuple[Op, bytes]


class Afc:
    """One connection. ``shown`` confines it to one folder of ``root``, as VendDocuments does."""

    def __init__(self, phone: Phone, root: Path, shown: str = "") -> None:
        self._phone, self._root, self._shown = phone, root.resolve(), shown
        self._files: dict[int, BinaryIO] = {}
        self._last_handle = 0
        self._answers: dict[int, Callable[[bytes], Answer]] = {
            Op.READ_DIR: self._read_dir,
            Op.STAT: self._stat,
            Op.DEVICE_INFO: self._device_info,
            Op.OPEN: self._open,
            Op.READ: self._read,
            Op.SEEK: self._seek,
            Op.TELL: self._tell,
            Op.CLOSE: self._close,
            Op.SET_SIZE: self._set_size,
            Op.TRUNCATE: self._truncate,
            Op.RENAME: self._rename,
            Op.MAKE_DIR: self._make_dir,
            Op.REMOVE: self._remove,
            Op.REMOVE_ALL: self._remove_all,
            Op.LINK: self._link,
            Op.SET_TIME: self._set_time,
            Op.SET_BLOCK_SIZE: lambda _: _status(Code.SUCCESS),
            Op.LOCK: lambda _: _status(Code.SUCCESS),
        }

    async def serve(self, channel: Channel) -> None:
        """Answer until the client hangs up; open files are closed then."""
        try:
            while True:
                await self._answer_one(channel)
        finally:
            for file in self._files.values():
                with suppress(OSError):
                    file.close()

    async def _answer_one(self, channel: Channel) -> None:
        magic, whole, this, number, op = _HEADER.unpack(await channel.read_exactly(_HEADER.size))
        if magic != _MAGIC or not _HEADER.size <= this <= whole:
            raise LinkLost("no AFC packet")
        try:
            if op == Op.WRITE:
                answer = await self._write(channel, whole - _HEADER.size)
            elif whole - _HEADER.size > _ARGUMENTS_LIMIT:
                raise LinkLost("AFC arguments too long")
            else:
                answer = self._carry_out(op, await channel.read_exactly(whole - _HEADER.size))
        except AfcError as error:
            answer = _status(error.code)
        except OSError as error:
            answer = _status(_CODES.get(error.errno or 0, Code.UNKNOWN))
        kind, data = answer
        size = _HEADER.size + len(data)
        # A status counts as an argument, data as payload; clients look at the first length.
        head = size if kind is not Op.DATA else _HEADER.size
        await channel.write(_HEADER.pack(_MAGIC, size, head, number, kind) + data)

    def _carry_out(self, op: int, arguments: bytes) -> Answer:
        answer = self._answers.get(op)
        if answer is None:
            self._phone.unexpected.append(f"AFC operation {op:#x}")
            raise AfcError(Code.NOT_SUPPORTED)
        return answer(arguments)

    # --- files ------------------------------------------------------------------------------

    async def _write(self, channel: Channel, length: int) -> Answer:
        """Straight to the file in small pieces, so that a link can break within one packet."""
        (handle,) = _U64.unpack(await channel.read_exactly(_U64.size))
        left = length - _U64.size
        full = self._phone.condition.storage_full
        file = self._files.get(handle)
        while left:
            piece = await channel.read_exactly(self._phone.takes_in(min(left, _PIECE)))
            left -= len(piece)
            if file is not None and not full:
                file.write(piece)
            self._phone.received(len(piece))
        if file is None:
            raise AfcError(Code.INVALID_ARGUMENT)
        if full:
            raise AfcError(Code.NO_SPACE)
        return _status(Code.SUCCESS)

    def _open(self, arguments: bytes) -> Answer:
        mode, name = _U64.unpack(arguments[:8])[0], arguments[8:]
        path = self._path(name)
        if mode not in _MODES or len(self._files) >= _OPEN_FILES:
            raise AfcError(Code.INVALID_ARGUMENT)
        if path.is_dir():
            raise AfcError(Code.IS_DIRECTORY)
        if mode != 1 and self._phone.condition.storage_full:
            raise AfcError(Code.NO_SPACE)
        self._last_handle += 1
        self._files[self._last_handle] = path.open(_MODES[mode], buffering=0)  # type: ignore[assignment]
        return Op.OPENED, _U64.pack(self._last_handle)

    def _read(self, arguments: bytes) -> Answer:
        handle, size = struct.unpack("<QQ", arguments[:16])
        return Op.DATA, self._file(handle).read(min(size, 64 << 20))

    def _seek(self, arguments: bytes) -> Answer:
        handle, whence, offset = struct.unpack("<QQq", arguments[:24])
        if whence not in _SEEKS:
            raise AfcError(Code.INVALID_ARGUMENT)
        self._file(handle).seek(offset, _SEEKS[whence])
        return _status(Code.SUCCESS)

    def _tell(self, arguments: bytes) -> Answer:
        return Op.TOLD, _U64.pack(self._file(*_U64.unpack(arguments[:8])).tell())

    def _close(self, arguments: bytes) -> Answer:
        (handle,) = _U64.unpack(arguments[:8])
        self._file(handle).close()
        del self._files[handle]
        return _status(Code.SUCCESS)

    def _set_size(self, arguments: bytes) -> Answer:
        handle, size = struct.unpack("<QQ", arguments[:16])
        self._file(handle).truncate(size)
        return _status(Code.SUCCESS)

    def _file(self, handle: int) -> BinaryIO:
        try:
            return self._files[handle]
        except KeyError:
            raise AfcError(Code.INVALID_ARGUMENT) from None

    # --- paths ------------------------------------------------------------------------------

    def _read_dir(self, arguments: bytes) -> Answer:
        path = self._path(arguments)
        names = [".", "..", *sorted(file.name for file in path.iterdir())]
        return Op.DATA, b"".join(os.fsencode(name) + b"\0" for name in names)

    def _stat(self, arguments: bytes) -> Answer:
        path = self._path(arguments)
        about = path.lstat()
        kind = "S_IFDIR" if path.is_dir() else "S_IFREG"
        fields: dict[str, object] = {
            "st_size": about.st_size,
            "st_blocks": about.st_blocks,
            "st_nlink": about.st_nlink,
            "st_ifmt": "S_IFLNK" if path.is_symlink() else kind,
            "st_mtime": about.st_mtime_ns,
            "st_birthtime": about.st_ctime_ns,
        }
        if path.is_symlink():
            fields["LinkTarget"] = path.readlink()
        return Op.DATA, _pairs(fields)

    def _device_info(self, _: bytes) -> Answer:
        total = self._phone.profile.storage_bytes
        free = 0 if self._phone.condition.storage_full else total // 2
        fields = {
            "Model": self._phone.profile.product_type,
            "FSTotalBytes": total,
            "FSFreeBytes": free,
            "FSBlockSize": 4096,
        }
        return Op.DATA, _pairs(fields)

    def _make_dir(self, arguments: bytes) -> Answer:
        self._path(arguments).mkdir(parents=True, exist_ok=True)
        return _status(Code.SUCCESS)

    def _remove(self, arguments: bytes) -> Answer:
        path = self._path(arguments, change=True)
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
        return _status(Code.SUCCESS)

    def _remove_all(self, arguments: bytes) -> Answer:
        path = self._path(arguments, change=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        return _status(Code.SUCCESS)

    def _rename(self, arguments: bytes) -> Answer:
        old, new = _two_names(arguments)
        self._path(old, change=True).rename(self._path(new, change=True))
        return _status(Code.SUCCESS)

    def _link(self, arguments: bytes) -> Answer:
        target, name = _two_names(arguments[8:])
        self._path(name, change=True).symlink_to(os.fsdecode(target))
        return _status(Code.SUCCESS)

    def _truncate(self, arguments: bytes) -> Answer:
        os.truncate(self._path(arguments[8:]), _U64.unpack(arguments[:8])[0])
        return _status(Code.SUCCESS)

    def _set_time(self, arguments: bytes) -> Answer:
        (at_ns,) = _U64.unpack(arguments[:8])
        os.utime(self._path(arguments[8:]), ns=(at_ns, at_ns))
        return _status(Code.SUCCESS)

    def _path(self, name: bytes, *, change: bool = False) -> Path:
        """The file meant, never outside of what this connection shows."""
        parts = PurePosixPath("/" + os.fsdecode(name.split(b"\0")[0])).parts[1:]
        if ".." in parts or (self._shown and parts[:1] != (self._shown,)):
            raise AfcError(Code.NO_PERMISSION)
        if change and len(parts) <= bool(self._shown):
            raise AfcError(Code.NO_PERMISSION)
        path = self._root.joinpath(*parts)
        if path != self._root and not path.parent.resolve().is_relative_to(self._root):
            raise AfcError(Code.NO_PERMISSION)
        return path


def _two_names(arguments: bytes) -> tuple[bytes, bytes]:
    names = arguments.split(b"\0")
    if len(names) < 2:
        raise AfcError(Code.INVALID_ARGUMENT)
    return names[0], names[1]


def _status(code: Code) -> Answer:
    return Op.STATUS, _U64.pack(code)


def _pairs(fields: dict[str, object]) -> bytes:
    return b"".join(f"{key}\0{value}\0".encode() for key, value in fields.items())
