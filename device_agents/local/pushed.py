"""Files pushed to the local device: one folder, each file named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.errors import DeviceError

_CHUNK_BYTES = 1024 * 1024
_PART_SUFFIX = ".part"
#: Files that no trial asked for in this time are removed; pushing them again costs one copy.
_KEEP_DAYS = 30


class PushedFiles:
    """The folder that runners of this device load from.

    Files are copied and never linked: a later edit of the source cannot change what is measured.
    """

    def __init__(self, device_id: str, folder: Path) -> None:
        self._device_id, self.folder = device_id, folder

    def push(self, source: Path, digest: str, go_on: Callable[[], None]) -> bool:
        """Copy ``source`` to where runners find ``digest``; False if it was there already.

        The digest is verified while copying. ``go_on`` is called between chunks and may raise.
        Raises DeviceError when the file cannot be copied or does not have that digest.
        """
        target = self.folder / digest
        try:
            if target.is_file() and target.stat().st_size == source.stat().st_size:
                os.utime(target)  # it was used; see tidy()
                return False
            self._copy(source, digest, go_on)
        except OSError as error:
            raise DeviceError(
                self._device_id,
                f"cannot copy {source} to {self.folder}: {error.strerror or error}",
            ) from error
        return True

    def tidy(self) -> None:
        """Remove half-copied files and those that were not used for a month."""
        oldest = time.time() - _KEEP_DAYS * 86_400
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix == _PART_SUFFIX or path.stat().st_mtime < oldest:
                    path.unlink()

    def _copy(self, source: Path, digest: str, go_on: Callable[[], None]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(suffix=_PART_SUFFIX, dir=self.folder)
        try:
            with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
                seen = hashlib.sha256()
                while chunk := reader.read(_CHUNK_BYTES):
                    go_on()
                    seen.update(chunk)
                    writer.write(chunk)
                writer.flush()
                os.fsync(writer.fileno())  # a name must never stand for half a file
            if seen.hexdigest() != digest:
                raise DeviceError(
                    self._device_id,
                    f"{source} is not what it should be (its SHA-256 is not {digest}); "
                    "delete it and run again",
                )
            Path(name).replace(self.folder / digest)
        finally:
            Path(name).unlink(missing_ok=True)
