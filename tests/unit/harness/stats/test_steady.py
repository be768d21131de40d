from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario import Warmup
from harness.stats.steady import (
    AGREEMENT,
    CONSECUTIVE,
    FAST_WEIGHT,
    SLOW_WEIGHT,
    WarmupProgress,
)

MS = 1_000_000
ANY_TIME = Warmup(min_seconds=0.0, min_inferences=1, max_seconds=1e6)


def reference(latencies, warmup):
    """The rule, one inference at a time."""
    fast = slow = elapsed = 0.0
    run = 0
    for number, latency in enumerate(latencies, start=1):
        elapsed += latency
        if number > 1:
            seen = number - 1
            fast += (latency - fast) * (1 / seen if seen <= 1 / FAST_WEIGHT else FAST_WEIGHT)
            slow += (latency - slow) * (1 / seen if seen <= 1 / SLOW_WEIGHT else SLOW_WEIGHT)
            run = run + 1 if slow > 0 and abs(fast - slow) < AGREEMENT * slow else 0
        enough = number >= warmup.min_inferences and elapsed >= warmup.min_seconds * 1e9
        if run > CONSECUTIVE and enough:
            return number
    return None


def fed(latencies, warmup=ANY_TIME, sizes=(1_000_000,)):
    progress = WarmupProgress(warmup)
    rest = np.asarray(latencies, dtype=np.int64)
    turn = 0
    while len(rest):
        size = sizes[turn % len(sizes)]
        progress.feed(rest[:size])
        rest = rest[size:]
        turn += 1
    return progress


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5),
    spread=st.sampled_from([0.0, 0.02, 0.1, 0.5]),
    slope=st.sampled_from([0.0, -0.5, 2.0]),
)
def test_blocks_of_any_size_give_what_one_by_one_gives(seed, sizes, spread, slope):
    rng = np.random.default_rng(seed)
    latencies = 5 * MS * np.exp(spread * rng.standard_normal(2_000))
    latencies = (latencies * (1 + slope * np.exp(-np.arange(2_000) / 300))).astype(np.int64)
    assert fed(latencies, sizes=sizes).steady_at == reference(latencies, ANY_TIME)


def test_flat_latency_is_steady_after_the_minima():
    progress = fed([5 * MS] * 200, Warmup(), sizes=(10,))
    assert progress.steady_at == 50  # 250 ms of 5 ms each
    assert progress.done
    assert not progress.capped


def test_a_slow_first_inference_is_not_held_against_the_rest():
    assert fed([500 * MS] + [5 * MS] * 100).steady_at == 42


def test_a_falling_latency_is_waited_for():
    falling = 5 * MS * (1 + 2 * np.exp(-np.arange(2_000) / 50))
    steady_at = fed(falling).steady_at
    assert steady_at is not None
    assert falling[steady_at] < 1.01 * 5 * MS


def test_an_ordinary_noisy_machine_gets_steady_before_the_cap(noise):
    rng = np.random.default_rng(5)
    ends = [fed(noise(rng, 3_000), Warmup(), sizes=(20,)) for _ in range(200)]
    assert np.mean([not end.capped for end in ends]) >= 0.97


def test_a_latency_that_never_settles_runs_into_the_cap():
    latencies = 5 * MS * 1.02 ** np.arange(500)  # always 2 % slower than the one before
    progress = fed(latencies, Warmup(max_seconds=10.0), sizes=(20,))
    assert progress.steady_at is None
    assert progress.capped
    assert progress.done


def test_the_minima_hold_even_when_steady_at_once():
    progress = fed([MS // 10] * 400, Warmup())  # 40 ms
    assert progress.steady_at is None
    assert not progress.done
    assert progress.inferences == 400
    assert progress.elapsed_ns == 40 * MS


def test_once_steady_stays_steady():
    progress = fed([5 * MS] * 100, Warmup())
    progress.feed(np.full(50, 50 * MS))
    assert progress.done
    assert not progress.capped


def test_fixed_is_over_at_both_minima():
    warmup = Warmup(rule="fixed", min_seconds=0.01, min_inferences=3)
    progress = fed([MS] * 5, warmup)
    assert not progress.done
    progress.feed(np.full(1, 5 * MS))
    assert progress.done
    assert not progress.capped


def test_none_is_over_before_it_began():
    assert WarmupProgress(Warmup(rule="none")).done


@pytest.mark.parametrize("value", [0, -5])
def test_a_broken_clock_is_never_steady(value):
    assert fed([value] * 300).steady_at is None


def test_empty_blocks_change_nothing():
    progress = fed([5 * MS] * 30)
    progress.feed(np.array([], dtype=np.int64))
    assert progress.inferences == 30


def test_a_fast_model_costs_little():
    latencies = np.full(20_000, 50_000)  # one second of a 0.05 ms model
    latencies[::37] = 70_000
    progress = WarmupProgress(Warmup(min_seconds=3600.0, max_seconds=3601.0))
    began = time.process_time()
    for _ in range(20):
        progress.feed(latencies)
    assert time.process_time() - began < 20 * 0.05  # a twentieth of the second it stands for
