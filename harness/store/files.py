"""Files that are written whole or not at all, and the file system's errors in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import StoreError
from harness.store.layout import SUPERSEDED, TEMPORARY_SUFFIX, TRIALS, trial_folder

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn an OSError into a :class:`StoreError` that names ``path`` and says what to do."""
    try:
        yield
    except OSError as error:
        place = str(error.filename or path).removesuffix(TEMPORARY_SUFFIX)
        raise StoreError(f"{place}: {_explain(error)}") from error


def _explain(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return f"there is no room ({reason}); free some space, then continue the run with --resume"
    if error.errno in _REFUSED:
        return f"not allowed ({reason}); choose another results folder with --results"
    if error.errno in _IN_THE_WAY:
        return f"a file is where a folder should be ({reason}); move it, or choose --results"
    if error.errno == errno.ENOENT:
        return "missing; was the results folder moved or deleted?"
    return f"{reason}; check the disk of the results folder"


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte, or raise the OSError that stopped it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def temporary(path: Path) -> Path:
    """The name under which ``path`` is written before it is renamed."""
    return path.with_name(path.name + TEMPORARY_SUFFIX)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it exists with all of ``data`` or not at all, even after power loss.

    The rename itself is durable once the folder is synced, see :func:`sync_folder`.
    """
    with translated(path), published(path) as unfinished:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """A temporary path to write; renamed to ``path`` at the end, deleted when writing failed."""
    unfinished = temporary(path)
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fresh_trial_folder(run_folder: Path, trial_id: str) -> Path:
    """An empty folder for a new attempt; what lay there moves whole to ``superseded``."""
    folder = trial_folder(run_folder, trial_id)
    if folder.exists():
        aside = run_folder / SUPERSEDED / folder.name
        aside.mkdir(parents=True, exist_ok=True)
        folder.rename(aside / str(_first_free(aside)))
    folder.mkdir(parents=True)
    sync_folder(run_folder / TRIALS)
    return folder


def _first_free(folder: Path) -> int:
    taken = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
    return max(taken, default=0) + 1
