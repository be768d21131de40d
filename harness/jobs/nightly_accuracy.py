"""What a night says about accuracy: the two arms' answers to the same samples.

Answers do not change from process to process, so there is one trial of each arm, no quad, and
nothing to measure again.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.jobs.nightly import NightRow, Status
from harness.record import Cell, DeviceFacts, Outcome, TrialRecord
from harness.stats.comparison import Comparison, Verdict
from harness.store.run_reader import RunReader
from harness.units import format_percent
from harness.validity.accuracy import SIGNIFICANT, AccuracyLoss, loss_against
from harness.validity.comparability import Side

#: A loss of one point of top-1 is worth acting on.
MARGIN = 0.01
METRIC = "accuracy_top1"


def accuracy_rows(run: RunReader) -> Iterator[NightRow]:
    """A row for each pair of arms of the accuracy pass."""
    for reference, candidate in _pairs(run):
        theirs, ours = _record(run, reference), _record(run, candidate)
        sides = [
            Side(run.run_id, cell, (record,) if record else (), _facts(run, cell))
            for cell, record in ((reference, theirs), (candidate, ours))
        ]
        loss = loss_against(ours, theirs) if ours and theirs else None
        status, comparison = _judged(loss, ours is not None and theirs is not None)
        yield NightRow(sides[0], sides[1], METRIC, status, comparison, 0, reason=comparison.reason)


def _judged(loss: AccuracyLoss | None, measured: bool) -> tuple[Status, Comparison]:
    """Worse where McNemar's test says so and the loss is beyond the margin."""
    if loss is None:
        reason = (
            "the arms were asked different samples" if measured else "an arm has no valid trial"
        )
        status = Status.INCOMPARABLE if measured else Status.INCOMPLETE
        verdict = Verdict.INCOMPARABLE if measured else Verdict.INCONCLUSIVE
        return status, Comparison(verdict, MARGIN, reason)
    agreement = f"{format_percent(loss.agreement.value)} of answers agree"
    paired = loss.paired
    if paired is None:  # inputs without labels: agreement is all there is
        return Status.GOOD, Comparison(Verdict.INCONCLUSIVE, MARGIN, f"no labels; {agreement}")
    lost = (paired.lost - paired.gained) / loss.agreement.n
    reason = f"{format_percent(lost)} of samples lost on balance, {loss.verdict}; {agreement}"
    if paired.p_value >= SIGNIFICANT or abs(lost) <= MARGIN:
        return Status.GOOD, Comparison(Verdict.INCONCLUSIVE, MARGIN, reason)
    if lost > 0:
        return Status.REGRESSION, Comparison(Verdict.WORSE, MARGIN, reason)
    return Status.GOOD, Comparison(Verdict.BETTER, MARGIN, reason)


def _pairs(run: RunReader) -> Iterator[tuple[Cell, Cell]]:
    """The arms of each accuracy cell; the ranking has them next to each other."""
    cells = {trial.cell.key: trial.cell for trial in run.plan.trials}
    asked = [
        cells[key]
        for key in run.plan.ranking
        if key in cells and cells[key].purpose == "accuracy" and cells[key].arm
    ]
    for reference, candidate in zip(asked[::2], asked[1::2], strict=False):
        if (reference.arm, candidate.arm) == ("reference", "candidate"):
            yield reference, candidate


def _record(run: RunReader, cell: Cell) -> TrialRecord | None:
    """The cell's valid trial."""
    name = f"{cell.key}-r0"
    if not run.has(name):
        return None
    record = run.trial(name).record
    return record if record.outcome is Outcome.OK else None


def _facts(run: RunReader, cell: Cell) -> DeviceFacts:
    return run.plan.facts.get(cell.device_id, DeviceFacts(cell.device_id))
