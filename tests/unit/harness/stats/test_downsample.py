from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.downsample import MinMaxSeries

steps = st.lists(st.tuples(st.integers(0, 1_000), st.floats(-1e9, 1e9)), min_size=1, max_size=300)


def downsample(at_ns, values, points):
    series = MinMaxSeries(points)
    series.feed(at_ns, values)
    return series.result()


@given(steps, st.integers(4, 60))
def test_the_result_is_short_ordered_and_keeps_the_extremes(series, points):
    at_ns = np.cumsum([step for step, _ in series])
    values = np.array([value for _, value in series])
    short_at, short = downsample(at_ns, values, points)
    assert 0 < len(short) <= points
    assert np.all(np.diff(short_at) >= 0)
    assert (short.min(), short.max()) == (values.min(), values.max())
    there = set(zip(at_ns.tolist(), values.tolist(), strict=True))
    assert set(zip(short_at.tolist(), short.tolist(), strict=True)) <= there


@given(steps, st.integers(4, 60), st.integers(1, 50))
def test_batches_change_nothing(series, points, batch):
    at_ns = np.cumsum([step + 1 for step, _ in series])  # ties in time would be a matter of order
    values = np.array([value for _, value in series])
    streamed = MinMaxSeries(points)
    for start in range(0, len(at_ns), batch):
        streamed.feed(at_ns[start : start + batch], values[start : start + batch])
    whole_at, whole = downsample(at_ns, values, points)
    at, short = streamed.result()
    assert sorted(short.tolist()) == sorted(whole.tolist())
    assert len(at) == len(whole_at)


def test_a_spike_among_millions_survives():
    values = np.zeros(2_600_000)
    values[1_234_567] = 9.0
    at, short = downsample(np.arange(len(values)) * 100_000_000, values, 600)
    assert len(short) <= 600
    assert at[short == 9.0].tolist() == [123_456_700_000_000]


def test_the_picture_stays_fine_enough():
    at, _ = downsample(np.arange(100_000), np.sin(np.arange(100_000)), 600)
    assert len(at) >= 300


def test_short_series_come_back_whole():
    at, values = downsample(np.array([5, 10_000, 20_000]), np.array([1.0, 3.0, 2.0]), 100)
    assert (at.tolist(), values.tolist()) == ([5, 10_000, 20_000], [1.0, 3.0, 2.0])


def test_values_that_are_no_numbers_are_left_out():
    at, values = downsample(np.array([1, 2, 3]), np.array([np.nan, 7.0, np.inf]), 8)
    assert (at.tolist(), values.tolist()) == ([2], [7.0])


def test_a_clock_that_steps_back_loses_no_extreme():
    at, values = downsample(np.array([100, 200, 50]), np.array([1.0, 2.0, 9.0]), 8)
    assert (50, 9.0) in zip(at.tolist(), values.tolist(), strict=True)
    assert np.all(np.diff(at) > 0)


def test_nothing_gives_nothing():
    at, values = downsample(np.array([], dtype=np.int64), np.array([]), 8)
    assert (len(at), len(values)) == (0, 0)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        MinMaxSeries(3)
