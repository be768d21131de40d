"""Who an APK says it is: package and version, from its binary (or plain) manifest."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

_STRING_POOL, _START_ELEMENT = 0x0001, 0x0102
_UTF8 = 1 << 8
_STRING = 0x03
_ANDROID = "{http://schemas.android.com/apk/res/android}"


class BadApk(ValueError):
    """A file that is no APK."""


@dataclass(frozen=True)
class Manifest:
    """What an installation needs to know."""

    package: str
    version_code: int
    version_name: str


def read_manifest(path: Path) -> Manifest:
    """Read an APK's manifest; raises BadApk."""
    try:
        with zipfile.ZipFile(path) as archive:
            data = archive.read("AndroidManifest.xml")
        found = _plain(data) if data.lstrip().startswith(b"<") else _binary(data)
        return Manifest(
            found["package"], int(found.get("versionCode", "0")), found.get("versionName", "")
        )
    except (zipfile.BadZipFile, KeyError, ValueError, struct.error, IndexError, OSError) as error:
        raise BadApk(str(error)) from error


def _plain(data: bytes) -> dict[str, str]:
    try:
        root = ET.fromstring(data)  # noqa: S314 - a test's own file
    except ET.ParseError as error:
        raise ValueError(str(error)) from error
    return {key.removeprefix(_ANDROID): value for key, value in root.attrib.items()}


def _binary(data: bytes) -> dict[str, str]:
    strings: list[str] = []
    place = struct.unpack_from("<H", data, 2)[0]
    while place < len(data):
        kind, _, size = struct.unpack_from("<HHI", data, place)
        if kind == _STRING_POOL:
            strings = _strings(data[place : place + size])
        elif kind == _START_ELEMENT:
            return _attributes(data[place : place + size], strings)
        place += max(size, 8)
    raise ValueError("the manifest has no element")


def _strings(chunk: bytes) -> list[str]:
    count, _, flags, start, _ = struct.unpack_from("<5I", chunk, 8)
    offsets = struct.unpack_from(f"<{count}I", chunk, 28)
    read = _utf8_at if flags & _UTF8 else _utf16_at
    return [read(chunk, start + offset) for offset in offsets]


def _utf8_at(chunk: bytes, place: int) -> str:
    place += 2 if chunk[place] & 0x80 else 1  # the length in characters
    length = chunk[place]
    place += 1
    if length & 0x80:
        length = (length & 0x7F) << 8 | chunk[place]
        place += 1
    return chunk[place : place + length].decode()


def _utf16_at(chunk: bytes, place: int) -> str:
    length = struct.unpack_from("<H", chunk, place)[0]
    place += 2
    return chunk[place : place + 2 * length].decode("utf-16-le")


def _attributes(chunk: bytes, strings: list[str]) -> dict[str, str]:
    start, size, count = struct.unpack_from("<3H", chunk, 24)
    found = {}
    for number in range(count):
        place = 16 + start + number * size
        _, name, raw, _, _, kind, value = struct.unpack_from("<IIIHBBI", chunk, place)
        text = (
            strings[raw if kind == _STRING and raw < len(strings) else value]
            if (kind == _STRING)
            else str(value)
        )
        found[strings[name]] = text
    return found
