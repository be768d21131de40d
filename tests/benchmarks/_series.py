"""Made-up latency series with known truth, for the figures and for the unit tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

SHAPES = ("flat", "warm-up", "step", "drift", "periodic", "bimodal")


def noise(
    rng: np.random.Generator, shape: tuple[int, ...], *, spread: float = 0.05, like: float = 0.6
) -> FloatArray:
    """Factors around 1 with the model of docs/method.md along the last axis.

    Lognormal with ``spread``, autocorrelation ``like``, and 1 % outliers of 1.5 to 3 times.
    """
    length = shape[-1]
    white = rng.standard_normal((*shape[:-1], length + 50)) * np.sqrt(1 - like**2)
    factors: FloatArray = np.exp(spread * lfilter([1.0], [1.0, -like], white)[..., 50:])
    outlier = rng.random(shape) < 0.01
    factors[outlier] *= rng.uniform(1.5, 3.0, int(outlier.sum()))
    return factors


def labelled(rng: np.random.Generator, shape: str) -> Int64Array:
    """One trial's latencies of a shape; length, noise, size and place are drawn as well."""
    length = int(np.exp(rng.uniform(np.log(600), np.log(8000))))
    spread = rng.uniform(0.01, 0.05)
    course = _COURSES[shape](rng, length, spread)
    factors = noise(rng, (length,), spread=spread, like=rng.uniform(0.0, 0.7))
    return (5e6 * course * factors).astype(np.int64)


def _flat(rng: np.random.Generator, length: int, spread: float) -> FloatArray:
    return np.ones(length)


def _warmup(rng: np.random.Generator, length: int, spread: float) -> FloatArray:
    position = np.arange(length) / length
    return 1 + rng.uniform(0.2, 1.0) * np.exp(-position / rng.uniform(0.02, 0.08))


def _step(rng: np.random.Generator, length: int, spread: float) -> FloatArray:
    later = np.arange(length) / length > rng.uniform(0.25, 0.75)
    return 1 + rng.uniform(0.08, 0.4) * later


def _drift(rng: np.random.Generator, length: int, spread: float) -> FloatArray:
    return 1 + rng.choice([-1, 1]) * rng.uniform(0.1, 0.35) * np.arange(length) / length


def _periodic(rng: np.random.Generator, length: int, spread: float) -> FloatArray:
    """A sine or a square wave of at least ten periods."""
    period, phase = rng.uniform(8, length / 10), rng.uniform(0, 2 * np.pi)
    wave = np.sin(2 * np.pi * np.arange(length) / period + phase)
    return 1 + rng.uniform(0.05, 0.15) * (wave if rng.random() < 0.5 else np.sign(wave))


def _bimodal(rng: np.random.Generator, length: int, spread: float) -> FloatArray:
    """Two levels, chosen for each inference or for random stays of some length.

    Less than five deviations apart, two levels have no valley between them and are one heap.
    """
    gap = max(0.1, 5 * spread) * rng.uniform(1.0, 2.0)
    share = rng.uniform(0.2, 0.8)
    upper = rng.random(length) < share
    if rng.random() < 0.5:
        upper = _stays(rng, length, share, mean=length / rng.uniform(30, 80))
    return 1 + gap * upper


def _stays(rng: np.random.Generator, length: int, share: float, mean: float) -> NDArray[np.bool_]:
    while True:
        upper = np.empty(length, np.bool_)
        begin, above = 0, bool(rng.random() < share)
        while begin < length:
            stay = 1 + int(rng.exponential(2 * mean * (share if above else 1 - share)))
            upper[begin : begin + stay] = above
            begin, above = begin + stay, not above
        if 0.15 < upper.mean() < 0.85:
            return upper


_COURSES = {
    "flat": _flat,
    "warm-up": _warmup,
    "step": _step,
    "drift": _drift,
    "periodic": _periodic,
    "bimodal": _bimodal,
}


@dataclass(frozen=True)
class Heat:
    """How a long run slows down: by ``size`` from ``onset_s`` on; never where that is None.

    At once, along a ramp of ``ramp_s``, or in ``stairs`` steps of equal size two minutes apart.
    """

    onset_s: float | None
    size: float = 0.2
    ramp_s: float = 0.0
    stairs: int = 1

    def factor(self, at_s: float) -> float:
        """How many times slower than cold it is at a time."""
        if self.onset_s is None or at_s < self.onset_s:
            return 1.0
        since = at_s - self.onset_s
        if self.ramp_s:
            return 1.0 + self.size * min(since / self.ramp_s, 1.0)
        return 1.0 + self.size * min(int(since // 120) + 1, self.stairs) / self.stairs

    def throttles_s(self, slowdown: float = 0.05) -> float | None:
        """When it is slower by ``slowdown``: what a detector should say."""
        if self.onset_s is None:
            return None
        return self.onset_s + self.ramp_s * slowdown / self.size


def long_run(
    rng: np.random.Generator,
    heat: Heat,
    *,
    latency_s: float,
    minutes: float = 20,
    spread: float = 0.05,
) -> tuple[Int64Array, Int64Array]:
    """Start times and latencies of back-to-back inferences, in nanoseconds."""
    end_s = minutes * 60
    factors = noise(rng, (int(end_s / latency_s * 1.2) + 10,), spread=spread)
    at_s, starts, latencies = 0.0, [], []
    for factor in factors:
        if at_s >= end_s:
            break
        latency = latency_s * factor * heat.factor(at_s)
        starts.append(at_s)
        latencies.append(latency)
        at_s += latency
    return (np.array(starts) * 1e9).astype(np.int64), (np.array(latencies) * 1e9).astype(np.int64)
