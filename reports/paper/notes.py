"""What the numbers of a table are, and over what their intervals are taken."""

from __future__ import annotations

from collections.abc import Iterable

from reports.accuracy import ACCURACY_METRICS
from reports.estimates import is_plain_mean

_IN_PARENTHESES = (
    "Uncertainties in parentheses are half-widths of 95 % intervals{over}, "
    "in units of the last digits."
)
_TRIALS = "Values are geometric means over trials{fresh}."
_ACCURACY = "Values are over the samples of a data set, each inferred once."
_ACCURACY_TOO = "Accuracy and its interval are over the samples of a data set, each inferred once."
_ENERGY = (
    "Energy is the arithmetic mean over trials; its interval also holds the uncertainty of idle "
    "power."
)
_PLAIN = "Percentages, counts and file sizes are plain means without an interval."
_UNITS = (
    "Where several units share a place, the value is the geometric mean over units, and its "
    "interval is over units."
)
_ENERGIES = ("energy_gross_j", "energy_net_j")


def numbers_note(metrics: Iterable[str], *, pooled: bool = False, fresh: bool = True) -> str:
    """The sentences that tables of ``metrics`` need.

    ``pooled`` where numbers are over units; not ``fresh`` where trials shared a process.
    """
    shown = dict.fromkeys(metrics)
    accuracy = [metric for metric in shown if metric in ACCURACY_METRICS]
    others = [metric for metric in shown if metric not in ACCURACY_METRICS]
    trials = _TRIALS.format(fresh=", each a fresh process" if fresh else "")
    if not others:
        said = [_ACCURACY, _IN_PARENTHESES.format(over=" over samples")]
    elif not accuracy:
        said = [trials, _IN_PARENTHESES.format(over=" over trials")]
    else:
        said = [trials, _IN_PARENTHESES.format(over=""), _ACCURACY_TOO]
    said += [_ENERGY] if any(metric in _ENERGIES for metric in others) else []
    said += [_PLAIN] if any(map(is_plain_mean, others)) else []
    said += [_UNITS] if pooled else []
    return " ".join(said)
