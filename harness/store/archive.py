"""A run as one file or folder to give away."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError
from harness.store.anonymous import Disguise, anonymize
from harness.store.files import published, translated
from harness.store.layout import LOCK, TEMPORARY_SUFFIX

_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")
_REPORT = "report"


def export_run(run_folder: Path, target: Path, disguise: Disguise | None = None) -> None:
    """Copy a run into a new folder ``target``, or a new archive if that ends in ``.tar.gz``.

    Only regular files inside the run are taken, links never, under names below the run's id: so an
    archive unpacks into one folder wherever it is unpacked. With a ``disguise`` the copy is
    anonymized, the report folder left out. UserError when ``target`` exists.
    """
    with new_folder_or_archive(target, run_folder.name) as folder:
        copy_run(run_folder, folder, disguise)


def copy_run(run_folder: Path, folder: Path, disguise: Disguise | None = None) -> None:
    """Copy the run's own files into ``folder``, anonymized with a ``disguise``."""
    with translated(folder):
        for file in _files(run_folder):
            place = file.relative_to(run_folder)
            if disguise is not None and place.parts[0] == _REPORT:
                continue  # rendered with all the names; whoever gets the copy renders it anew
            copy = folder / place
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
    if disguise is not None:
        anonymize(folder, disguise)


@contextmanager
def new_folder_or_archive(target: Path, name: str) -> Iterator[Path]:
    """A folder to fill; it becomes ``target`` or, packed below ``name``, an archive of that name.

    Nothing is left when filling it fails.
    """
    if target.exists() or target.is_symlink():
        raise UserError(f"{target}: exists already; choose another name")
    unfinished = target.with_name(target.name + ".folder" + TEMPORARY_SUFFIX)
    with translated(target):
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            if target.name.endswith(_ARCHIVE_SUFFIXES):
                with published(target) as archive:
                    _write_archive(unfinished, archive, name)
            else:
                unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _write_archive(folder: Path, path: Path, name: str) -> None:
    with tarfile.open(path, "x:gz") as archive:
        for file in _files(folder):
            member = Path(name) / file.relative_to(folder)
            archive.add(file, member.as_posix(), recursive=False, filter=_without_owner)


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
