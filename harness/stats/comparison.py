"""Is the candidate slower, faster or equivalent? Verdicts from the values of trials.

The trial is the unit: each side is a list of one metric's values, one a trial. The verdict rests on
the ratio candidate / reference of geometric means, with intervals on the logarithms:

* worse or better: the 95 % interval excludes 1 *and* the estimate is beyond the margin;
* equivalent: the 90 % interval lies within the margin (two one-sided tests at 5 %);
* inconclusive: everything else, with the reason.

Asking for both statistical and practical weight keeps false alarms at or below the level of the
test however many trials there are. Margins are symmetric in logarithms, so that swapping the sides
inverts the ratio and the verdict. The rates are simulated in ``tests/benchmarks/verdicts.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from harness.stats.interval import MIN_TRIALS, Estimate
from harness.stats.ratio import LogDifference, paired, welch
from harness.units import format_percent

LEVEL = 0.95
#: Two one-sided tests at 5 % are one 90 % interval.
EQUIVALENCE_LEVEL = 0.90
#: The share of false verdicts that is accepted among the worse and better ones of a table.
FALSE_DISCOVERY_RATE = 0.05
#: Standard deviation by which all trials of one session move together, as docs/method.md assumes it
#: where a unit has not been calibrated.
SESSION_SPREAD = 0.01
_NORMAL_975 = 1.959964


class Verdict(StrEnum):
    """What a comparison says about the candidate."""

    WORSE = "worse"
    BETTER = "better"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"  #: the sides differ in more than the factor; never from numbers


@dataclass(frozen=True, slots=True)
class Quad:
    """Four neighbouring trials A B B A as two pairs, each of trials next to each other in time."""

    reference: tuple[float, float]
    candidate: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two sides.

    ``difference`` is None where no interval can be given. ``reason`` says why a comparison is
    inconclusive or incomparable, and is empty otherwise. ``bootstrap`` is the cross-check's
    interval.
    """

    verdict: Verdict
    margin: float
    reason: str = ""
    difference: LogDifference | None = None
    bootstrap: Estimate | None = None

    @property
    def ratio(self) -> Estimate | None:
        """The ratio candidate / reference with its 95 % interval."""
        return None if self.difference is None else self.difference.interval(LEVEL)

    @property
    def bootstrap_agrees(self) -> bool | None:
        """Whether the bootstrap alone would also call it different, or also not; None without."""
        if self.bootstrap is None:
            return None
        return _is_different(self.bootstrap, self.margin) == (
            self.ratio is not None and _is_different(self.ratio, self.margin)
        )


Better = Literal["lower", "higher"]


def compare(
    reference: Sequence[float], candidate: Sequence[float], *, margin: float, better: Better
) -> Comparison:
    """Two sides whose trials are independent: Welch's interval on the logarithms.

    Too few values and values without a logarithm make it inconclusive.
    """
    problem = _problem(reference, candidate)
    if problem:
        return Comparison(Verdict.INCONCLUSIVE, margin, problem)
    return judge(welch(candidate, reference), margin=margin, better=better)


def compare_quads(quads: Sequence[Quad], *, margin: float, better: Better) -> Comparison:
    """Trials measured A B B A: the interval of the differences within each quad.

    Each pair of neighbours gives one difference. A drift that is straight over a quad enters its
    two differences with opposite signs: the estimate is free of it, and the interval rather too
    wide than too narrow. Quads that lost a trial must be left out by the caller.
    """
    values = [value for quad in quads for value in (*quad.reference, *quad.candidate)]
    if len(quads) < 2:
        return Comparison(Verdict.INCONCLUSIVE, margin, f"{_counted(len(quads), 'quad')}, 2 needed")
    if not _positive(values):
        return Comparison(Verdict.INCONCLUSIVE, margin, _NO_RATIO)
    differences = [
        math.log(ours / theirs)
        for quad in quads
        for ours, theirs in zip(quad.candidate, quad.reference, strict=True)
    ]
    return judge(paired(differences), margin=margin, better=better)


def judge(difference: LogDifference, *, margin: float, better: Better) -> Comparison:
    """The verdict on a difference of candidate minus reference."""
    ratio = difference.interval(LEVEL)
    if _is_different(ratio, margin):
        rose = difference.centre > 0
        verdict = Verdict.WORSE if rose == (better == "lower") else Verdict.BETTER
        return Comparison(verdict, margin, difference=difference)
    if _is_equivalent(difference.interval(EQUIVALENCE_LEVEL), margin):
        return Comparison(Verdict.EQUIVALENT, margin, difference=difference)
    reason = _why_inconclusive(ratio, margin)
    return Comparison(Verdict.INCONCLUSIVE, margin, reason, difference)


def control_false_discoveries(
    comparisons: Sequence[Comparison], rate: float = FALSE_DISCOVERY_RATE
) -> list[Comparison]:
    """The comparisons of one table, in which chance has more opportunities than in one.

    Benjamini and Hochberg's procedure over all that have a p value: of the worse and better
    verdicts that stay, at most ``rate`` are expected to be false. Others become inconclusive.
    """
    tested = [item.difference.p_value for item in comparisons if item.difference is not None]
    limit = _benjamini_hochberg(tested, rate)
    return [_unless_by_chance(item, limit, len(tested)) for item in comparisons]


def survives_session_effect(comparison: Comparison, spread: float = SESSION_SPREAD) -> bool:
    """Whether a worse or better verdict would stand if each side's session had moved as a whole.

    For sides measured one after the other: their interval is widened by two independent session
    effects with standard deviation ``spread``. No number of trials within a session narrows that.
    """
    difference = comparison.difference
    if difference is None or comparison.verdict not in (Verdict.WORSE, Verdict.BETTER):
        return False
    session = _NORMAL_975 * math.sqrt(2.0) * spread
    return abs(difference.centre) > math.hypot(difference.half_width(LEVEL), session)


def points_to_worse(comparison: Comparison, *, better: Better) -> bool:
    """Whether the change is in the worse direction, at a one-sided level of 5 %, of any size.

    For fresh trials that are to confirm a verdict of others.
    """
    if comparison.difference is None:
        return False
    ratio = comparison.difference.interval(EQUIVALENCE_LEVEL)
    if ratio.low is None or ratio.high is None:
        return False
    return ratio.low > 1.0 if better == "lower" else ratio.high < 1.0


_NO_RATIO = "a value is zero, negative or no number, so there is no ratio"


def _problem(*sides: Sequence[float]) -> str:
    if not all(_positive(side) for side in sides):
        return _NO_RATIO
    fewest = min(len(side) for side in sides)
    if fewest < MIN_TRIALS:
        return f"{_counted(fewest, 'valid trial')} on a side, {MIN_TRIALS} needed"
    return ""


def _positive(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) and value > 0 for value in values)


def _is_different(ratio: Estimate, margin: float) -> bool:
    if ratio.low is None or ratio.high is None or ratio.low <= 1.0 <= ratio.high:
        return False
    return abs(math.log(ratio.value)) > math.log1p(margin)


def _is_equivalent(ratio: Estimate, margin: float) -> bool:
    if ratio.low is None or ratio.high is None:
        return False
    return 1.0 / (1.0 + margin) < ratio.low and ratio.high < 1.0 + margin


def _why_inconclusive(ratio: Estimate, margin: float) -> str:
    if ratio.low is not None and ratio.high is not None and not ratio.low <= 1.0 <= ratio.high:
        return (
            f"there is a difference, but not clearly beyond the margin of {format_percent(margin)}"
        )
    return f"the interval allows no change as well as more than {format_percent(margin)}"


def _benjamini_hochberg(p_values: Sequence[float], rate: float) -> float:
    """The largest p value that is still rejected; below 0 when none is."""
    ordered = sorted(p_values)
    passed = [p for rank, p in enumerate(ordered, 1) if p <= rate * rank / len(ordered)]
    return max(passed, default=-1.0)


def _unless_by_chance(item: Comparison, limit: float, tests: int) -> Comparison:
    if item.verdict not in (Verdict.WORSE, Verdict.BETTER) or item.difference is None:
        return item
    p_value = item.difference.p_value
    if p_value <= limit:
        return item
    reason = f"p = {p_value:.2g} is no surprise among {tests} comparisons"
    return replace(item, verdict=Verdict.INCONCLUSIVE, reason=reason)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
