"""Blocks that sensors had measured again, told side by side, and the ratio with all of them."""

from __future__ import annotations

from harness.jobs.pairing import quads_of
from harness.stats.comparison import compare_quads
from harness.stats.interval import Estimate, geometric_mean_interval
from harness.stats.ratio import log_ratio_interval
from harness.units import format_ms
from harness.validity.comparability import Side
from harness.validity.disturbance import is_from_blocks

_MEDIAN, _OVER_ALL = "latency_p50_ns", "latency_p50_all_ns"


def repeated_blocks(reference: Side, candidate: Side) -> tuple[float, float]:
    """How many blocks were measured again: reference, candidate."""
    theirs, ours = (
        sum(record.metrics.get("repeated_blocks", 0.0) for record in side.records)
        for side in (reference, candidate)
    )
    return theirs, ours


def over_all_blocks(reference: Side, candidate: Side, metric: str) -> Estimate | None:
    """The ratio candidate / reference of the median latency with the disturbed blocks in it.

    Arms are laid side by side within their quads, as in the verdict. None where no block was
    disturbed, and for metrics other than the median latency.
    """
    if metric != _MEDIAN or not any(repeated_blocks(reference, candidate)):
        return None
    if candidate.cell.arm:
        quads = quads_of(reference, candidate, _OVER_ALL)
        return compare_quads(quads, margin=1.0, better="lower").ratio
    theirs, ours = _medians(reference), _medians(candidate)
    return log_ratio_interval(ours, theirs) if theirs and ours else None


def told(reference: Side, candidate: Side, metric: str) -> str:
    """Counts of both sides, and their medians over all blocks.

    Empty where nothing was repeated, and for metrics that are not made of blocks.
    """
    theirs, ours = repeated_blocks(reference, candidate)
    if not is_from_blocks(metric) or not (theirs or ours):
        return ""
    counts = (
        f"sensors had {ours:.0f} blocks of the candidate measured again and "
        f"{theirs:.0f} of the reference"
    )
    every = over_all_blocks(reference, candidate, metric)
    if every is None:
        return counts
    medians = [
        format_ms(geometric_mean_interval(_medians(side)).value) for side in (candidate, reference)
    ]
    return (
        f"{counts}; over all blocks their medians are {medians[0]} ms and {medians[1]} ms, the "
        f"ratio is {every.value:.3f}"
    )


def _medians(side: Side) -> list[float]:
    """Of every valid trial, over all of its blocks."""
    return [
        record.metrics.get(_OVER_ALL, record.metrics[_MEDIAN])
        for record in side.records
        if _MEDIAN in record.metrics
    ]
