"""One trial's samples and traces, thinned for display as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.record import ChannelRecord, ClockOffset, TrialRecord
from harness.stats.downsample import downsample
from harness.stats.samples import Samples
from harness.units import NS_PER_MS, NS_PER_S
from reports import labels
from reports.model import Channel, Curve, FloatArray, QuantileCurve, TrialSeries
from reports.source import TrialSource

Int64Array = NDArray[np.int64]

#: Percentiles at which distributions are drawn: every percent, and finer towards the tail.
PROBABILITIES: FloatArray = np.concatenate(
    [np.linspace(0.0, 0.99, 100), np.array([0.995, 0.999, 1.0])]
)


def quantiles_ms(samples: Samples) -> FloatArray | None:
    """Latency in ms of the timed inferences at ``PROBABILITIES``; None when nothing was timed."""
    latency = samples.latency_ns[samples.timed]
    if len(latency) == 0:
        return None
    return np.asarray(np.quantile(latency, PROBABILITIES) / NS_PER_MS, dtype=np.float64)


def merge_quantiles(trials: Sequence[FloatArray]) -> QuantileCurve | None:
    """One curve for a cell: each trial weighs the same, however many inferences it had."""
    if not trials:
        return None
    stacked = np.vstack(trials)
    if np.all(stacked > 0):
        centre = np.exp(np.mean(np.log(stacked), axis=0))
    else:  # an untrusted clock; the finding says so
        centre = np.mean(stacked, axis=0)
    return QuantileCurve(PROBABILITIES, centre, stacked.min(axis=0), stacked.max(axis=0))


def trial_series(
    source: TrialSource, samples: Samples, channels: dict[str, Channel], limit: int
) -> TrialSeries | None:
    """Latency and channels over time, at most ``limit`` points each; extremes are kept.

    Channels met for the first time are added to ``channels``.
    """
    if len(samples) == 0:
        return None
    timed = np.flatnonzero(samples.timed)
    origin_ns = int(samples.start_ns[timed[0] if len(timed) else 0])
    latency = _curve(samples.start_ns, samples.latency_ns / NS_PER_MS, origin_ns, limit)
    curves: dict[str, Curve] = {}
    unavailable: dict[str, str] = {}
    stored = frozenset(source.trace_channels())
    for record in source.record.channels:
        described, factor = labels.channel(record.name, record.unit)
        channels.setdefault(record.name, described)
        reason = _why_not_shown(record, source.record, record.name in stored)
        if reason:
            unavailable[record.name] = reason
            continue
        trace = source.trace(record.name)
        if len(trace.at_ns) == 0:
            unavailable[record.name] = "no reading was taken while the trial ran"
            continue
        at_ns = on_runner_clock(trace.at_ns, record.clock, source.record.clock_offsets)
        curves[record.name] = _curve(at_ns, trace.value * factor, origin_ns, limit)
    return TrialSeries(latency, len(samples), curves, unavailable)


def _why_not_shown(channel: ChannelRecord, record: TrialRecord, stored: bool) -> str:
    if channel.unavailable:
        return channel.unavailable
    if not stored:
        return "no reading was taken while the trial ran"
    if channel.clock == "host" and not record.clock_offsets:
        return "no clock offset was measured, so it cannot be placed beside latency"
    return ""


def on_runner_clock(at_ns: Int64Array, clock: str, offsets: Sequence[ClockOffset]) -> Int64Array:
    """Times of a channel moved to the runner's clock.

    ``host`` times get the offset interpolated between pings (``runner = host + offset``). The
    runner lives on the device, so ``device`` and ``runner`` times are already on its clock.
    """
    if clock != "host":
        return at_ns
    base = offsets[0].offset_ns
    drift = np.interp(
        at_ns.astype(np.float64),
        np.array([ping.host_ns for ping in offsets], dtype=np.float64),
        np.array([ping.offset_ns - base for ping in offsets], dtype=np.float64),
    )
    return at_ns + base + drift.astype(np.int64)


def _curve(at_ns: Int64Array, values: FloatArray, origin_ns: int, limit: int) -> Curve:
    if len(at_ns) > limit:
        at_ns, values = downsample(at_ns, values, limit)
    return Curve((at_ns - origin_ns) / NS_PER_S, np.asarray(values, dtype=np.float64))
