"""Two models asked the same samples: what is left of the accuracy, and whether a loss is real."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.record import Accuracy, Cell, TrialRecord
from harness.stats.accuracy import Paired, Truths, mcnemar, retention, share_of
from harness.stats.interval import Estimate

#: One test in twenty finds a difference where there is none; the tests of a table are not
#: corrected for how many they are, which the reader is told.
SIGNIFICANT = 0.05

#: The accuracy that retention is of, and what stands in for it.
_RETAINED, _IN_ITS_PLACE = "accuracy_top1", "accuracy_f1"


@dataclass(frozen=True, slots=True)
class AccuracyLoss:
    """A candidate against the float32 reference on the same samples.

    ``agreement`` is the share of equal answers, right or wrong, which says nothing where the
    reference always gives the same one (``one_answer``). ``retention`` and ``paired`` are None
    without labels; where there is F1 only, its ratio is the retention, without an interval.
    """

    reference: str  #: label of the reference variant
    agreement: Estimate
    retention: Estimate | None = None
    paired: Paired | None = None
    one_answer: bool = False

    @property
    def verdict(self) -> str:
        """``worse``, ``better`` or ``no difference shown`` with McNemar's p-value."""
        if self.paired is None:
            return ""
        word = "no difference shown"
        if self.paired.p_value < SIGNIFICANT:
            word = "worse" if self.paired.lost > self.paired.gained else "better"
        return f"{word} (p = {self.paired.p_value:.2g})"


def reference_for(cell: Cell, cells: Iterable[Cell]) -> Cell | None:
    """The float32 cell that ``cell`` is measured against; None where there is none, or it is one.

    It is the file that ``cell``'s was made from, or of the same model and engine; of the same
    device; of the same delegate where there is such a cell and of the CPU otherwise. A model that
    has several has one that is called ``fp32``.
    """
    source = cell.variant.origin.get("source_digest")
    if cell.variant.precision == "fp32" and cell.variant.name in ("fp32", "file"):
        return None
    same = [
        other
        for other in cells
        if other.purpose == "accuracy"
        and other.variant.digest != cell.variant.digest
        and (other.variant.digest == source or _is_float_of(other, cell))
        and other.delegate in (cell.delegate, "cpu")
        and other.device_id == cell.device_id
    ]
    same.sort(
        key=lambda other: (
            other.variant.digest != source,
            other.variant.name != "fp32",
            other.delegate != cell.delegate,
            other.threads != cell.threads,
        )
    )
    return same[0] if same else None


def _is_float_of(other: Cell, cell: Cell) -> bool:
    """Whether a cell is the float32 one of the same model on the same engine."""
    same = (other.variant.model, other.engine) == (cell.variant.model, cell.engine)
    return same and other.variant.precision == "fp32"


def loss_against(candidate: TrialRecord, reference: TrialRecord) -> AccuracyLoss | None:
    """The comparison; None where the two were not asked the same."""
    ours, theirs = candidate.accuracy, reference.accuracy
    if (
        ours is None
        or theirs is None
        or (ours.digest, ours.samples)
        != (
            theirs.digest,
            theirs.samples,
        )
    ):
        return None
    same = np.array([a == b for a, b in zip(_answers(ours), _answers(theirs), strict=True)])
    labelled = bool(ours.correct and theirs.correct)
    return AccuracyLoss(
        reference=reference.trial.cell.variant.label,
        agreement=share_of(same),
        retention=_retention(candidate, reference),
        paired=mcnemar(_truths(ours), _truths(theirs)) if labelled else None,
        one_answer=len(set(_answers(theirs))) == 1,
    )


def _retention(candidate: TrialRecord, reference: TrialRecord) -> Estimate | None:
    ours, theirs = candidate.accuracy, reference.accuracy
    measured = candidate.metrics.keys() & reference.metrics.keys()
    if ours is None or theirs is None:
        return None
    if _RETAINED in measured and ours.correct and theirs.correct:
        return retention(_truths(ours), _truths(theirs))
    full = reference.metrics.get(_IN_ITS_PLACE, 0.0)
    if _RETAINED in measured or _IN_ITS_PLACE not in measured or full <= 0:
        return None
    return Estimate(candidate.metrics[_IN_ITS_PLACE] / full, None, None, ours.samples)


def _answers(accuracy: Accuracy) -> list[str]:
    return accuracy.answers.split()


def _truths(accuracy: Accuracy) -> Truths:
    return np.array([letter == "1" for letter in accuracy.correct], dtype=np.bool_)
