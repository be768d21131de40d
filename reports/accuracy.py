"""The accuracy pass in a report: intervals are over samples, the comparison is with float32."""

from __future__ import annotations

from collections.abc import Sequence

from harness.record import Cell, Outcome, TrialRecord
from harness.stats.interval import Estimate
from harness.validity.accuracy import AccuracyLoss, loss_against, reference_for
from reports.model import CellView
from reports.quantities import NOT_MEASURED, estimate_text

ACCURACY_METRICS = ("accuracy_top1", "accuracy_top5", "accuracy_f1", "accuracy_perplexity")

#: What comparison columns are called, by the key that :func:`comparison_text` takes.
COMPARISONS = {
    "agreement": "Same answer as fp32 [%]",
    "retention": "Retention [%]",
    "verdict": "Against fp32 (McNemar)",
}
NOTE = (
    "Intervals are over samples, Wilson's for shares. Each p-value is of one test by itself: "
    "of twenty without a difference, one is below 0.05."
)

CellRecords = Sequence[tuple[Cell, Sequence[TrialRecord]]]


def accuracy_estimates(good: Sequence[TrialRecord]) -> dict[str, Estimate]:
    """The figures of an accuracy cell with their intervals over samples; empty for other cells."""
    found = {}
    for record in good:
        if record.accuracy is not None:
            for name in ACCURACY_METRICS:
                if name in record.metrics:
                    low, high = record.accuracy.intervals.get(name, (None, None))
                    samples = record.accuracy.samples
                    found[name] = Estimate(record.metrics[name], low, high, samples)
    return found


def accuracy_loss(cell: Cell, measured: CellRecords) -> AccuracyLoss | None:
    """An accuracy cell against the float32 cell of its run."""
    if cell.purpose != "accuracy":
        return None
    reference = reference_for(cell, [other for other, _ in measured])
    records = {other.key: _good(found) for other, found in measured if other in (cell, reference)}
    if reference is None or not records[cell.key] or not records[reference.key]:
        return None
    return loss_against(records[cell.key][-1], records[reference.key][-1])


def comparison_text(cell: CellView, key: str) -> str:
    """One column of the comparison with float32."""
    loss = cell.loss
    if loss is None:
        return NOT_MEASURED
    if key == "agreement":
        text = estimate_text("accuracy_top1", loss.agreement)
        return f"{text} (fp32 always answers the same)" if loss.one_answer else text
    if key == "retention":
        return NOT_MEASURED if loss.retention is None else f"{loss.retention * 100:.1f}"
    return loss.verdict or NOT_MEASURED


def _good(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [record for record in records if record.outcome is Outcome.OK]
