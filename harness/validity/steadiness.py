"""Was what was measured steady, and can its clock be believed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from harness.findings import Finding, finding
from harness.scenario import Warmup
from harness.stats.drift import find_drift
from harness.stats.outliers import find_outliers
from harness.stats.samples import Int64Array, Samples
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
