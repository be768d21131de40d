"""Pushed files, and what the page cache holds of them.

The agent checks a file's digest once, when it pushes it. Reading it again here would warm the page
cache, which a cold start is about.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
from pathlib import Path

from device_agents.local.runner.refusal import Refused

_DIGEST = re.compile(r"[0-9a-f]{64}")
#: After a drop at most so much of a file may still be in memory (a page another process maps).
_RESIDENT_LIMIT = 0.05


class Store:
    """The folder of pushed files, each named by the SHA-256 of its bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Where the file lies; refused when it was never pushed."""
        path = self._folder / digest
        if not _DIGEST.fullmatch(digest) or not path.is_file():
            raise Refused("no-file", f"no file with SHA-256 {digest[:80]!r} was pushed")
        return path


def settle_page_cache(path: Path, wish: str) -> str:
    """Bring the page cache into the wished state and describe it.

    ``keep`` leaves it alone, ``drop`` evicts the file's pages and refuses if they stay, as they do
    on tmpfs. The description ends with the pages in memory, counted by ``mincore``.
    """
    if wish not in ("keep", "drop"):
        raise Refused("option-rejected", f"page_cache is 'keep' or 'drop', not {wish!r}")
    if wish == "drop":
        _evict(path)
    pages = _resident_pages(path)
    if pages is None:
        return f"page cache {wish}, residency unavailable: no mincore on this system"
    resident, total = pages
    if wish == "drop" and resident > total * _RESIDENT_LIMIT:
        raise Refused(
            "option-rejected",
            f"page_cache: drop did not work: {resident} of {total} pages stayed in memory; "
            "put the store on a disk, not on tmpfs",
        )
    return f"page cache {wish}, {resident} of {total} pages in memory"


def _evict(path: Path) -> None:
    if not hasattr(os, "posix_fadvise"):
        raise Refused("option-rejected", "page_cache: drop needs posix_fadvise (Linux)")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # only clean pages can go
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _resident_pages(path: Path) -> tuple[int, int] | None:
    """How many of a file's pages are in memory, and how many it has."""
    size = path.stat().st_size
    if size == 0:
        return 0, 0
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        mincore, map_file, unmap = libc.mincore, libc.mmap, libc.munmap
    except (OSError, AttributeError):
        return None
    map_file.restype = ctypes.c_void_p
    map_file.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
    mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    unmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    total = -(-size // mmap.PAGESIZE)
    flags = (ctypes.c_ubyte * total)()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        address = map_file(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    finally:
        os.close(descriptor)
    if address in (None, ctypes.c_void_p(-1).value):
        return None
    try:
        if mincore(address, size, flags) != 0:
            return None
    finally:
        unmap(address, size)
    return sum(flag & 1 for flag in flags), total
