"""At the end of a run: verdicts on placement with the whole run as a witness."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario import Require
from harness.store.run_reader import RunReader
from harness.store.run_writer import RunWriter
from harness.validity.placement.second_look import Seen, second_look


def look_again(writer: RunWriter, require: Require) -> None:
    """Store the records anew that read differently beside the run's CPU cells.

    Does nothing in runs on plain ``cpu`` alone, and may be called again after a resume.
    """
    if all(trial.cell.delegate == "cpu" for trial in writer.plan.trials):
        return
    for record in second_look(_seen(RunReader(writer.folder)), require):
        writer.amend(record)


def _seen(run: RunReader) -> Iterator[Seen]:
    for trial in run.plan.trials:
        if trial.cell.purpose == "timing" and run.has(trial.id):
            stored = run.trial(trial.id)
            yield Seen(stored.record, stored.outputs())
