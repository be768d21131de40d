"""The accuracy pass in a report: intervals are over samples, the comparison is with float32."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.record import Cell, Outcome, TrialRecord
from harness.stats.interval import Estimate
from harness.validity.accuracy import AccuracyLoss, loss_against, reference_for
from reports.compare import advantage
from reports.model import CellView, ReportModel
from reports.quantities import NOT_MEASURED, estimate_text, heading

LATENCY = "latency_p50_ns"
ACCURACY_METRICS = ("accuracy_top1", "accuracy_top5", "accuracy_f1", "accuracy_perplexity")

#: What comparison columns are called, by the key that :func:`comparison_text` takes.
COMPARISONS = {
    "latency": heading(LATENCY),
    "speed-up": "Speed-up",
    "agreement": "Same answer as fp32 [%]",
    "retention": "Retention [%]",
    "verdict": "Against fp32 (McNemar)",
}
_NOTE = (
    "Intervals are over the {samples}, Wilson's for shares, and that of Bonett and Price for "
    "retention, as both models answered the same samples. Each p-value is of one test by itself: "
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


def accuracy_cells(model: ReportModel) -> tuple[CellView, ...]:
    """The cells of the accuracy pass, by model and engine, float32 first."""
    cells = [cell for cell in model.cells if cell.purpose == "accuracy"]
    return tuple(sorted(cells, key=lambda cell: (*_setting(cell), cell.loss is not None)))


def accuracy_note(cells: Sequence[CellView]) -> str:
    """What stands below the table of these cells."""
    sizes = {c.estimates[m].n for c in cells for m in ACCURACY_METRICS if m in c.estimates}
    return _NOTE.format(samples=samples_text(sizes))


def samples_text(sizes: Collection[int]) -> str:
    """``900 samples``, the range where data sets differ, or no number where none is known."""
    if not sizes:
        return "samples"
    low, high = min(sizes), max(sizes)
    return f"{low} samples" if low == high else f"{low} to {high} samples"


def shown_comparisons(cells: Sequence[CellView], model: ReportModel) -> dict[str, str]:
    """The columns of :data:`COMPARISONS` in which there is something."""
    return {
        key: title
        for key, title in COMPARISONS.items()
        if any(comparison_text(cell, key, model) != NOT_MEASURED for cell in cells)
    }


def comparison_text(cell: CellView, key: str, model: ReportModel) -> str:
    """One column of the comparison with float32: of speed, then of answers."""
    if key == "latency":
        timed = _timed(cell, cell.label, model)
        return estimate_text(LATENCY, timed.estimates.get(LATENCY) if timed else None)
    loss = cell.loss
    if loss is None:
        return NOT_MEASURED
    if key == "speed-up":
        return _speed_up(cell, loss.reference, model)
    if key == "agreement":
        text = estimate_text("accuracy_top1", loss.agreement)
        return f"{text} (fp32 always answers the same)" if loss.one_answer else text
    if key == "retention":
        return _retention(loss.retention)
    return loss.verdict or NOT_MEASURED


def _retention(kept: Estimate | None) -> str:
    if kept is None:
        return NOT_MEASURED
    value = f"{kept.value * 100:.1f}"
    if kept.low is None or kept.high is None:
        return value
    return f"{value} [{kept.low * 100:.1f}, {kept.high * 100:.1f}]"


def _speed_up(cell: CellView, reference: str, model: ReportModel) -> str:
    ours, theirs = (_timed(cell, label, model) for label in (cell.label, reference))
    if ours is None or theirs is None or ours.facets["load"] != theirs.facets["load"]:
        return NOT_MEASURED
    # A file answers the question of the one it was made from, though it is called otherwise.
    found = advantage(replace(ours, group=theirs.group), theirs)
    if found is None:
        return NOT_MEASURED
    factor = found.factor
    value = f"{factor.value:.2f}"
    if factor.low is None or factor.high is None:
        return value
    return f"{value} [{factor.low:.2f}, {factor.high:.2f}]"


def _timed(cell: CellView, label: str, model: ReportModel) -> CellView | None:
    """The timed cell of a variant in the setting of an accuracy cell; the first of its loads."""
    facets = ("run", "device", "engine", "delegate", "threads", "batch", "options")
    same = [
        other
        for other in model.cells
        if other.purpose == "timing"
        and other.label == label
        and LATENCY in other.estimates
        and all(other.facets[name] == cell.facets[name] for name in facets)
    ]
    return min(same, key=lambda other: other.facets["load"], default=None)


def _setting(cell: CellView) -> tuple[str, ...]:
    family = cell.label.partition("/")[0]
    facets = ("engine", "delegate", "threads", "options")
    return (cell.run_id, cell.facets["device"], family, *(cell.facets[name] for name in facets))


def _good(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [record for record in records if record.outcome is Outcome.OK]
