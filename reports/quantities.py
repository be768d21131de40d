"""Metrics as text: which unit a column has, how a value and its interval are printed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.metrics import METRICS
from harness.stats.interval import Estimate
from harness.units import BYTES_PER_MIB, NS_PER_MS, NS_PER_S, significant

#: What stands where nothing was measured. Never a zero.
NOT_MEASURED = "\u2014"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """How a stored metric is shown: divide by ``divisor``, call it ``unit``."""

    unit: str
    divisor: float


_SCALES = {
    "_ns": Scale("ms", NS_PER_MS),
    "_bytes": Scale("MiB", BYTES_PER_MIB),
    "_per_s": Scale("1/s", 1.0),
    "_percent": Scale("%", 1.0),
    "_j": Scale("mJ", 1e-3),
    "_w": Scale("W", 1.0),
}
_COUNT = Scale("", 1.0)
#: Where the unit of the suffix would give unreadable numbers.
_OTHERWISE = {
    "throttle_onset_ns": Scale("s", NS_PER_S),
    **{f"accuracy_{name}": Scale("%", 0.01) for name in ("top1", "top5", "f1")},
}


def scale(metric: str) -> Scale:
    """The display unit of a metric, from the suffix of its name."""
    if metric in _OTHERWISE:
        return _OTHERWISE[metric]
    return next((s for suffix, s in _SCALES.items() if metric.endswith(suffix)), _COUNT)


def title(metric: str) -> str:
    """The metric's name for people."""
    known = METRICS.get(metric)
    return known.title if known else metric


def heading(metric: str) -> str:
    """Title and unit: ``latency p50 [ms]``."""
    unit = scale(metric).unit
    return f"{title(metric)} [{unit}]" if unit else title(metric)


def is_count(metric: str) -> bool:
    """Whether the metric counts things."""
    return scale(metric) is _COUNT


def value_text(metric: str, value: float) -> str:
    """One value in the metric's display unit, without the unit."""
    if is_count(metric):
        return str(round(value)) if float(value).is_integer() else f"{value:.1f}"
    return significant(value / scale(metric).divisor, DIGITS)


def interval_text(metric: str, estimate: Estimate) -> str:
    """``[7.60, 7.70]``, empty when there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    divisor = scale(metric).divisor
    shown = value_text(metric, estimate.value)
    decimals = len(shown.partition(".")[2])
    low, high = estimate.low / divisor, estimate.high / divisor
    # One digit fewer than the value, unless that would swallow the interval.
    if decimals and (high - low) * 10 ** (decimals - 1) >= 4:
        decimals -= 1
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"


def estimate_text(metric: str, estimate: Estimate | None) -> str:
    """``7.651 [7.60, 7.70]``, or the mark for what was not measured."""
    if estimate is None:
        return NOT_MEASURED
    return f"{value_text(metric, estimate.value)} {interval_text(metric, estimate)}".rstrip()


def with_unit(metric: str, estimate: Estimate) -> str:
    """For sentences: ``7.651 ms [7.60, 7.70]``."""
    unit = scale(metric).unit
    value = f"{value_text(metric, estimate.value)}\u00a0{unit}".rstrip()
    return f"{value} {interval_text(metric, estimate)}".rstrip()
