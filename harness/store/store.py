"""The results store: every run under one folder. The files are the truth, the index a cache."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.clock import Clock, SystemClock
from harness.errors import StoreError
from harness.record import RunPlan
from harness.store import layout, run_writer
from harness.store.anonymous import Disguise
from harness.store.archive import export_run
from harness.store.files import translated
from harness.store.index import Entry, Index
from harness.store.ledger import LedgerState
from harness.store.lock import RunLock, is_held
from harness.store.recovery import mend_run
from harness.store.run_reader import RunReader
from harness.store.run_writer import RunWriter
from harness.store.summary import RunSummary, alive, choose, read_summary, summarise

#: A run folder without a plan may be one that another process makes right now.
_UNBORN_FOR = timedelta(hours=1)


class ResultsStore:
    """A results folder. Making the object touches nothing; only writing calls make the folder."""

    def __init__(
        self, root: Path, index_url: str | None = None, clock: Clock | None = None
    ) -> None:
        """``index_url`` is an SQLAlchemy URL for a lab's database, None for ``index.sqlite``."""
        self.root = root
        self._runs = root / layout.RUNS
        self._index = Index(root, index_url)
        self._index_is_ours = index_url is None
        self._clock = clock or SystemClock()

    # --- writing ----------------------------------------------------------------------------

    def create_run(self, plan: RunPlan) -> RunWriter:
        """Begin a new run, after recovering what killed processes left behind.

        The run's id is ``plan.run_id`` or, where that is taken, one made from it: use the
        writer's ``run_id`` and ``plan``. StoreError when the folder is read-only, full or a file.
        """
        self.recover()
        return run_writer.create(self._runs, plan, self._clock, self._publish)

    def resume_run(self, selector: str) -> RunWriter:
        """Open a run for further trials; StoreError naming the owner while somebody writes it."""
        return run_writer.resume(self.resolve(selector).folder, self._clock, self._publish)

    def recover(self) -> tuple[str, ...]:
        """Give trials cut off by a killed process their records; the ids of the runs mended.

        A run that cannot be mended (written by a newer benchfarm, damaged, on a full disk) stays
        as it is.
        """
        mended = []
        for folder in self._folders():
            if (folder / layout.LOCK).exists() and not is_held(folder):
                with suppress(StoreError):
                    mend_run(folder, self._clock)
                    mended.append(folder.name)
        return tuple(mended)

    def _publish(self, folder: Path, plan: RunPlan, ledger: LedgerState) -> None:
        self._index.save([Entry(_stamp(folder), summarise(folder.name, plan, ledger))])

    # --- reading ----------------------------------------------------------------------------

    def runs(self) -> list[RunSummary]:
        """Every run, newest first; those that cannot be read come last and say why."""
        folders = self._folders()
        if not folders:
            return []
        found = [alive(summary, self._runs / summary.run_id) for summary in self._all(folders)]
        return sorted(found, key=lambda run: (run.created_at, run.run_id), reverse=True)

    def resolve(self, selector: str) -> RunReader:
        """The run meant by an id, a unique prefix of one, a label (its newest run) or ``latest``.

        UserError with the nearest candidates when there is no such run, or more than one.
        """
        return RunReader(self._runs / choose(selector, self.runs()).run_id)

    def export(self, selector: str, path: Path, *, anonymous: bool = False) -> None:
        """Copy a run to ``path``: an archive if that ends in ``.tar.gz``, otherwise a folder."""
        run = self.resolve(selector)
        export_run(run.folder, path, Disguise([run.plan]) if anonymous else None)

    def reindex(self) -> int:
        """Build the index anew from the files; how many runs there are."""
        self._index.discard()
        return len(self.runs())

    def _all(self, folders: list[Path]) -> list[RunSummary]:
        """Summaries from the index, from files where the index is behind; the index catches up."""
        known = self._known()
        entries: dict[str, Entry] = {}
        fresh: list[Entry] = []
        for folder in folders:
            stamp, entry = _stamp(folder), known.get(folder.name)
            if entry is None or entry.stamp != stamp:
                entry = Entry(stamp, read_summary(folder))
                fresh.append(entry)
            entries[folder.name] = entry
        with suppress(StoreError):  # on read-only media the index stays behind
            self._index.save(entry for entry in fresh if not entry.summary.problem)
            self._index.forget(known.keys() - entries.keys())
        return [entry.summary for entry in entries.values()]

    def _known(self) -> dict[str, Entry]:
        try:
            return self._index.load()
        except StoreError:
            if self._index_is_ours:
                return {}
            raise  # the user named this database, and should know that it does not answer

    def _folders(self) -> list[Path]:
        """The folders of all runs, complete ones and others."""
        with translated(self._runs):
            if not self.root.exists() or (self.root.is_dir() and not self._runs.exists()):
                return []
            return [folder for folder in self._runs.iterdir() if (folder / layout.PLAN).exists()]

    # --- tidying ----------------------------------------------------------------------------

    def delete(self, selector: str) -> str:
        """Delete a run for good and return its id; StoreError while somebody writes it."""
        folder = self.resolve(selector).folder
        self._delete(folder)
        return folder.name

    def gc(
        self,
        older_than: timedelta | None = None,
        *,
        superseded: bool = False,
        dry_run: bool = False,
    ) -> tuple[Path, ...]:
        """Delete what is no use any more, and return it; ``dry_run`` only returns it.

        Always: what an interrupted deletion or creation of a run left. With ``superseded``: earlier
        attempts at trials. With ``older_than``: runs without a label created before that. A run
        that is being written is never touched.
        """
        self.recover()
        idle = [run for run in self.runs() if not is_held(self._runs / run.run_id)]
        old = [self._runs / run.run_id for run in idle if self._is_old(run, older_than)]
        kept = [self._runs / run.run_id for run in idle if self._runs / run.run_id not in old]
        attempts = [folder / layout.SUPERSEDED for folder in kept] if superseded else []
        doomed = [*self._leftovers(), *(path for path in attempts if path.exists())]
        if not dry_run:
            with translated(self._runs):
                for path in doomed:
                    shutil.rmtree(path)
            for folder in old:
                self._delete(folder)
        return (*doomed, *old)

    def _delete(self, folder: Path) -> None:
        """Out of sight first, so that a half-deleted run is never taken for a run."""
        lock = RunLock(folder, self._clock)
        try:
            with translated(folder):
                hidden = folder.with_name(layout.DELETED_PREFIX + folder.name)
                folder.rename(hidden)
                shutil.rmtree(hidden)
        finally:
            lock.release()
        with suppress(StoreError):
            self._index.forget([folder.name])

    def _is_old(self, run: RunSummary, older_than: timedelta | None) -> bool:
        if older_than is None or run.label is not None or run.problem is not None:
            return False
        return datetime.fromisoformat(run.created_at) < self._clock.now() - older_than

    def _leftovers(self) -> list[Path]:
        with translated(self._runs):
            if not self._runs.exists():
                return []
            return [folder for folder in self._runs.iterdir() if self._is_leftover(folder)]

    def _is_leftover(self, folder: Path) -> bool:
        if folder.name.startswith(layout.DELETED_PREFIX):
            return True
        if not folder.is_dir() or (folder / layout.PLAN).exists() or is_held(folder):
            return False
        changed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        return changed < self._clock.now() - _UNBORN_FOR


def _stamp(folder: Path) -> str:
    """Changes with every line of the run's ledger."""
    try:
        status = (folder / layout.LEDGER).stat()
    except FileNotFoundError:
        return "none"
    return f"{status.st_size}:{status.st_mtime_ns}"
