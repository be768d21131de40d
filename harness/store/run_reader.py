"""A stored run and its trials, for whoever only reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from harness.errors import StoreError
from harness.record import RunPlan, Trial, TrialRecord
from harness.store import layout
from harness.store.documents import read_plan, read_record
from harness.store.files import translated
from harness.store.trial_data import SettledData


class TrialReader(SettledData):
    """The latest attempt of one trial that has a record.

    Channels, samples and blocks that were never stored are empty, not errors.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder
        self.record: TrialRecord = read_record(folder / layout.TRIAL)

    def log(self) -> str:
        """What the runner wrote; empty when nothing was kept."""
        path = self._folder / layout.LOG
        with translated(path):
            return path.read_text("utf-8", "replace") if path.exists() else ""


class RunReader:
    """One run. It may still be measured by another process: then the records grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_id = folder.name

    @cached_property
    def plan(self) -> RunPlan:
        """Everything decided before the first trial."""
        return read_plan(self.folder / layout.PLAN)

    @property
    def label(self) -> str | None:
        """What the user called the run."""
        return self.plan.label

    def records(self) -> Iterator[TrialRecord]:
        """The latest attempt of every trial that has a record, in plan order."""
        for trial in self.plan.trials:
            path = self._path(trial.id)
            if path.exists():
                yield read_record(path)

    def has(self, trial_id: str) -> bool:
        """Whether a trial has a record."""
        return self._path(trial_id).exists()

    def missing(self) -> tuple[Trial, ...]:
        """Planned trials that have no record: not reached, or being measured now."""
        return tuple(trial for trial in self.plan.trials if not self._path(trial.id).exists())

    def trial(self, trial_id: str) -> TrialReader:
        """One trial with its samples and traces; StoreError when it has no record."""
        path = self._path(trial_id)
        if not path.exists():
            raise StoreError(f"{self.run_id}: no record of trial {trial_id!r}")
        return TrialReader(path.parent)

    def _path(self, trial_id: str) -> Path:
        return layout.trial_folder(self.folder, trial_id) / layout.TRIAL
