"""One trial's samples and traces, thinned for display as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.record import ChannelRecord, ClockOffset, TrialRecord
from harness.stats.samples import Samples
from harness.text import one_line
from harness.units import NS_PER_MS, NS_PER_S
from reports import labels
from reports.model import Channel, Curve, FloatArray, QuantileCurve, TrialSeries
from reports.source import TrialSource
from reports.thinning import CHUNK, Int64Array, Line

#: Percentiles at which distributions are drawn: every percent, and finer towards the tail.
PROBABILITIES: FloatArray = np.concatenate(
    [np.linspace(0.0, 0.99, 100), np.array([0.995, 0.999, 1.0])]
)
_MINUTE_NS = 60 * NS_PER_S
#: One point in so many may show warm-up.
_WARMUP_SHARE = 4


class Latency:
    """A trial's latencies and when they were; holds no other column."""

    def __init__(self, samples: Samples) -> None:
        self._start_ns, self._latency_ns = samples.start_ns, samples.latency_ns
        self._timed = samples.timed
        self.count = len(samples)
        first = int(np.argmax(samples.timed)) if self.count else 0
        #: Start of the first timed inference, of the first of all where none was timed.
        self.origin_ns = int(samples.start_ns[first]) if self.count else 0

    def timed_ns(self) -> Int64Array:
        """A copy of the timed latencies."""
        return self._latency_ns[self._timed]

    def line(self, limit: int) -> Curve | None:
        """Latency in ms over time, warm-up included; None without samples."""
        # Thinned apart: a long warm-up must not take the points of a short timed part.
        cut = int(np.searchsorted(self._start_ns, self.origin_ns))
        warmup = self._part(slice(0, cut), limit // _WARMUP_SHARE)
        timed = self._part(slice(cut, self.count), limit - limit // _WARMUP_SHARE)
        if warmup is None or timed is None:
            return warmup or timed
        return Curve(np.concatenate([warmup.x, timed.x]), np.concatenate([warmup.y, timed.y]))

    def minutes(self) -> Curve | None:
        """Median latency in ms of each minute of the timed part, at the minutes' middles.

        None where that are fewer than two minutes, or the clock steps back.
        """
        at_ns = self._start_ns[self._timed] - self.origin_ns
        if not len(at_ns) or at_ns[-1] < 2 * _MINUTE_NS or np.any(np.diff(at_ns) < 0):
            return None
        minute = at_ns // _MINUTE_NS
        edges = np.flatnonzero(np.diff(minute)) + 1
        medians = [np.median(part) for part in np.split(self._latency_ns[self._timed], edges)]
        begins = minute[np.concatenate([[0], edges])] * _MINUTE_NS
        middles = (begins + np.minimum(begins + _MINUTE_NS, at_ns[-1])) / 2  # the last may be short
        return Curve(middles / NS_PER_S, np.array(medians) / NS_PER_MS)

    def _part(self, rows: slice, limit: int) -> Curve | None:
        line = Line(limit)
        for first in range(rows.start, rows.stop, CHUNK):
            piece = slice(first, min(first + CHUNK, rows.stop))
            line.feed(self._start_ns[piece], self._latency_ns[piece] / NS_PER_MS)
        return line.curve(self.origin_ns)


def quantiles_ms(latency_ns: Int64Array) -> FloatArray | None:
    """Latencies in ms at ``PROBABILITIES``, linearly interpolated; None when there are none.

    Sorts ``latency_ns`` in place.
    """
    if len(latency_ns) == 0:
        return None
    latency_ns.sort()
    rank = PROBABILITIES * (len(latency_ns) - 1)
    below = rank.astype(np.int64)
    above = np.minimum(below + 1, len(latency_ns) - 1)
    step = latency_ns[above] - latency_ns[below]
    return (latency_ns[below] + step * (rank - below)) / NS_PER_MS


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
    source: TrialSource, latency: Latency, channels: dict[str, Channel], limit: int
) -> TrialSeries | None:
    """Latency and channels over time, at most ``limit`` points each; extremes are kept.

    Channels met for the first time are added to ``channels``.
    """
    line = latency.line(limit)
    if line is None:
        return None
    offsets = source.record.clock_offsets
    shown, unavailable = _sort_out(source.record, channels)
    lines = {name: Line(limit) for name in shown}
    for batch in source.iter_trace_batches() if lines else ():
        for name in lines.keys() & batch.keys():
            record, factor = shown[name]
            at_ns = on_runner_clock(batch[name].at_ns, record.clock, offsets)
            lines[name].feed(at_ns, batch[name].value * factor)
    curves: dict[str, Curve] = {}
    for name, channel_line in lines.items():
        curve = channel_line.curve(latency.origin_ns)
        if curve is None:
            unavailable[name] = "no reading was taken while the trial ran"
        else:
            curves[name] = curve
    return TrialSeries(line, latency.count, latency.minutes(), curves, unavailable)


def _sort_out(
    record: TrialRecord, channels: dict[str, Channel]
) -> tuple[dict[str, tuple[ChannelRecord, float]], dict[str, str]]:
    """The channels that can be drawn with their factors, and the others with their reasons."""
    shown: dict[str, tuple[ChannelRecord, float]] = {}
    unavailable: dict[str, str] = {}
    for channel in record.channels:
        described, factor = labels.channel(channel.name, channel.unit)
        channels.setdefault(channel.name, described)
        if channel.unavailable is not None:
            unavailable[channel.name] = one_line(channel.unavailable)
        elif channel.clock == "host" and not record.clock_offsets:
            unavailable[channel.name] = (
                "no clock offset was measured, so it cannot be placed beside latency"
            )
        else:
            shown[channel.name] = (channel, factor)
    return shown, unavailable


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
