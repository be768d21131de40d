"""Pictures of screens, as far as one page bears them: each one and all together are bounded."""

from __future__ import annotations

import struct
from pathlib import Path

from harness.text import one_line
from reports.model import Picture

#: One picture, and all pictures of a page. A screen of 1080 x 2400 is 0.1 to 3 MB as PNG.
MAX_BYTES = 2 << 20
_ALL_BYTES = 12 << 20
#: A side in pixels. A small file can unpack to a gigantic picture.
_MAX_SIDE = 8192
#: PNG specification, sections 5.2 and 11.2.2: the signature, then length, type, width and height
#: of the first chunk.
_HEAD = struct.Struct(">8s4x4sII")
_SIGNATURE, _FIRST_CHUNK = b"\x89PNG\r\n\x1a\n", b"IHDR"


class Album:
    """The pictures of one page; once it is full, further ones are only named."""

    def __init__(self) -> None:
        self._left = _ALL_BYTES

    def picture(self, file: Path) -> Picture:
        """The picture of a trial in a results folder; never an error, the page stands without."""
        path = one_line("/".join(file.parts[-5:]))
        try:
            with file.open("rb") as opened:
                png = opened.read(MAX_BYTES + 1)
        except OSError as error:
            return Picture(path, left_out=f"it cannot be read: {error.strerror}")
        if len(png) > MAX_BYTES:
            return Picture(path, left_out=f"it is larger than {MAX_BYTES >> 20} MiB")
        if len(png) > self._left:
            return Picture(path, left_out="the page has enough pictures")
        size = _size(png)
        if size is None:
            return Picture(path, left_out="it is no PNG of a screen")
        self._left -= len(png)
        return Picture(path, size, png)


def _size(png: bytes) -> tuple[int, int] | None:
    """Width and height; None where this is no picture, or a gigantic one."""
    if len(png) < _HEAD.size:
        return None
    signature, chunk, width, height = _HEAD.unpack_from(png)
    if (signature, chunk) != (_SIGNATURE, _FIRST_CHUNK):
        return None
    return (width, height) if 0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE else None
