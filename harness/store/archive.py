"""A run as one file or folder to give away."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.store.files import published, translated
from harness.store.layout import LOCK, TEMPORARY_SUFFIX

_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")


def export_run(run_folder: Path, target: Path) -> None:
    """Copy a run into a new folder ``target``, or a new archive if that ends in ``.tar.gz``.

    Only regular files inside the run are taken, links never, under names below the run's id: so an
    archive unpacks into one folder wherever it is unpacked. UserError when ``target`` exists.
    """
    if target.exists() or target.is_symlink():
        raise UserError(f"{target}: exists already; choose another name")
    with translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name.endswith(_ARCHIVE_SUFFIXES):
            with published(target) as unfinished:
                _write_archive(run_folder, unfinished)
        else:
            _copy(run_folder, target)


def _write_archive(run_folder: Path, path: Path) -> None:
    with tarfile.open(path, "x:gz") as archive:
        for file in _files(run_folder):
            name = Path(run_folder.name) / file.relative_to(run_folder)
            archive.add(file, name.as_posix(), recursive=False, filter=_without_owner)


def _copy(run_folder: Path, target: Path) -> None:
    unfinished = target.with_name(target.name + TEMPORARY_SUFFIX)
    try:
        for file in _files(run_folder):
            copy = unfinished / file.relative_to(run_folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _files(run_folder: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(run_folder):
        subfolders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            own = name == LOCK or name.endswith(TEMPORARY_SUFFIX)
            if file.is_file() and not file.is_symlink() and not own:
                yield file


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
