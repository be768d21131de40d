"""What becomes of speed over minutes: the first minute, the last five, and when it fell.

A phone's first minute says little about its thirtieth: heat builds up, frequencies are capped, and
devices that were ahead fall behind. Definitions follow docs/method.md, "Sustained load".
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from harness.stats.change_points import FloatArray, segments
from harness.stats.samples import Int64Array, Samples
from harness.units import NS_PER_S

PEAK_NS = 60 * NS_PER_S
LATE_NS = 5 * 60 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
#: Below this the first minute and the last five would overlap.
MIN_SPAN_NS = PEAK_NS + LATE_NS
#: Slower than the first minute by this part ...
SLOWDOWN = 0.05
#: ... for at least this long is throttling.
LASTING_NS = 30 * NS_PER_S
#: Change points are looked for in medians over at least a second and about three inferences.
BIN_NS = NS_PER_S
BIN_INFERENCES = 3
#: Three days then have bins of 13 s.
MAX_BINS = 20_000
#: Minutes with fewer inferences do not count as worst or best.
MIN_PER_MINUTE = 5
#: A bin this far from the running median is a stall, and is taken back to that distance.
_SPIKE_NOISES = 4.0
_SPIKE_WINDOW = 5
#: On a ramp a change point lies anywhere. The onset is where this many bins' running median crosses
#: the limit, if it does so this close to the change point.
_ONSET_WINDOW = 9
_ONSET_NS = 30 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Throttling:
    """Stretches slower than the first minute by 5 % for 30 s or longer.

    ``onset_ns`` counts from the first timed inference; None when there was no such stretch.
    """

    events: int
    onset_ns: int | None
    onsets_ns: tuple[int, ...] = ()  #: of every one of them


def sustained_metrics(samples: Samples) -> dict[str, float]:
    """Metrics of a sustained load by their stored names; empty where they cannot be judged.

    Needs six minutes of timed inferences, and a clock that never steps back.
    """
    timed = samples.timed_only
    at_ns = timed.start_ns - timed.start_ns[0] if len(timed) else timed.start_ns
    latency_ns = timed.latency_ns
    if not _can_be_judged(at_ns, latency_ns):
        return {}
    end_ns = int(at_ns[-1] + latency_ns[-1])
    metrics = {
        "peak_p50_ns": float(np.median(latency_ns[at_ns < PEAK_NS])),
        "late_p50_ns": float(np.median(latency_ns[at_ns >= min(end_ns - LATE_NS, at_ns[-1])])),
    }
    stability = _stability(at_ns, latency_ns)
    if stability is not None:
        metrics["stability_percent"] = stability
    throttling = find_throttling(at_ns, latency_ns)
    metrics["throttle_events"] = float(throttling.events)
    if throttling.onset_ns is not None:
        metrics["throttle_onset_ns"] = float(throttling.onset_ns)
    return metrics


def find_throttling(at_ns: Int64Array, latency_ns: Int64Array) -> Throttling:
    """When and how often latency stayed 5 % above the first minute's for at least 30 s.

    ``at_ns`` are start times from the first inference on, in order; latencies are positive. Change
    points of the logarithm of bin medians cut the series into levels; a slow stretch is one or more
    neighbouring levels above the limit.
    """
    bin_at, level = _bins(at_ns, latency_ns)
    peak = float(np.log(np.median(latency_ns[at_ns < PEAK_NS])))
    limit = peak + float(np.log1p(SLOWDOWN))
    slow = np.zeros(len(level), dtype=np.bool_)
    for part in segments(_without_spikes(level)):
        slow[part.begin : part.end] = part.level >= limit
    ends = np.append(bin_at[1:], at_ns[-1] + latency_ns[-1])
    edges = np.diff(slow.astype(np.int8), prepend=0, append=0)
    begins, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    lasting = ends[stops] - bin_at[begins] >= LASTING_NS
    if not lasting.any():
        return Throttling(0, None)
    onsets = tuple(_crossing(bin_at, level, limit, int(at)) for at in bin_at[begins[lasting]])
    return Throttling(len(onsets), onsets[0], onsets)


def _crossing(bin_at: Int64Array, level: FloatArray, limit: float, near_ns: int) -> int:
    """When the level rises through ``limit``, near a change point; that itself if it never does."""
    from scipy.ndimage import median_filter

    smooth = median_filter(level, size=_ONSET_WINDOW, mode="nearest")
    rises_at = bin_at[1:][(smooth[1:] >= limit) & (smooth[:-1] < limit)]
    close = rises_at[np.abs(rises_at - near_ns) <= _ONSET_NS]
    return int(close[np.argmin(np.abs(close - near_ns))]) if len(close) else near_ns


def _can_be_judged(at_ns: Int64Array, latency_ns: Int64Array) -> bool:
    if not len(at_ns) or at_ns[-1] + latency_ns[-1] < MIN_SPAN_NS * 0.99:
        return False
    return bool(np.all(np.diff(at_ns) >= 0) and latency_ns.min() > 0)


def _stability(at_ns: Int64Array, latency_ns: Int64Array) -> float | None:
    """Speed of the worst whole minute as a percentage of the best one's, by medians."""
    whole = int((at_ns[-1] + latency_ns[-1]) // MINUTE_NS)
    bounds = np.searchsorted(at_ns, np.arange(whole + 1) * MINUTE_NS)
    medians = [
        float(np.median(latency_ns[begin:end]))
        for begin, end in itertools.pairwise(bounds)
        if end - begin >= MIN_PER_MINUTE
    ]
    return 100.0 * min(medians) / max(medians) if len(medians) >= 2 else None


def _bins(at_ns: Int64Array, latency_ns: Int64Array) -> tuple[Int64Array, FloatArray]:
    """Begin and logarithm of the median of each bin that has inferences."""
    shortest = BIN_INFERENCES * int(np.median(latency_ns))
    width = max(BIN_NS, shortest, int(at_ns[-1]) // MAX_BINS)
    number = at_ns // width
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    medians = [float(np.median(part)) for part in np.split(latency_ns, begins[1:])]
    return number[begins] * width, np.log(medians)


def _without_spikes(level: FloatArray) -> FloatArray:
    """Single slow bins taken back towards their neighbours, so that a stall is no change."""
    from scipy.ndimage import median_filter

    smooth = median_filter(level, size=_SPIKE_WINDOW, mode="nearest")
    away = level - smooth
    allowed = _SPIKE_NOISES * float(np.median(np.abs(away))) / 0.6745
    trimmed: FloatArray = smooth + np.clip(away, -allowed, allowed)
    return trimmed
