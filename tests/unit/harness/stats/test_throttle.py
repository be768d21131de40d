from __future__ import annotations

import numpy as np
import pytest

from harness.stats.throttle import find_throttling, sustained_metrics

SECOND = 1_000_000_000


def onset_error_s(series, rng, heat, latency_s):
    found = find_throttling(*series.long_run(rng, heat, latency_s=latency_s))
    return abs(found.onset_ns / SECOND - heat.throttles_s())


@pytest.mark.parametrize("latency_s", [0.05, 0.4])
@pytest.mark.parametrize("kind", ["step", "ramp", "stairs"])
def test_onset_is_found_within_15_seconds(series, kind, latency_s):
    rng = np.random.default_rng(31)
    for _ in range(4):
        onset, size = rng.uniform(90, 900), rng.uniform(0.1, 0.6)
        heat = {
            "step": series.Heat(onset, size),
            "ramp": series.Heat(onset, size, ramp_s=60),
            "stairs": series.Heat(onset, size=4 * size, stairs=4),
        }[kind]
        assert onset_error_s(series, rng, heat, latency_s) <= 15


@pytest.mark.parametrize("latency_s", [0.05, 0.4, 1.5])
def test_flat_runs_do_not_throttle(series, latency_s):
    rng = np.random.default_rng(32)
    for _ in range(8):
        found = find_throttling(*series.long_run(rng, series.Heat(None), latency_s=latency_s))
        assert (found.events, found.onset_ns) == (0, None)


def samples_of(make_samples, seconds_and_latency_s, **changes):
    parts = [
        np.full(round(seconds / latency_s), round(latency_s * SECOND))
        for seconds, latency_s in seconds_and_latency_s
    ]
    return make_samples(np.concatenate(parts), **changes)


def test_the_numbers_of_a_run_that_slows_down_twice(make_samples):
    samples = samples_of(
        make_samples, [(120, 0.1), (60, 0.12), (120, 0.1), (20, 0.15), (100, 0.1), (480, 0.125)]
    )
    assert sustained_metrics(samples) == {
        "peak_p50_ns": 0.1 * SECOND,
        "late_p50_ns": 0.125 * SECOND,
        "stability_percent": pytest.approx(80.0),
        # Twenty slow seconds are no throttling.
        "throttle_events": 2.0,
        "throttle_onset_ns": pytest.approx(120 * SECOND, abs=SECOND),
    }


def test_a_steady_run_has_no_onset(make_samples):
    metrics = sustained_metrics(samples_of(make_samples, [(400, 0.1)]))
    assert metrics["throttle_events"] == 0
    assert metrics["stability_percent"] == 100
    assert "throttle_onset_ns" not in metrics


def test_warmup_does_not_count(make_samples):
    samples = samples_of(make_samples, [(60, 0.2), (400, 0.1)], warmup=300)
    assert sustained_metrics(samples)["peak_p50_ns"] == 0.1 * SECOND


def test_inferences_of_minutes_have_no_stability(make_samples):
    metrics = sustained_metrics(make_samples([200 * SECOND] * 4))
    assert metrics["late_p50_ns"] == 200 * SECOND
    assert "stability_percent" not in metrics


def test_three_days_are_judged(make_samples):
    """With bins of 13 s instead of 1 s."""
    metrics = sustained_metrics(samples_of(make_samples, [(3600, 1.0), (71 * 3600, 1.1)]))
    assert metrics["throttle_onset_ns"] == pytest.approx(3600 * SECOND, abs=15 * SECOND)


def test_what_cannot_be_judged_has_no_metrics(make_samples):
    short = samples_of(make_samples, [(300, 0.1)])
    backwards = samples_of(make_samples, [(400, 0.1)])
    backwards.start_ns[2000] -= 10 * SECOND
    impossible = samples_of(make_samples, [(400, 0.1)])
    impossible.invoke_ns[7] = -5
    for samples in (make_samples([]), make_samples([SECOND]), short, backwards, impossible):
        assert sustained_metrics(samples) == {}
