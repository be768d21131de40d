"""Whether reading sensors disturbs, on series as docs/method.md describes their noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from harness.stats.probe_effect import BESIDE_NS, find_probe_effect


def series(rng: np.random.Generator, count: int, latency_ns: float) -> np.ndarray:
    """Lognormal 5 % with an autocorrelation of 0.6, and 1 % outliers."""
    noise = lfilter([1.0], [1.0, -0.6], 0.05 * np.sqrt(1 - 0.36) * rng.standard_normal(count))
    slow = np.where(rng.random(count) < 0.01, rng.uniform(1.5, 3.0, count), 1.0)
    return latency_ns * np.exp(noise) * slow


def judge(latency: np.ndarray, slowdown: float = 0.0):
    """With a reading every second, beside which inferences take longer by ``slowdown``."""
    start = (np.cumsum(latency) - latency).astype(np.int64)
    readings = np.arange(300_000_000, int(start[-1]), 10**9)
    latest = np.searchsorted(readings, start + latency, side="right") - 1
    beside = (latest >= 0) & (readings[np.maximum(latest, 0)] + BESIDE_NS > start)
    service = (latency * np.where(beside, 1.0 + slowdown, 1.0)).astype(np.int64)
    return find_probe_effect(start, service, readings)


@pytest.mark.parametrize(("count", "latency_ns"), [(1000, 60e6), (6000, 10e6), (600, 100e6)])
def test_no_effect_is_not_found_and_a_large_one_is(count, latency_ns) -> None:
    rng = np.random.default_rng(7)
    assert not any(judge(series(rng, count, latency_ns)).found for _ in range(40))
    assert all(judge(series(rng, count, latency_ns), 0.5).found for _ in range(20))


def test_the_bias_is_the_share_times_the_slowdown() -> None:
    found = judge(np.full(6000, 10e6), 0.2)
    assert found.slowdown == pytest.approx(0.2)
    assert found.bias == pytest.approx(0.2 * found.share)
    assert found.share == pytest.approx(0.06, abs=0.01)


@pytest.mark.parametrize("latency_ns", [2e9, 40e9], ids=["every one", "readings inside"])
def test_without_inferences_of_both_kinds_nothing_is_judged(latency_ns) -> None:
    assert judge(np.full(100, latency_ns)) is None


def test_nothing_read_and_nothing_measured() -> None:
    nothing, some = np.empty(0, np.int64), np.arange(100)
    assert find_probe_effect(some, some, nothing) is None
    assert find_probe_effect(nothing, nothing, some) is None
