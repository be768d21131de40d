from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from harness.stats.samples import Samples
from harness.stats.soak import rank_change, soak_windows

HOUR = 3600 * 10**9


def samples_of(*parts: tuple[float, float]) -> Samples:
    """Seconds of work at a latency in seconds, one after the other."""
    latency = np.concatenate(
        [np.full(round(seconds / each), round(each * 1e9)) for seconds, each in parts]
    ).astype(np.int64)
    zeros = np.zeros(len(latency), np.int64)
    start = np.cumsum(latency) - latency + 17
    timed = np.ones(len(latency), np.bool_)
    return Samples(start, zeros, latency, zeros, np.zeros(len(latency), np.int32), timed)


def nobody_knows(_edges: tuple[int, int]) -> None:
    return None


def test_three_days_are_the_first_and_the_other_two() -> None:
    samples = samples_of((10 * 3600, 2.0), (62 * 3600, 2.4))
    at_ns = np.arange(72, dtype=np.int64) * HOUR + 17
    skin = SimpleNamespace(at_ns=at_ns, value=np.linspace(30.0, 41.0, 72))
    first, second = soak_windows(
        samples,
        {"temperature.skin_c": skin, "thermal.status": skin},
        lambda e: (e[1] - e[0]) / 1e15,
    )
    assert (first.begin_s, first.end_s) == (0, pytest.approx(24 * 3600, rel=1e-3))
    assert second.end_s == pytest.approx(72 * 3600, rel=1e-3)
    assert first.inferences + second.inferences == len(samples)
    assert (first.p50_ns, second.p50_ns) == (2.4e9, 2.4e9)
    assert (first.slow_stretches, second.slow_stretches) == (1, 0)
    assert list(first.max_c) == ["temperature.skin_c"]
    assert first.max_c["temperature.skin_c"] < second.max_c["temperature.skin_c"] == 41.0
    assert first.power_mean_w == pytest.approx(0.0864, rel=1e-3)


def test_shorter_soaks_in_proportion() -> None:
    windows = soak_windows(samples_of((1200, 0.1)), {}, nobody_knows)
    assert [round(window.end_s) for window in windows] == [400, 1200]
    assert [window.power_mean_w for window in windows] == [None, None]
    assert [window.max_c for window in windows] == [{}, {}]


@pytest.mark.parametrize("seconds", [0.5, 300])
def test_what_is_too_short_has_no_windows(seconds) -> None:
    assert soak_windows(samples_of((seconds, 0.1)), {}, nobody_knows) == ()


def test_no_samples_and_a_clock_that_steps_back() -> None:
    samples = samples_of((1200, 0.1))
    assert soak_windows(samples.select(samples.start_ns < 0), {}, nobody_knows) == ()
    samples.start_ns[6000:] -= HOUR
    assert soak_windows(samples, {}, nobody_knows) == ()


def test_a_sensor_without_numbers_has_no_maximum() -> None:
    broken = SimpleNamespace(at_ns=np.array([20, 30]), value=np.array([np.nan, np.inf]))
    first, _ = soak_windows(samples_of((1200, 0.1)), {"temperature.skin_c": broken}, nobody_knows)
    assert first.max_c == {}


def test_who_is_ahead_changes() -> None:
    moved = rank_change({"a": 10.0, "b": 12.0, "c": 20.0}, {"a": 25.0, "b": 13.0, "c": 20.0})
    assert [(one.name, one.first_rank, one.last_rank, one.moved) for one in moved] == [
        ("b", 2, 1, -1),
        ("c", 3, 2, -1),
        ("a", 1, 3, 2),
    ]


def test_only_who_was_there_all_the_time_is_ranked() -> None:
    moved = rank_change({"a": 1.0, "gone": 0.5}, {"a": 2.0, "new": 1.0})
    assert [(one.name, one.first_rank, one.last_rank) for one in moved] == [("a", 1, 1)]
    assert rank_change({}, {}) == ()


def test_equals_share_a_rank() -> None:
    moved = rank_change({"a": 1.0, "b": 1.0, "c": 2.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    assert [one.first_rank for one in moved] == [1, 1, 3]
    assert [one.last_rank for one in moved] == [1, 1, 1]
