"""What a latency series looked like, judged when all of it is there.

The warm-up rule (:mod:`harness.stats.steady`) decides while a trial runs and sees only the past.
This classifier sees the whole timed part and says which of six shapes it has:

* flat: one level and noise;
* warm-up: it begins slower and falls to a level within the first fifth or so;
* step: two levels, one after the other;
* drift: it rises or falls all the way;
* periodic: it swings with a fixed period;
* bimodal: it jumps between two levels again and again.

First the trend: medians of up to 40 stretches are fitted by a constant, a line, a step at the best
change point and an exponential decay, and the best one counts if it explains clearly more than the
constant does. What is left after the trend is looked at for a sharp line in its spectrum, and then
for two separate heaps in its distribution. Accuracy is simulated in
``tests/benchmarks/steadiness.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.stats.change_points import FloatArray, noise_of
from harness.stats.samples import Int64Array

#: As for DRIFT: fewer inferences make medians too rough.
MIN_SAMPLES = 250
#: Smaller changes are of no practical weight: the margin of comparisons.
MARGIN = 0.02
MAX_STRETCHES = 40
MIN_PER_STRETCH = 10
#: A trend must lower the Bayesian information criterion by this much (10 is "very strong").
TREND_EVIDENCE = 14.0
#: A fall to a lower level in this part of the series is the end of a warm-up.
WARMUP_PART = 0.2
#: Decay times of the exponential, as parts of the series.
DECAYS = np.geomspace(0.01, 0.25, 24)
#: A step needs this part of the stretches on either side.
MIN_LEVEL_PART = 0.075
#: Spectra are taken of at most so many values; longer series are averaged.
SPECTRUM_VALUES = 8192
#: Slower swings than these many periods in the series are drift.
MIN_PERIODS = 6
#: Power of a line over its neighbourhood. Noise power is exponential: among 4096 frequencies, 20
#: times the mean is exceeded once in 100,000 series.
LINE_POWER = 20.0
#: A line holds at least this part of the variance; in short series noise has strong lines, too.
LINE_SHARE = 0.1
#: Two heaps: the valley between them has at most this part of the lower one's density ...
VALLEY = 0.6
#: ... and the smaller one holds at least this part of the inferences.
MIN_HEAP = 0.1
#: Samples further from the middle than this many scaled deviations are taken back to it.
_CLIP = 4.0


class Shape(StrEnum):
    """What a latency series looked like."""

    FLAT = "flat"
    WARMUP = "warm-up"
    STEP = "step"
    DRIFT = "drift"
    PERIODIC = "periodic"
    BIMODAL = "bimodal"


@dataclass(frozen=True, slots=True)
class Classified:
    """A shape with its size: ``change`` is the relative change of latency that makes it up.

    ``position`` is where a step lies as a fraction of the series, ``period`` how many inferences a
    swing takes.
    """

    shape: Shape
    change: float = 0.0
    position: float | None = None
    period: float | None = None


def classify(latency_ns: Int64Array) -> Classified | None:
    """The shape of one trial's timed latencies, in the order they ran.

    None for fewer than 250 inferences, and where a latency is not positive.
    """
    if len(latency_ns) < MIN_SAMPLES or latency_ns.min() <= 0:
        return None
    logs = np.log(latency_ns.astype(np.float64))
    trend = _trend(logs)
    rest = _clipped(logs - np.interp(np.arange(len(logs)), trend.places, trend.fit))
    return _swing(rest) or _heaps(rest, _tick(latency_ns)) or trend.named


@dataclass(frozen=True, slots=True)
class _Trend:
    """A fitted course: ``fit`` at ``places`` (numbers of inferences), and what it is called."""

    named: Classified
    places: FloatArray
    fit: FloatArray


def _trend(logs: FloatArray) -> _Trend:
    count = min(MAX_STRETCHES, len(logs) // MIN_PER_STRETCH)
    stretches = np.array_split(logs, count)
    medians = _without_stalls(np.array([np.median(stretch) for stretch in stretches]))
    lengths = np.array([len(stretch) for stretch in stretches])
    places = np.cumsum(lengths) - lengths / 2.0
    flat = np.full(count, float(np.median(medians)))
    named, fit, parameters = min(
        _candidates(medians), key=lambda one: _criterion(medians - one[1], one[2])
    )
    gain = _criterion(medians - medians.mean(), 1) - _criterion(medians - fit, parameters)
    if gain < TREND_EVIDENCE or abs(named.change) <= MARGIN:
        return _Trend(Classified(Shape.FLAT), places, flat)
    return _Trend(named, places, fit)


def _candidates(medians: FloatArray) -> Iterator[tuple[Classified, FloatArray, int]]:
    """Each kind of trend at its best: name, course and number of parameters."""
    x = np.linspace(0.0, 1.0, len(medians))
    line = _least_squares(medians, x)
    yield Classified(Shape.DRIFT, math.expm1(line[-1] - line[0])), line, 2
    decays = [_least_squares(medians, np.exp(-x / tau)) for tau in DECAYS]
    decay = min(decays, key=lambda fit: _squares(medians - fit))
    change = math.expm1(decay[-1] - medians[0])
    yield Classified(Shape.WARMUP if change < 0 else Shape.DRIFT, change), decay, 3
    yield _step(medians)


def _step(medians: FloatArray) -> tuple[Classified, FloatArray, int]:
    count = len(medians)
    shortest = max(2, round(MIN_LEVEL_PART * count))
    cuts = range(shortest, count - shortest + 1)
    fits = [
        np.repeat([medians[:cut].mean(), medians[cut:].mean()], [cut, count - cut]) for cut in cuts
    ]
    fit = min(fits, key=lambda one: _squares(medians - one))
    cut = int(np.argmax(fit != fit[0]))
    change = math.expm1(fit[-1] - fit[0])
    early_fall = change < 0 and cut <= WARMUP_PART * count
    shape = Shape.WARMUP if early_fall else Shape.STEP
    return Classified(shape, change, position=cut / count), fit, 3


def _swing(rest: FloatArray) -> Classified | None:
    """A sharp line in the spectrum: power well above that of the frequencies around it."""
    group = math.ceil(len(rest) / SPECTRUM_VALUES)
    averaged = rest[: len(rest) // group * group].reshape(-1, group).mean(axis=1)
    count = len(averaged)
    power = np.abs(np.fft.rfft((averaged - averaged.mean()) * np.hanning(count))) ** 2
    power = power[: count // 2]  # a swing over two values cannot be told from noise in pairs
    if len(power) <= 2 * MIN_PERIODS:
        return None
    from scipy.ndimage import median_filter

    around = median_filter(power, size=max(25, len(power) // 40 | 1), mode="nearest") / math.log(2)
    excess = np.where(around > 0, power / np.maximum(around, np.finfo(float).tiny), 0.0)
    excess[:MIN_PERIODS] = 0.0
    line = int(np.argmax(excess))
    # A sine of amplitude a has power (a * count / 4)**2 under this window, in its middle bin.
    swing = math.expm1(2.0 * 4.0 * math.sqrt(float(power[line])) / count)
    share = float(power[line - 1 : line + 2].sum() / max(power.sum(), np.finfo(float).tiny))
    if excess[line] < LINE_POWER or share < LINE_SHARE or swing < MARGIN:
        return None
    return Classified(Shape.PERIODIC, swing, period=count / line * group)


def _tick(latency_ns: Int64Array) -> float:
    """The clock's resolution as a part of the latency: the least distance of unequal samples."""
    unequal = np.unique(latency_ns)
    return float(np.diff(unequal).min() / unequal[0]) if len(unequal) > 1 else 0.0


def _heaps(rest: FloatArray, tick: float) -> Classified | None:
    """Two heaps in the distribution with a valley between them.

    Values of a coarse clock stand apart like the teeth of a comb; smoothing over ``tick`` keeps
    them from being heaps.
    """
    spread = float(rest.std())
    if spread == 0.0:
        return None
    bandwidth = max(0.9 * spread * len(rest) ** -0.2, tick)  # Silverman's, for normal heaps
    density, grid = _density(rest, bandwidth)
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])) + 1
    highest = int(peaks[np.argmax(density[peaks])])
    found = [two for peak in peaks if (two := _two_heaps(rest, density, grid, highest, int(peak)))]
    return max(found, key=lambda one: one.change, default=None)


def _two_heaps(
    rest: FloatArray, density: FloatArray, grid: FloatArray, highest: int, other: int
) -> Classified | None:
    low, high = sorted((highest, other))
    apart = math.expm1(grid[high] - grid[low])
    if apart < MARGIN:
        return None
    valley = low + int(np.argmin(density[low : high + 1]))
    if density[valley] > VALLEY * min(density[low], density[high]):
        return None
    above = float((rest > grid[valley]).mean())
    return Classified(Shape.BIMODAL, apart) if MIN_HEAP <= above <= 1.0 - MIN_HEAP else None


def _density(rest: FloatArray, bandwidth: float) -> tuple[FloatArray, FloatArray]:
    """Density on a grid, smoothed with a normal curve."""
    from scipy.ndimage import gaussian_filter1d

    margin = 4.0 * bandwidth
    counts, edges = np.histogram(rest, bins=256, range=(rest.min() - margin, rest.max() + margin))
    step = float(edges[1] - edges[0])
    density: FloatArray = gaussian_filter1d(counts.astype(np.float64), bandwidth / step)
    return density, (edges[:-1] + edges[1:]) / 2.0


def _least_squares(values: FloatArray, x: FloatArray) -> FloatArray:
    """The best ``a + b x``."""
    centred = x - x.mean()
    slope = float(centred @ values) / float(centred @ centred)
    fit: FloatArray = values.mean() + slope * centred
    return fit


def _squares(values: FloatArray) -> float:
    return float(values @ values)


def _criterion(left_over: FloatArray, parameters: int) -> float:
    """Bayesian information criterion of a fit with normal errors."""
    count = len(left_over)
    mean_square = max(_squares(left_over) / count, 1e-18)
    return count * math.log(mean_square) + parameters * math.log(count)


def _without_stalls(medians: FloatArray) -> FloatArray:
    """Single slow stretches taken back towards their neighbours."""
    from scipy.ndimage import median_filter

    smooth = median_filter(medians, size=3, mode="nearest")
    allowed = _CLIP * noise_of(medians)
    trimmed: FloatArray = smooth + np.clip(medians - smooth, -allowed, allowed)
    return trimmed


def _clipped(rest: FloatArray) -> FloatArray:
    """Outliers taken back, so that they make neither heaps nor lines."""
    middle = float(np.median(rest))
    allowed = _CLIP * float(np.median(np.abs(rest - middle))) / 0.6745
    clipped: FloatArray = np.clip(rest, middle - allowed, middle + allowed)
    return clipped
