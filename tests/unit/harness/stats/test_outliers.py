from __future__ import annotations

import numpy as np
import pytest

from harness.stats.outliers import find_outliers


def test_slow_inferences_are_counted_with_their_share_of_time():
    latency = np.array([100, 101, 102, 103, 104] * 20 + [1_000], dtype=np.int64)
    found = find_outliers(latency)
    assert (found.count, found.samples, found.worst_ns) == (1, 101, 1_000)
    assert found.limit_ns == pytest.approx(102 + 14.826)
    assert found.time_share == pytest.approx(1_000 / latency.sum())


def test_fast_inferences_are_no_outliers():
    latency = np.array([100, 101, 102, 103, 104] * 20 + [1], dtype=np.int64)
    assert find_outliers(latency).count == 0


def test_a_coarse_clock_makes_no_outliers():
    latency = np.array([10_000] * 90 + [10_042] * 10, dtype=np.int64)  # one tick of 42 ns
    assert find_outliers(latency).count == 0


def test_among_equal_ones_a_really_slow_one_is_found():
    latency = np.array([10_000] * 90 + [20_000], dtype=np.int64)
    assert find_outliers(latency).count == 1


@pytest.mark.parametrize("latency", [[], [5], [5, 9], [5] * 19, [0] * 100, [-3] * 100])
def test_too_little_or_impossible_is_not_judged(latency):
    assert find_outliers(np.array(latency, dtype=np.int64)) is None
