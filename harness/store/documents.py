"""``plan.json``, ``trial.json`` and ``profile.json``: the versioned documents of a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from harness.errors import StoreError, StoreVersionError
from harness.record import RECORD_VERSION, Cell, RunPlan, Trial, TrialRecord
from harness.stats.operators import Profile
from harness.store.codec import dump, from_json, to_json
from harness.store.files import translated, write_atomically

Document = dict[str, Any]
Migration = Callable[[Document], Document]

#: How to bring a document of version N to version N + 1, by N. One entry per version ever released.
PLAN_MIGRATIONS: dict[int, Migration] = {}
TRIAL_MIGRATIONS: dict[int, Migration] = {}
PROFILE_MIGRATIONS: dict[int, Migration] = {}


def write_record(path: Path, record: TrialRecord) -> None:
    """Write ``trial.json`` atomically and durably."""
    write_atomically(path, dump(to_json(record), indent=1))


def read_record(path: Path) -> TrialRecord:
    """Read a ``trial.json`` of this or any earlier version."""
    document = upgraded(read_document(path), path, TRIAL_MIGRATIONS)
    with _decoding(path):
        return from_json(TrialRecord, document)


def write_profile(path: Path, profile: Profile) -> None:
    """Write ``profile.json`` atomically and durably."""
    write_atomically(path, dump({"version": RECORD_VERSION, **to_json(profile)}, indent=1))


def read_profile(path: Path) -> Profile | None:
    """Read a ``profile.json``; None where there is none."""
    with translated(path):
        if not path.exists():
            return None
    document = upgraded(read_document(path), path, PROFILE_MIGRATIONS)
    del document["version"]
    with _decoding(path):
        return from_json(Profile, document)


def write_plan(path: Path, plan: RunPlan) -> None:
    """Write ``plan.json`` atomically and durably; each cell is stored once, under its key."""
    cells: dict[str, Cell] = {}
    references = [_reference(trial, cells) for trial in plan.trials]
    document = {
        item.name: to_json(getattr(plan, item.name))
        for item in fields(plan)
        if item.name != "trials"
    }
    document["cells"] = {name: to_json(cell) for name, cell in cells.items()}
    document["trials"] = [to_json(reference) for reference in references]
    write_atomically(path, dump(document))


def read_plan(path: Path) -> RunPlan:
    """Read a ``plan.json`` of this or any earlier version."""
    document = upgraded(read_document(path), path, PLAN_MIGRATIONS)
    with _decoding(path):
        return _plan(document)


def read_plan_document(path: Path) -> Document:
    """The plan in today's version but still plain JSON: enough for a list of runs, and quick."""
    return upgraded(read_document(path), path, PLAN_MIGRATIONS)


def read_document(path: Path) -> Document:
    """The JSON object in a file; StoreError when it is missing, damaged or no object."""
    with translated(path):
        text = path.read_bytes()
    try:
        document = json.loads(text)
    except ValueError as error:
        raise StoreError(f"{path}: damaged, not JSON: {error}") from error
    if not isinstance(document, dict):
        raise StoreError(f"{path}: damaged, not a JSON object")
    return document


def upgraded(document: Document, path: Path, migrations: Mapping[int, Migration]) -> Document:
    """The document in today's version; StoreVersionError when it is newer than that."""
    version = document.get("version")
    if type(version) is not int:
        raise StoreError(f"{path}: has no version number, so it is not one of benchfarm's files")
    if version > RECORD_VERSION:
        raise StoreVersionError(
            f"{path}: written by a newer benchfarm (version {version}, "
            f"this one reads up to {RECORD_VERSION}); upgrade benchfarm"
        )
    while version < RECORD_VERSION:
        if version not in migrations:
            raise StoreError(f"{path}: version {version} was never written by benchfarm")
        document = migrations[version](document)
        version += 1
    return {**document, "version": RECORD_VERSION}


def _reference(trial: Trial, cells: dict[str, Cell]) -> _TrialReference:
    """The trial with its cell's name in place of the cell, which is added to ``cells``.

    The name is the cell's key, taken from the trial's id because computing it 30,000 times costs
    seconds; a trial id of another form names its own cell.
    """
    name = trial.id.removesuffix(f"-r{trial.repeat}")
    known = cells.setdefault(name, trial.cell)
    if known is not trial.cell and known != trial.cell:
        name = trial.id
        cells[name] = trial.cell
    return _TrialReference(trial.id, name, trial.repeat, trial.order, trial.quad, trial.quad_place)


def _plan(document: Document) -> RunPlan:
    rest = dict(document)
    cells = {name: from_json(Cell, cell) for name, cell in rest.pop("cells", {}).items()}
    references = [from_json(_TrialReference, item) for item in rest.pop("trials", [])]
    plan = from_json(RunPlan, {**rest, "trials": []})
    return replace(plan, trials=tuple(reference.resolved(cells) for reference in references))


@dataclass(frozen=True, slots=True)
class _TrialReference:
    """A trial as ``plan.json`` holds it: ``cell`` is the name of one of the plan's cells."""

    id: str
    cell: str
    repeat: int
    order: int
    quad: int | None = None
    quad_place: int = 0

    def resolved(self, cells: Mapping[str, Cell]) -> Trial:
        if self.cell not in cells:
            raise StoreError(f"trial {self.id} names the cell {self.cell}, which is missing")
        return Trial(self.id, cells[self.cell], self.repeat, self.order, self.quad, self.quad_place)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong inside it."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{path}: damaged, {error}") from error
