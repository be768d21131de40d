from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.metrics import METRICS
from harness.record import BlockRecord
from harness.stats.samples import Samples
from harness.stats.summary import percentiles, summarise


def block(seq, count, begin, end, *, cpu=0, timed=True, dropped=0):
    return BlockRecord(seq, timed, count, begin, end, cpu, dropped)


def test_a_trial_worked_out_by_hand(make_samples):
    samples = make_samples([900, 100, 200, 300, 400], warmup=1, copy_ns=10)
    blocks = [
        block(1, 1, 0, 1_000, cpu=999, timed=False),
        block(2, 2, 5_000, 5_400, cpu=300),
        block(3, 2, 9_000, 9_600, cpu=500),
    ]
    metrics = summarise(samples, blocks, batch=8)
    assert metrics["inferences"] == 4
    assert metrics["latency_min_ns"] == 120
    assert metrics["latency_max_ns"] == 420
    assert metrics["latency_p50_ns"] == 270
    assert metrics["latency_p90_ns"] == pytest.approx(390)
    assert metrics["latency_mean_ns"] == 270
    assert metrics["latency_std_ns"] == pytest.approx(np.std([120, 220, 320, 420], ddof=1))
    assert (metrics["input_p50_ns"], metrics["output_p50_ns"]) == (10, 10)
    assert metrics["invoke_p50_ns"] == 250
    assert metrics["throughput_per_s"] == pytest.approx(4 * 8 / 1e-6)  # 1000 ns of blocks
    assert metrics["cpu_per_inference_ns"] == 200
    assert (metrics["warmup_ns"], metrics["warmup_inferences"]) == (1_000, 1)
    assert "dropped_frames" not in metrics


def test_every_name_is_a_known_metric(make_samples):
    samples = make_samples([5, 6], intended_ns=np.array([0, 10]))
    blocks = [block(1, 1, 0, 5, timed=False), block(2, 2, 5, 20, cpu=9, dropped=1)]
    assert set(summarise(samples, blocks)) <= set(METRICS)


@pytest.mark.parametrize("count", [0, 3])
def test_nothing_timed_gives_no_latency(make_samples, count):
    samples = make_samples([100] * count, warmup=count)
    metrics = summarise(samples, [block(1, count, 0, 300, cpu=300, timed=False)])
    assert set(metrics) <= {"warmup_ns", "warmup_inferences"}
    assert len(metrics) == (2 if count else 0)


def test_one_sample_has_neither_spread_nor_tail(make_samples):
    metrics = summarise(make_samples([700]), [block(1, 1, 0, 700, cpu=700)])
    assert metrics["latency_p50_ns"] == 700
    assert not {"latency_p90_ns", "latency_p99_ns", "latency_std_ns"} & set(metrics)


def test_equal_samples_have_no_spread(make_samples):
    metrics = summarise(make_samples([700] * 50), [])
    assert metrics["latency_std_ns"] == 0
    assert metrics["latency_p99_ns"] == 700
    assert "throughput_per_s" not in metrics


def test_latency_counts_from_the_intended_start(make_samples):
    samples = make_samples([500, 100, 100], intended_ns=np.array([1_000_000, 1_000_100, 1_000_200]))
    # The stall of the first frame delays the second by 400 and the third by 400.
    assert summarise(samples, [])["latency_max_ns"] == 500
    assert summarise(samples, [])["latency_min_ns"] == 500


def test_dropped_frames_count_only_in_the_timed_part(make_samples):
    samples = make_samples([10] * 6, warmup=0, intended_ns=np.arange(6))
    blocks = [block(1, 2, 0, 50, timed=False, dropped=9), block(2, 6, 50, 150, dropped=2)]
    metrics = summarise(samples, blocks)
    assert (metrics["dropped_frames"], metrics["dropped_percent"]) == (2, 25)


def test_a_periodic_load_without_drops_says_zero(make_samples):
    samples = make_samples([10], intended_ns=np.array([1_000_000]))
    assert summarise(samples, [block(1, 1, 0, 50)])["dropped_frames"] == 0


def test_blocks_with_a_clock_that_stepped_back_give_no_rate(make_samples):
    metrics = summarise(make_samples([10, 10]), [block(1, 2, 500, 100, cpu=0)])
    assert "throughput_per_s" not in metrics
    assert "cpu_per_inference_ns" not in metrics


def test_samples_are_left_as_they_were(make_samples):
    samples = make_samples([400, 100, 300, 200])
    summarise(samples, [])
    assert samples.invoke_ns.tolist() == [400, 100, 300, 200]


@given(hnp.arrays(np.int64, st.integers(2, 60), elements=st.integers(0, 2**50)))
def test_percentiles_are_numpys_linear_ones(values):
    ranks = [0, 12.5, 50, 90, 99, 100]
    expected = np.percentile(values, ranks)
    assert percentiles(values.copy(), ranks) == pytest.approx(expected.tolist())


def test_seventy_two_hours_at_ten_per_second_stay_small():
    n = 2_600_000
    column = np.full(n, 1_000, dtype=np.int64)
    samples = Samples(
        start_ns=np.arange(n) * 100_000_000,
        input_ns=column,
        invoke_ns=column,
        output_ns=column,
        block=np.zeros(n, dtype=np.int32),
        timed=np.ones(n, dtype=np.bool_),
    )
    tracemalloc.start()
    try:
        metrics = summarise(samples, [])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert metrics["latency_p99_ns"] == 3_000
    assert peak < 4 * column.nbytes
