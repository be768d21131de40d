from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from harness.stats.traces import mean_within


def trace(*points):
    return SimpleNamespace(
        at_ns=np.array([at for at, _ in points], dtype=np.int64),
        value=np.array([value for _, value in points], dtype=np.float64),
    )


def test_only_readings_whose_interval_lies_inside_count():
    assert mean_within(trace((10, 90.0), (20, 1.0), (30, 3.0), (31, 90.0)), 10, 30) == 2.0


def test_without_readings_there_is_no_mean():
    assert mean_within(trace((5, 1.0)), 10, 30) is None
    assert mean_within(trace(), 10, 30) is None


def test_a_reading_that_is_no_number_is_left_out():
    assert mean_within(trace((11, np.nan), (12, 4.0)), 10, 30) == 4.0
