from __future__ import annotations

import pytest

from harness.metrics import METRICS
from harness.stats.margins import comparable_metrics, find_metrics, margin_of


def test_every_margin_is_of_a_known_metric_with_a_direction():
    for name in comparable_metrics():
        assert METRICS[name].better != "neither"
        assert 0 < margin_of(name).relative <= 0.1


def test_p99_needs_many_inferences_and_never_gates():
    assert margin_of("latency_p99_ns").min_inferences == 10_000
    assert not margin_of("latency_p99_ns").gates
    assert margin_of("latency_p50_ns").gates


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("latency_p50", ["latency_p50_ns"]),
        ("latency_p50_ns", ["latency_p50_ns"]),
        ("rss_peak", ["rss_peak_bytes"]),
        ("throughput_per", ["throughput_per_s"]),
        ("latency_max_ns", []),
        ("dropped_percent", []),
        ("", []),
    ],
)
def test_metrics_are_found_with_and_without_their_unit(name, found):
    assert list(find_metrics(name)) == found


def test_there_is_no_margin_on_the_luckiest_inference():
    with pytest.raises(KeyError):
        margin_of("latency_min_ns")
