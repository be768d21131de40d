"""What the numbers of a table are, and over what their intervals are taken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from reports.accuracy import ACCURACY_METRICS, samples_text
from reports.estimates import is_plain_mean
from reports.paper.table import Number, PaperColumn, PaperEntry

_IN_PARENTHESES = (
    "Uncertainties in parentheses are the longer arms of 95 % intervals{over}, "
    "in units of the last digits."
)
_TRIALS = "Values are geometric means over trials{fresh}."
_ACCURACY = "Values are over the {samples} of a data set, each inferred once."
_ACCURACY_TOO = (
    "Accuracy and its interval are over the {samples} of a data set, each inferred once."
)
_ENERGY = (
    "Energy is the arithmetic mean over trials; its interval also holds the uncertainty of idle "
    "power."
)
_ONSET = "Time to throttle is over those trials that throttled."
_PLAIN = "Percentages, counts and file sizes are plain means without an interval."
_UNITS = (
    "Where several units share a place, the value is the geometric mean over units, and its "
    "interval is over units."
)
_ENERGIES = ("energy_gross_j", "energy_net_j")


def numbers_note(
    metrics: Iterable[str],
    *,
    pooled: bool = False,
    fresh: bool = True,
    samples: Collection[int] = (),
) -> str:
    """The sentences that tables of ``metrics`` need.

    ``pooled`` where numbers are over units; not ``fresh`` where trials shared a process;
    ``samples`` are the sizes of the data sets that accuracy is over.
    """
    shown = dict.fromkeys(metrics)
    accuracy = [metric for metric in shown if metric in ACCURACY_METRICS]
    others = [metric for metric in shown if metric not in ACCURACY_METRICS]
    trials = _TRIALS.format(fresh=", each a fresh process" if fresh else "")
    if not others:
        said = [
            _ACCURACY.format(samples=samples_text(samples)),
            _IN_PARENTHESES.format(over=" over samples"),
        ]
    elif not accuracy:
        said = [trials, _IN_PARENTHESES.format(over=" over trials")]
    else:
        said = [trials, _IN_PARENTHESES.format(over="")]
        said += [_ACCURACY_TOO.format(samples=samples_text(samples))]
    said += [_ENERGY] if any(metric in _ENERGIES for metric in others) else []
    said += [_ONSET] if "throttle_onset_ns" in shown else []
    said += [_PLAIN] if any(map(is_plain_mean, others)) else []
    said += [_UNITS] if pooled else []
    return " ".join(said)


def samples_of(
    columns: Sequence[PaperColumn], rows: Iterable[Sequence[PaperEntry]]
) -> frozenset[int]:
    """How many samples the accuracies of a table are over; units answer the same ones."""
    return frozenset(
        entry.estimate.n // entry.units
        for row in rows
        for column, entry in zip(columns, row, strict=True)
        if column.metric in ACCURACY_METRICS and isinstance(entry, Number)
    )
