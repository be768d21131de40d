"""The runner's own memory, read between blocks through a file that stays open."""

from __future__ import annotations

import os

_BYTES_PER_KIB = 1024
#: The wire's channel names and where the kernel tells them.
_FIELDS = {"self.rss_bytes": b"VmRSS:", "self.rss_peak_bytes": b"VmHWM:"}


class OwnMemory:
    """RSS now and at its highest; without /proc there are no channels."""

    def __init__(self, path: str = "/proc/self/status") -> None:
        try:
            self._file: int | None = os.open(path, os.O_RDONLY)
        except OSError:
            self._file = None

    def read(self) -> dict[str, int]:
        """Bytes by channel; a channel the kernel does not tell is absent."""
        if self._file is None:
            return {}
        words = os.pread(self._file, 8192, 0).split()
        return {
            channel: int(words[words.index(label) + 1]) * _BYTES_PER_KIB
            for channel, label in _FIELDS.items()
            if label in words
        }
