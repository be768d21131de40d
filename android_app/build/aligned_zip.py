"""Zip files whose bytes depend on nothing but their content, with stored entries aligned.

Android maps native libraries and ``resources.arsc`` straight from the APK, which needs them stored
and aligned. Debian's zipalign knows no 16 KB pages, so the padding is made here.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: The earliest time a zip entry can have.
_EPOCH = (1980, 1, 1, 0, 0, 0)
#: Alignment extra field, as Android's own tools write it: its id, the alignment, then zeros.
_ALIGNMENT_FIELD = 0xD935
_FIELD_HEADER = struct.Struct("<HHH")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_MODE = 0o100644 << 16
_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive; stored and aligned when ``alignment`` is set, else deflated."""

    name: str
    content: bytes
    alignment: int = 0


def write_zip(path: Path, entries: Sequence[Entry]) -> None:
    """Write the entries in the given order."""
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _EPOCH)
            info.external_attr = _MODE
            info.create_system = 3
            if entry.alignment:
                info.extra = _padding(_end(archive) + _header_size(entry.name), entry.alignment)
                archive.writestr(info, entry.content, zipfile.ZIP_STORED)
            else:
                archive.writestr(info, entry.content, zipfile.ZIP_DEFLATED, _LEVEL)


def data_offsets(path: Path) -> dict[str, int]:
    """Where the bytes of each stored entry begin; deflated ones are absent."""
    found: dict[str, int] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            if info.compress_type == zipfile.ZIP_STORED:
                file.seek(info.header_offset)
                header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                name_bytes, extra_bytes = header[-2:]
                found[info.filename] = file.tell() + name_bytes + extra_bytes
    return found


def _end(archive: zipfile.ZipFile) -> int:
    if archive.fp is None:
        raise ValueError("the archive is closed")
    return archive.fp.tell()


def _header_size(name: str) -> int:
    return _LOCAL_HEADER.size + len(name.encode())


def _padding(offset: int, alignment: int) -> bytes:
    """An extra field after which data that began at ``offset`` is aligned."""
    zeros = -(offset + _FIELD_HEADER.size) % alignment
    size = _FIELD_HEADER.size - 4 + zeros
    return _FIELD_HEADER.pack(_ALIGNMENT_FIELD, size, alignment) + bytes(zeros)
