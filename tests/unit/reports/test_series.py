from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.record import ClockOffset
from reports.series import (
    PROBABILITIES,
    Latency,
    merge_quantiles,
    on_runner_clock,
    quantiles_ms,
    trial_series,
)
from reports.thinning import CHUNK, Line


@pytest.fixture
def trial(made_up):
    """One made-up trial."""
    (planned,) = made_up.make_plan([made_up.make_cell()], 1).trials
    return made_up.make_trial(planned, p50_ms=10.0, seed=1)


def test_zero_is_the_first_timed_inference(trial) -> None:
    series = trial_series(trial, Latency(trial.samples()), {}, 600)
    warm = int((~trial.samples().timed).sum())
    assert series.latency.x[warm] == 0
    assert series.latency.x[0] < 0
    assert series.shown_of == len(trial.samples())


def test_host_times_move_with_the_offset_between_pings() -> None:
    offsets = [ClockOffset(0, 1000, 5), ClockOffset(100, 1200, 5)]
    moved = on_runner_clock(np.array([0, 50, 100, 200]), "host", offsets)
    assert moved.tolist() == [1000, 1150, 1300, 1400]
    assert on_runner_clock(np.array([7]), "runner", offsets).tolist() == [7]


def test_channels_are_in_the_units_people_read(trial) -> None:
    channels = {}
    series = trial_series(trial, Latency(trial.samples()), channels, 600)
    assert channels["runner.rss_bytes"].unit == "MiB"
    assert 80 < series.curves["runner.rss_bytes"].y[0] < 90
    assert channels["temperature.cpu_thermal_c"].title == "Temperature cpu_thermal"


def test_a_missing_channel_keeps_its_reason(trial, made_up) -> None:
    series = trial_series(trial, Latency(trial.samples()), {}, 600)
    assert series.unavailable == {"cpu.frequency_khz.policy0": "no cpufreq in this VM"}
    trial.record = replace(trial.record, clock_offsets=())
    series = trial_series(trial, Latency(trial.samples()), {}, 600)
    assert series.curves == {}
    assert "no clock offset" in series.unavailable["runner.rss_bytes"]


def test_a_channel_that_was_never_read_says_so(trial) -> None:
    del trial.traces["runner.rss_bytes"]
    series = trial_series(trial, Latency(trial.samples()), {}, 600)
    assert series.unavailable["runner.rss_bytes"] == "no reading was taken while the trial ran"


def test_no_samples_are_no_series(trial, made_up) -> None:
    empty = Latency(made_up.no_samples())
    assert trial_series(trial, empty, {}, 600) is None
    assert quantiles_ms(empty.timed_ns()) is None


@pytest.mark.parametrize("count", [1, 599, 600, 601, 3 * CHUNK + 7])
def test_thinned_lines_keep_their_extremes(count: int) -> None:
    rng = np.random.default_rng(count)
    at, values = np.arange(count) * 1_000_000, rng.normal(size=count)
    line = Line(600)
    for piece in np.array_split(np.arange(count), 5):
        line.feed(at[piece], values[piece])
    curve = line.curve(0)
    assert len(curve.x) <= 600
    assert (curve.y.min(), curve.y.max()) == (values.min(), values.max())
    assert np.all(np.diff(curve.x) >= 0)
    if count <= 600:
        assert curve.y.tolist() == values.tolist()


def test_readings_without_a_value_are_left_out() -> None:
    line = Line(600)
    line.feed(np.array([1, 2]), np.array([np.nan, np.inf]))
    assert line.curve(0) is None


def test_quantiles_are_numpys() -> None:
    latency = np.random.default_rng(3).integers(1_000_000, 9_000_000, 997)
    expected = np.quantile(latency, PROBABILITIES) / 1e6
    assert quantiles_ms(latency) == pytest.approx(expected)
    assert quantiles_ms(np.array([5_000_000])) == pytest.approx(np.full(len(PROBABILITIES), 5.0))


def test_a_cells_distribution_weighs_trials_alike() -> None:
    merged = merge_quantiles([np.full(3, 1.0), np.full(3, 4.0)])
    assert merged.value == pytest.approx(np.full(3, 2.0))
    assert (merged.low[0], merged.high[0]) == (1.0, 4.0)
    assert merge_quantiles([]) is None
    with_zero = merge_quantiles([np.array([0.0, 2.0]), np.array([2.0, 2.0])])
    assert with_zero.value == pytest.approx([1.0, 2.0])


def test_a_long_warmup_leaves_the_timed_part_its_points(made_up) -> None:
    samples = made_up.make_samples(np.random.default_rng(1), 0.1, seconds=0.5, warmup_s=5.0)
    line = Latency(samples).line(600)
    timed = line.x >= 0
    assert timed.sum() > 200
    assert len(line.x) <= 600
    assert line.y[timed].max() == samples.latency_ns[samples.timed].max() / 1e6
    assert np.all(np.diff(line.x) >= 0)


def test_a_short_last_minute_lies_in_its_own_middle(made_up) -> None:
    samples = made_up.make_samples(np.random.default_rng(1), 100.0, 130.0)
    at_s = (samples.start_ns - samples.start_ns[samples.timed][0])[samples.timed] / 1e9
    curve = Latency(samples).minutes()
    assert curve is not None
    *whole, last = curve.x.tolist()
    assert whole == [30.0, 90.0]
    assert last == pytest.approx((120.0 + at_s[-1]) / 2)
