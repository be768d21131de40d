"""Which runner processes have served which trials: several trials of one process count as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.conductor.attempt import Attempt
from harness.record import Outcome, TrialRecord


class Processes:
    """The processes of a run that have a name; only apps that outlive their trials give one.

    ``earlier`` are the records of the run so far, so that a resumed run knows its processes again.
    """

    def __init__(self, earlier: Iterable[TrialRecord] = ()) -> None:
        self._served: dict[object, set[str]] = defaultdict(set)
        self._counted: set[object] = set()
        for record in earlier:
            self.add(record)

    def judge(self, attempt: Attempt) -> None:
        """Tell an attempt what its process had done before it.

        Going on with the session of an earlier attempt is no second use of the process.
        """
        process = attempt.ready.facts.get("process") if attempt.ready else None
        own = {attempt.trial.id} if attempt.found else set()
        attempt.reused = bool(self._served.get(process, set()) - own)
        attempt.counts = process not in self._counted

    def add(self, record: TrialRecord) -> None:
        """Remember a trial that is over."""
        process = record.runner.get("process")
        if process is None:
            return
        self._served[process].add(record.trial.id)
        if record.outcome is Outcome.OK:
            self._counted.add(process)
