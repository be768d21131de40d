"""The host's ``/proc`` and ``/sys``, behind one root that tests can point at a made-up tree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Enough for every file that is polled; of ``/proc/stat`` only the first line is wanted.
_POLL_LIMIT_BYTES = 4096


class Unreadable(Exception):
    """A value that cannot be had on this host; the text is the reason, for people."""


@dataclass(frozen=True, slots=True)
class HostFiles:
    """Files of the host by their absolute name, looked up below ``root``."""

    root: Path = Path("/")

    def path(self, name: str) -> Path:
        """Where ``name`` (``/proc/stat``) really lies."""
        return self.root / name.lstrip("/")

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return self.path(name).exists()

    def text(self, name: str) -> str:
        """The content without surrounding white space; raises Unreadable."""
        try:
            return self.path(name).read_bytes().decode(errors="replace").strip("\0 \n\t")
        except OSError as error:
            raise _unreadable(name, error) from error

    def integer(self, name: str) -> int:
        """The content as a number; raises Unreadable."""
        return parse_integer(name, self.text(name))

    def glob(self, pattern: str) -> list[str]:
        """Names that match, numbers in them in counting order (``policy2`` before ``policy10``)."""
        found = (f"/{path.relative_to(self.root)}" for path in self.root.glob(pattern.lstrip("/")))
        return sorted(found, key=lambda name: (len(name), name))


class KeptFile:
    """A file that is opened once and read again and again: one system call a reading.

    For a file below ``/proc/<pid>`` the open descriptor also belongs to that process alone; reading
    fails once it is gone, even if another process gets its number.
    """

    def __init__(self, files: HostFiles, name: str) -> None:
        self.name = name
        try:
            self._fd = os.open(files.path(name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(name, error) from error

    def text(self) -> str:
        """The current content, its first 4 KiB; raises Unreadable."""
        try:
            return os.pread(self._fd, _POLL_LIMIT_BYTES, 0).decode(errors="replace")
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def integer(self) -> int:
        """The current content as a number; raises Unreadable."""
        return parse_integer(self.name, self.text().strip())

    def close(self) -> None:
        """Close the file; it is not read after that."""
        os.close(self._fd)


def keep_open(files: HostFiles, names: Iterable[str]) -> dict[str, KeptFile]:
    """All of ``names`` opened, or none of them; raises Unreadable."""
    kept: dict[str, KeptFile] = {}
    try:
        for name in names:
            kept[name] = KeptFile(files, name)
    except Unreadable:
        close_all(kept)
        raise
    return kept


def close_all(kept: dict[str, KeptFile]) -> None:
    """Close and forget every file; may be called again."""
    while kept:
        kept.popitem()[1].close()


def parse_integer(name: str, text: str) -> int:
    """``text`` as a number; raises Unreadable naming the file it came from."""
    try:
        return int(text)
    except ValueError:
        raise Unreadable(f"{name} holds {text[:40]!r}, not a number") from None


def parse_cpu_list(name: str, text: str) -> list[int]:
    """``0-3,6`` as ``[0, 1, 2, 3, 6]``; raises Unreadable naming the file it came from."""
    try:
        ranges = [part.split("-") for part in text.split(",") if part]
        return [cpu for ends in ranges for cpu in range(int(ends[0]), int(ends[-1]) + 1)]
    except ValueError:
        raise Unreadable(f"{name} holds {text[:40]!r}, not a list of processors") from None


def _unreadable(name: str, error: OSError) -> Unreadable:
    if isinstance(error, FileNotFoundError):
        return Unreadable(f"no {name}")
    return Unreadable(f"{name}: {error.strerror or error}")
