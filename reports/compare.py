"""Which cell is faster, by what factor, and how sure: computed from trials, said with care.

The factors describe this run (:mod:`harness.stats.ratio`); they are no verdict on a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.metrics import METRICS
from harness.stats.interval import Estimate
from harness.stats.ratio import log_ratio_interval
from reports.model import CellView


class Certainty(StrEnum):
    """What the interval of a factor says."""

    CLEAR = "clear"  #: it excludes 1
    UNCLEAR = "unclear"  #: it contains 1
    UNKNOWN = "unknown"  #: too few trials for an interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """``better`` is ``factor`` times as fast as ``other`` on ``metric``."""

    better: CellView
    other: CellView
    metric: str
    factor: Estimate

    @property
    def certainty(self) -> Certainty:
        """Whether the interval of the factor excludes 1."""
        if self.factor.low is None or self.factor.high is None:
            return Certainty.UNKNOWN
        return Certainty.UNCLEAR if self.factor.low <= 1 <= self.factor.high else Certainty.CLEAR


def advantage(subject: CellView, baseline: CellView) -> Comparison | None:
    """How many times as fast ``subject`` is as ``baseline`` (below 1: it is slower).

    None where one of them has no number or the two answer different questions.
    """
    metric = subject.primary
    ours, theirs = subject.metric_values(metric), baseline.metric_values(metric)
    if subject.group != baseline.group or not ours or not theirs or min(*ours, *theirs) <= 0:
        return None
    higher = metric in METRICS and METRICS[metric].better == "higher"
    factor = log_ratio_interval(ours, theirs) if higher else log_ratio_interval(theirs, ours)
    return Comparison(subject, baseline, metric, factor)


def groups(cells: Iterable[CellView]) -> list[list[CellView]]:
    """Timed cells with a number, by the question they answer, best first."""
    gathered: dict[tuple[str, ...], list[CellView]] = {}
    for cell in cells:
        if cell.purpose == "timing" and cell.primary in cell.estimates:
            gathered.setdefault(cell.group, []).append(cell)
    return [sorted(group, key=_rank) for group in gathered.values()]


def winners(cells: Iterable[CellView]) -> list[Comparison]:
    """For each group of two or more cells: the best against the next best."""
    found = (advantage(group[0], group[1]) for group in groups(cells) if len(group) > 1)
    return [comparison for comparison in found if comparison is not None]


def quantized_pairs(cells: Iterable[CellView]) -> list[Comparison]:
    """Each int8 cell against the fp32 cell that differs from it in nothing but the variant."""
    found: list[Comparison] = []
    for group in groups(cells):
        by_setting: dict[tuple[str, ...], list[CellView]] = {}
        for cell in group:
            by_setting.setdefault(_setting(cell), []).append(cell)
        for same in by_setting.values():
            found += _pairs(same)
    return found


def _pairs(same: Sequence[CellView]) -> list[Comparison]:
    baselines = [cell for cell in same if cell.precision == "fp32"]
    subjects = [cell for cell in same if cell.precision.startswith("int8")]
    if len(baselines) != 1:
        return []
    found = (advantage(subject, baselines[0]) for subject in subjects)
    return [comparison for comparison in found if comparison is not None]


def _setting(cell: CellView) -> tuple[str, ...]:
    return tuple(
        cell.facets[name]
        for name in ("engine", "engine_version", "delegate", "threads", "options", "arm")
    )


def _rank(cell: CellView) -> float:
    value = cell.estimates[cell.primary].value
    higher = cell.primary in METRICS and METRICS[cell.primary].better == "higher"
    return -value if higher else value
