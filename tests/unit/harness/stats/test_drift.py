from __future__ import annotations

import numpy as np
import pytest

from harness.stats.drift import MIN_SAMPLES, find_drift

REPEATS = 600


def rate(make):
    """How often drift is found in series that ``make`` makes."""
    rng = np.random.default_rng(11)
    return np.mean([find_drift(make(rng)).found for _ in range(REPEATS)])


@pytest.mark.parametrize(
    ("samples", "correlation"),
    [(MIN_SAMPLES, 0.0), (MIN_SAMPLES, 0.6), (1024, 0.6), (4096, 0.6), (4096, 0.9)],
)
def test_flat_series_rarely_drift(noise, samples, correlation):
    # Two standard errors of the simulation above the promised 2 %.
    limit = 0.02 + 2 * (0.02 * 0.98 / REPEATS) ** 0.5
    assert rate(lambda rng: noise(rng, samples, correlation=correlation)) <= limit


@pytest.mark.parametrize("shape", ["step", "slope", "fast start", "slow end"])
def test_five_percent_is_found(noise, shape):
    samples = 4096
    position = np.arange(samples) / samples
    factor = {
        "step": 1 + 0.05 * (position > 0.5),
        "slope": 1 + 0.05 * position,
        "fast start": 1 - 0.05 * (position < 0.2),
        "slow end": 1 + 0.05 * (position > 0.8),
    }[shape]
    assert rate(lambda rng: (noise(rng, samples) * factor).astype(np.int64)) >= 0.97


def test_the_change_is_told_with_its_sign():
    falling = np.linspace(1_100_000, 1_000_000, 5_000).astype(np.int64)
    drift = find_drift(falling)
    assert drift.found
    assert drift.change == pytest.approx(1.01 / 1.09 - 1, abs=1e-3)


def test_outliers_are_no_drift():
    latency = np.full(5_000, 1_000_000)
    latency[-100:] *= 10
    assert not find_drift(latency).found


def test_equal_latencies_do_not_drift():
    drift = find_drift(np.full(5_000, 1_000_000))
    assert (drift.change, drift.allowed) == (0.0, 0.02)


def test_a_change_below_the_margin_is_no_drift():
    latency = np.concatenate([np.full(2_500, 1_000_000), np.full(2_500, 1_015_000)])
    assert not find_drift(latency).found


@pytest.mark.parametrize("latency", [[], [5], [5, 9], [5] * (MIN_SAMPLES - 1), [0] * 500])
def test_too_little_or_impossible_is_not_judged(latency):
    assert find_drift(np.array(latency, dtype=np.int64)) is None
