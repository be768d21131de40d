from __future__ import annotations

import numpy as np
import pytest

from harness.stats.steady_state import MIN_SAMPLES, Shape, classify

EACH = 40


def test_labelled_series_are_recognised(series):
    rng = np.random.default_rng(21)
    right = {
        shape: sum(classify(series.labelled(rng, shape)).shape == shape for _ in range(EACH))
        for shape in series.SHAPES
    }
    assert sum(right.values()) >= 0.95 * EACH * len(series.SHAPES), right
    assert min(right.values()) >= 0.85 * EACH, right


@pytest.mark.parametrize("samples", [MIN_SAMPLES, 1024, 8192])
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_flat_series_are_rarely_anything_else(noise, samples, correlation):
    rng = np.random.default_rng(22)
    found = [classify(noise(rng, samples, correlation=correlation)).shape for _ in range(100)]
    assert sum(shape is not Shape.FLAT for shape in found) <= 2


@pytest.mark.parametrize("tick_ns", [20_000, 100_000, 1_000_000])
def test_a_coarse_clock_makes_no_heaps(noise, tick_ns):
    rng = np.random.default_rng(23)
    latency = noise(rng, 2000, correlation=0.3, spread=0.02) // tick_ns * tick_ns
    assert classify(latency).shape is Shape.FLAT


def test_equal_latencies_are_flat():
    assert classify(np.full(3000, 5_000_000)).shape is Shape.FLAT


def test_a_change_below_the_margin_is_flat():
    assert classify(np.repeat([1_000_000, 1_015_000], 1000)).shape is Shape.FLAT


def test_one_stall_is_no_trend(noise):
    latency = noise(np.random.default_rng(24), 4000)
    latency[2000:2100] *= 8
    assert classify(latency).shape is Shape.FLAT


def test_sizes_are_told():
    step = classify(np.repeat([1_000_000, 1_200_000], [1500, 500]))
    assert (step.shape, step.position) == (Shape.STEP, pytest.approx(0.75, abs=0.03))
    assert step.change == pytest.approx(0.2, abs=0.01)
    fall = classify(np.linspace(1_200_000, 1_000_000, 2000).astype(np.int64))
    assert fall.shape is Shape.DRIFT
    assert fall.change == pytest.approx(-1 / 6, abs=0.02)
    wave = 1 + 0.1 * np.sin(2 * np.pi * np.arange(4000) / 50)
    swing = classify((1e6 * wave).astype(np.int64))
    assert swing.shape is Shape.PERIODIC
    assert swing.period == pytest.approx(50, rel=0.02)
    assert swing.change == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("scale", [10, 1000])
def test_another_unit_changes_nothing(series, scale):
    rng = np.random.default_rng(25)
    for shape in series.SHAPES:
        latency = series.labelled(rng, shape)
        assert classify(latency * scale).shape is classify(latency).shape


@pytest.mark.parametrize(
    "latency", [[], [5], [5, 9], [5] * (MIN_SAMPLES - 1), [0] * 500, [5] * 400 + [-1]]
)
def test_too_little_or_impossible_is_not_judged(latency):
    assert classify(np.array(latency, dtype=np.int64)) is None
