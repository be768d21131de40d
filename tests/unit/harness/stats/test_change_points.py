from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.stats.change_points import noise_of, segments


def bounds(parts):
    return [(part.begin, part.end) for part in parts]


def test_levels_are_found_where_they_change():
    rng = np.random.default_rng(41)
    series = np.repeat([1.0, 1.2, 1.1, 1.4], [100, 60, 150, 90]) + rng.normal(0, 0.03, 400)
    found = segments(series, min_length=5)
    assert [part.begin for part in found] == pytest.approx([0, 100, 160, 310], abs=2)
    assert [part.level for part in found] == pytest.approx([1.0, 1.2, 1.1, 1.4], abs=0.02)


def test_noise_alone_is_one_segment():
    rng = np.random.default_rng(42)
    assert all(len(segments(rng.normal(0, 1, 300))) == 1 for _ in range(50))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 50])
def test_equal_values_are_at_most_one_segment(length):
    assert bounds(segments(np.full(length, 7.0))) == ([(0, length)] if length else [])


def test_noise_is_blind_to_levels_and_spikes():
    rng = np.random.default_rng(43)
    series = rng.normal(0, 0.1, 2000)
    series[1000:] += 5
    series[::100] += 9
    assert noise_of(series) == pytest.approx(0.1, rel=0.1)
    assert noise_of(series[:1]) == 0.0


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e3, 1e3)), st.integers(1, 9))
def test_segments_cover_the_series_and_keep_their_length(series, min_length):
    found = segments(series, min_length=min_length)
    assert [index for part in found for index in range(part.begin, part.end)] == list(
        range(len(series))
    )
    assert all(len(part) >= min(min_length, len(series)) for part in found)
