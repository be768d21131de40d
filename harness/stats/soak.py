"""Long loads piece by piece: what an early window hides, and who is ahead later.

A soak of three days is looked at as its first day and the two after it; other lengths in the same
proportion, the first third and the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.record import SoakWindow
from harness.stats.samples import Int64Array, Samples
from harness.stats.throttle import MIN_SPAN_NS, find_throttling
from harness.stats.traces import Trace
from harness.units import NS_PER_S

#: Where the first window ends: 24 h of 72 h.
FIRST_PART = 1.0 / 3.0

Edges = tuple[int, int]


def soak_edges(begin_ns: int, end_ns: int) -> tuple[Edges, ...]:
    """The windows of a timed part; none where it is too short for sustained figures (6 min)."""
    if end_ns - begin_ns < 0.99 * MIN_SPAN_NS:
        return ()
    middle_ns = begin_ns + round(FIRST_PART * (end_ns - begin_ns))
    return (begin_ns, middle_ns), (middle_ns, end_ns)


def soak_windows(
    samples: Samples, traces: Mapping[str, Trace], power_w: Callable[[Edges], float | None]
) -> tuple[SoakWindow, ...]:
    """What happened in each window: speed, slow stretches that began, temperatures, mean power.

    ``traces`` are by channel, on the samples' clock. ``power_w`` gives the mean power of a window,
    None where nobody knows. Nothing for less than six minutes and for a clock that steps back.
    """
    timed = samples.timed_only
    latency_ns = timed.latency_ns
    if not len(timed) or bool(np.any(np.diff(timed.start_ns) < 0)) or latency_ns.min() <= 0:
        return ()
    begin_ns, end_ns = int(timed.start_ns[0]), int(timed.start_ns[-1] + latency_ns[-1])
    windows = soak_edges(begin_ns, end_ns)
    slow = find_throttling(timed.start_ns - begin_ns, latency_ns).onsets_ns if windows else ()
    onsets = [begin_ns + onset_ns for onset_ns in slow]
    found = []
    for edges in windows:
        rows = slice(*np.searchsorted(timed.start_ns, edges))
        found.append(
            SoakWindow(
                begin_s=(edges[0] - begin_ns) / NS_PER_S,
                end_s=(edges[1] - begin_ns) / NS_PER_S,
                inferences=len(latency_ns[rows]),
                p50_ns=_median(latency_ns[rows]),
                slow_stretches=sum(edges[0] <= onset < edges[1] for onset in onsets),
                max_c=_hottest(traces, edges),
                power_mean_w=power_w(edges),
            )
        )
    return tuple(found)


def _median(latency_ns: Int64Array) -> float | None:
    return float(np.median(latency_ns)) if len(latency_ns) else None


def _hottest(traces: Mapping[str, Trace], edges: Edges) -> dict[str, float]:
    """Maximum of each temperature sensor that spoke in the window, by its channel."""
    found = {}
    for name, trace in traces.items():
        inside = (trace.at_ns >= edges[0]) & (trace.at_ns < edges[1]) & np.isfinite(trace.value)
        if name.startswith("temperature.") and inside.any():
            found[name] = float(trace.value[inside].max())
    return found


@dataclass(frozen=True, slots=True)
class RankChange:
    """One of several that are compared: its place in the first minute and at the end, 1 is best."""

    name: str
    first_rank: int
    last_rank: int
    first: float
    last: float

    @property
    def moved(self) -> int:
        """Places lost (positive) or won."""
        return self.last_rank - self.first_rank


def rank_change(first: Mapping[str, float], last: Mapping[str, float]) -> tuple[RankChange, ...]:
    """Whether who is ahead in the first minute still is at the end.

    ``first`` and ``last`` hold one latency for each name (``peak_p50_ns`` and ``late_p50_ns`` of a
    device or a variant); lower is better. Only names in both take part; equal values share a rank.
    In the order of the last ranks.
    """
    names = [name for name in first if name in last]
    before = _ranks({name: first[name] for name in names})
    after = _ranks({name: last[name] for name in names})
    found = [RankChange(name, before[name], after[name], first[name], last[name]) for name in names]
    return tuple(sorted(found, key=lambda one: (one.last_rank, one.last, one.name)))


def _ranks(values: Mapping[str, float]) -> dict[str, int]:
    ordered = sorted(values.values())
    return {name: ordered.index(value) + 1 for name, value in values.items()}
