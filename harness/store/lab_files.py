"""What a lab keeps beside its runs: the history of its nights, calibrations and baselines.

::

    results/
    ├── nightly/<series>.jsonl           one line for each night in which the series was measured
    ├── calibrations/<unit>.json         what A/A trials said about a unit
    └── baselines/<name>.json            an arm's definition, pinned by digests

A night that measured nothing of a series leaves no line: series have gaps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StoreError, UserError
from harness.store.codec import dump, from_json, to_json
from harness.store.documents import read_document
from harness.store.files import translated, write_all, write_atomically
from harness.store.layout import safe_name
from harness.validity.calibration import Calibration

LAB_VERSION = 1


@dataclass(frozen=True, slots=True)
class NightEntry:
    """One metric of one pair of arms in one night.

    ``ratio`` is candidate / reference with its 95 % interval, ``reference`` and ``candidate`` the
    geometric means over trials in the metric's stored unit; None where there is no number.
    """

    at: str  #: UTC, ISO 8601: when the run was created
    runs: tuple[str, ...]
    scenario: str
    device_id: str
    unit: str
    os_build: str
    cell: str  #: for people, without the arm
    metric: str
    status: str
    verdict: str
    reason: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    candidate: float | None = None
    quads: int = 0
    reference_build: str = ""  #: model digest and engine build
    candidate_build: str = ""
    findings: tuple[str, ...] = ()
    version: int = LAB_VERSION

    @property
    def series(self) -> str:
        """What stays the same from night to night."""
        return f"{self.scenario} {self.device_id} {self.cell} {self.metric}"


class LabFiles:
    """The lab's own files in one results folder. Making the object touches nothing."""

    def __init__(self, root: Path) -> None:
        self._nightly = root / "nightly"
        self._calibrations = root / "calibrations"
        self._baselines = root / "baselines"

    # --- history ----------------------------------------------------------------------------

    def append(self, entries: Iterable[NightEntry]) -> None:
        """Add a night's entries, each to its series; synced to disk."""
        for entry in entries:
            path = self._nightly / f"{safe_name(entry.series)}.jsonl"
            with translated(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
                try:
                    write_all(descriptor, _separated(descriptor) + dump(to_json(entry)))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def history(self) -> tuple[dict[str, tuple[NightEntry, ...]], tuple[str, ...]]:
        """Every series in the order of its nights, and a line for each that cannot be read."""
        series: dict[str, list[NightEntry]] = {}
        problems = []
        for path in sorted(self._nightly.glob("*.jsonl")):
            with translated(path):
                lines = path.read_bytes().splitlines()
            for number, line in enumerate(lines, start=1):
                try:
                    entry = _entry(line)
                except (StoreError, ValueError) as error:
                    problems.append(f"{path}:{number}: left out, {error}")
                    continue
                series.setdefault(entry.series, []).append(entry)
        ordered = {
            name: tuple(sorted(entries, key=lambda entry: entry.at))
            for name, entries in series.items()
        }
        return ordered, tuple(problems)

    # --- calibrations -----------------------------------------------------------------------

    def save_calibration(self, calibration: Calibration) -> Path:
        """Keep what A/A trials said about a unit; an earlier one is replaced."""
        path = self._calibrations / f"{safe_name(calibration.unit)}.json"
        return _write(path, to_json(calibration))

    def calibrations(self) -> dict[str, Calibration]:
        """The latest calibration of each unit."""
        found = (
            from_json(Calibration, _read(path))
            for path in sorted(self._calibrations.glob("*.json"))
        )
        return {one.unit: one for one in found}

    # --- baselines --------------------------------------------------------------------------

    def save_baseline(self, name: str, definition: Mapping[str, Any]) -> Path:
        """Keep an arm's definition under a name; an earlier one is replaced."""
        return _write(self._baselines / f"{safe_name(name)}.json", {"name": name, **definition})

    def baseline(self, name: str) -> dict[str, Any]:
        """An arm's definition; UserError with the names there are for an unknown one."""
        path = self._baselines / f"{safe_name(name)}.json"
        if not path.exists():
            known = ", ".join(self.baselines()) or "none yet"
            raise UserError(
                f"no baseline {name!r}; there is {known} "
                "(`benchfarm baselines save NAME SCENARIO` keeps one)"
            )
        return _read(path)

    def baselines(self) -> dict[str, dict[str, Any]]:
        """All definitions by name."""
        found = (_read(path) for path in sorted(self._baselines.glob("*.json")))
        return {str(one["name"]): one for one in found}


def _entry(line: bytes) -> NightEntry:
    document = json.loads(line)
    if not isinstance(document, dict) or document.get("version") != LAB_VERSION:
        raise StoreError("no entry of a version that this benchfarm reads")
    return from_json(NightEntry, document)


def _separated(descriptor: int) -> bytes:
    """A line end, where a killed writer left a line without one."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _write(path: Path, document: Mapping[str, Any]) -> Path:
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, dump({**document, "version": LAB_VERSION}, indent=1))
    return path


def _read(path: Path) -> dict[str, Any]:
    document = read_document(path)
    if document.pop("version", None) != LAB_VERSION:
        raise StoreError(f"{path}: not of a version that this benchfarm reads; upgrade benchfarm")
    return document
