from __future__ import annotations

import pytest

from harness.stats.interval import Estimate
from reports.estimates import estimate, estimates
from reports.quantities import NOT_MEASURED, estimate_text, heading, interval_text, value_text
from reports.scope import concerns, concerns_model


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("latency_p50_ns", 7_651_000.0, "7.651"),
        ("latency_p50_ns", 50_123.4, "0.05012"),
        ("rss_peak_bytes", 85_150_000.0, "81.21"),
        ("inferences", 1024.0, "1024"),
        ("inferences", 31.5, "31.5"),
        ("foreign_cpu_percent", 3.21987, "3.220"),
        ("throttle_onset_ns", 61_500_000_000.0, "61.50"),
    ],
)
def test_values_have_four_digits_in_their_unit(metric: str, value: float, shown: str) -> None:
    assert value_text(metric, value) == shown


def test_headings_name_the_unit() -> None:
    assert heading("latency_p50_ns") == "latency p50 [ms]"
    assert heading("rss_peak_bytes") == "peak RSS [MiB]"
    assert heading("inferences") == "timed inferences"


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (7.651e6, 7.60e6, 7.70e6, "[7.60, 7.70]"),
        (7.651e6, 7.649e6, 7.653e6, "[7.649, 7.653]"),  # one digit fewer would swallow it
        (1204e6, 1190e6, 1220e6, "[1190, 1220]"),
    ],
)
def test_intervals_have_a_digit_less(value: float, low: float, high: float, shown: str) -> None:
    assert interval_text("latency_p50_ns", Estimate(value, low, high, 3)) == shown


def test_nothing_measured_is_no_zero() -> None:
    assert estimate_text("latency_p50_ns", None) == NOT_MEASURED
    assert "0" not in NOT_MEASURED
    assert estimate_text("latency_p50_ns", Estimate(7.651e6, None, None, 2)) == "7.651"


def test_durations_are_geometric_and_counts_are_not() -> None:
    assert estimate("latency_p50_ns", [1e6, 4e6]).value == pytest.approx(2e6)
    assert estimate("inferences", [100, 400]) == Estimate(250, None, None, 2)
    assert estimate("dropped_percent", [0.0, 3.0, 0.0]) == Estimate(1.0, None, None, 3)
    assert estimate("size_bytes", [5.0, 5.0, 5.0]).low is None


def test_three_trials_have_an_interval_and_two_have_none() -> None:
    three = estimate("latency_p50_ns", [1e6, 1.1e6, 1.2e6])
    assert three.low is not None
    assert three.low < three.value < three.high
    assert estimate("latency_p50_ns", [1e6, 1.1e6]).low is None


def test_a_zero_duration_does_not_break_the_mean() -> None:
    assert estimate("prepare_ns", [0.0, 2.0]).value == 1.0


def test_unknown_and_endless_metrics() -> None:
    found = estimates([{"zeta": 1.0, "latency_p50_ns": 2.0}, {"latency_p50_ns": float("inf")}])
    assert list(found) == ["latency_p50_ns", "zeta"]
    assert found["latency_p50_ns"].n == 1


def test_findings_concern_what_they_are_about() -> None:
    assert concerns("SHORT-MEMORY-WAIT", "rss_steady_bytes", [])
    assert not concerns("SHORT-MEMORY-WAIT", "latency_p50_ns", [])
    assert concerns("TAIL-UNSUPPORTED", "latency_p99_ns", ["p99: 2 samples beyond it"])
    assert not concerns("TAIL-UNSUPPORTED", "latency_p90_ns", ["p99: 2 samples beyond it"])
    assert concerns("SIMULATED-DEVICE", "rss_peak_bytes", [])
    assert concerns("SOMETHING-NEW", "latency_p50_ns", [])
    assert concerns_model("SYNTHETIC-MODEL")
    assert not concerns("SYNTHETIC-MODEL", "latency_p50_ns", [])
