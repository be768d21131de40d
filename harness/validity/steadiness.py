"""Was what was measured steady, and can its clock be believed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from harness.findings import Finding, finding
from harness.scenario import Warmup
from harness.stats.drift import find_drift
from harness.stats.outliers import find_outliers
from harness.stats.samples import Int64Array, Samples
from harness.stats.steady_state import Classified, Shape, classify
from harness.units import format_duration, format_ms, format_percent

#: Outliers are worth a note when they hold more than this part of the timed time. A few slow ones
#: among thousands are found on every machine and move no number.
OUTLIER_TIME_SHARE = 0.01


def warmup_capped(warmup: Warmup, *, capped: bool) -> Iterator[Finding]:
    """WARMUP-CAPPED: the time limit came before latency was steady."""
    if capped:
        yield finding(
            "WARMUP-CAPPED", f"not steady after {format_duration(warmup.max_seconds)} of warm-up"
        )


def drift(latency_ns: Int64Array) -> Iterator[Finding]:
    """DRIFT: the last fifth of the timed part differs from the first."""
    found = find_drift(latency_ns)
    if found is not None and found.found:
        direction = "slower" if found.change > 0 else "faster"
        yield finding(
            "DRIFT",
            f"the last fifth is {format_percent(abs(found.change))} {direction} than the first; "
            f"chance explains up to {format_percent(found.allowed)}",
        )


def became_slower(latency_ns: Int64Array, metrics: Mapping[str, float]) -> bool:
    """Whether latency drifted upwards, or a sustained load had a slow stretch."""
    found = find_drift(latency_ns)
    drifted = found is not None and found.found and found.change > 0
    return drifted or metrics.get("throttle_events", 0.0) > 0


def not_steady(warmup: Warmup, latency_ns: Int64Array, *, capped: bool) -> Iterator[Finding]:
    """NOT-STEADY: the warm-up rule said steady, and the whole timed part has another shape.

    Nothing is contradicted where the rule was not asked or gave up, so nothing is found there.
    """
    if warmup.rule != "steady" or capped:
        return
    found = classify(latency_ns)
    if found is not None and found.shape is not Shape.FLAT:
        yield finding("NOT-STEADY", _SHAPES[found.shape](found))


def outliers(latency_ns: Int64Array) -> Iterator[Finding]:
    """OUTLIERS: inferences far slower than the rest hold a noticeable part of the time."""
    found = find_outliers(latency_ns)
    if found is not None and found.time_share > OUTLIER_TIME_SHARE:
        yield finding(
            "OUTLIERS",
            f"{found.count} of {found.samples} inferences took more than "
            f"{format_ms(found.limit_ns)} ms, the slowest {format_ms(found.worst_ns)} ms; "
            f"they hold {format_percent(found.time_share)} of the time",
        )


def untrusted_clock(timed: Samples) -> Iterator[Finding]:
    """UNTRUSTED-CLOCK: durations that cannot be, or starts that go backwards."""
    service_ns = timed.input_ns + timed.invoke_ns + timed.output_ns
    negative = (timed.input_ns < 0) | (timed.invoke_ns < 0) | (timed.output_ns < 0)
    impossible = int(np.count_nonzero(negative | (service_ns <= 0)))
    backwards = int(np.count_nonzero(np.diff(timed.start_ns) < 0))
    if impossible or backwards:
        yield finding(
            "UNTRUSTED-CLOCK",
            f"of {len(timed)} latencies {impossible} were zero or negative, "
            f"and {backwards} began before the one before",
        )


def dropped_frames(metrics: Mapping[str, float]) -> Iterator[Finding]:
    """DROPPED-FRAMES: arrivals that were never processed."""
    dropped, percent = metrics.get("dropped_frames", 0.0), metrics.get("dropped_percent", 0.0)
    if dropped > 0:
        yield finding(
            "DROPPED-FRAMES", f"{dropped:.0f} frames dropped, {format_percent(percent / 100)}"
        )


def _warmup(found: Classified) -> str:
    return (
        f"still warming up: latency fell by {format_percent(abs(found.change))} in the timed part"
    )


def _step(found: Classified) -> str:
    way = "rose" if found.change > 0 else "fell"
    size = format_percent(abs(found.change))
    where = format_percent(found.position or 0.0)
    return f"a step: latency {way} by {size} after {where} of the timed part"


def _drift(found: Classified) -> str:
    way = "rose" if found.change > 0 else "fell"
    return f"a drift: latency {way} by {format_percent(abs(found.change))} from start to end"


def _periodic(found: Classified) -> str:
    return (
        f"latency swings by {format_percent(found.change)} every {found.period or 0:.0f} inferences"
    )


def _bimodal(found: Classified) -> str:
    return f"latency jumps between two levels {format_percent(found.change)} apart"


_SHAPES: dict[Shape, Callable[[Classified], str]] = {
    Shape.WARMUP: _warmup,
    Shape.STEP: _step,
    Shape.DRIFT: _drift,
    Shape.PERIODIC: _periodic,
    Shape.BIMODAL: _bimodal,
}
