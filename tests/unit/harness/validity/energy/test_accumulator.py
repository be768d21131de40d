"""Energy from means that a phone tells once per update of its gauge."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.channels import BATTERY_PLUGGED, SYSTEM_LOAD
from harness.validity.energy.accumulator import accumulator_energy
from harness.validity.energy.inference import TrialEnergy
from harness.validity.energy.series import Span, Windows
from harness.validity.energy.sources import PowerEvidence, judge_energy, power_channels

N = 1000  # inferences
PERIOD_S = 13.0


def since_the_last(trace, at_s, power_w):
    """Readings at ``at_s``, each the mean of ``power_w(t)`` since the one before."""
    fine = np.linspace(at_s[0], at_s[-1], 60_001)
    total = np.append(0.0, np.cumsum(power_w(fine)[:-1] * np.diff(fine)))
    told = np.interp(at_s, fine, total)
    return trace(at_s, np.append(power_w(fine)[0], np.diff(told) / np.diff(at_s)))


def work(second):
    """3 W in the run, 1 W at idle."""
    return np.where((second >= 100) & (second < 200), 3.0, 1.0)


def slow(trace, power_w=work):
    return since_the_last(trace, np.arange(-5.0, 320.0, PERIOD_S), power_w)


def test_increments_over_an_edge_belong_to_neither_stretch(trace, windows):
    found = accumulator_energy(slow(trace), windows, N)
    assert isinstance(found, TrialEnergy)
    assert found.source == "accumulator"
    assert found.idle_w == pytest.approx(1.0, abs=1e-3)
    assert found.run_w == pytest.approx(3.0, abs=1e-3)
    assert found.net_j == pytest.approx(2.0 * 100 / N, rel=1e-3)
    assert found.period_s == pytest.approx(PERIOD_S)
    assert [item.id for item in found.findings] == ["ENERGY-UNCERTAIN"]  # 100 s are 8 updates


def test_means_that_do_not_follow_the_load_are_refused(trace, windows):
    flat = slow(trace, lambda second: 1.0 + 0.05 * np.sin(second))
    assert accumulator_energy(flat, windows, N).code == "UNPROVEN"


def test_too_few_readings_are_refused(trace, windows):
    sparse = since_the_last(trace, np.arange(-5.0, 320.0, 60.0), work)
    assert accumulator_energy(sparse, windows, N).code == "TOO-FEW"


def absence(work_s):
    """Windows of 30 s of idle around the work."""
    edges = [0.0, 30.0, 30.0 + work_s, 60.0 + work_s]
    return Windows(*(Span(round(a * 1e9), round(b * 1e9)) for a, b in itertools.pairwise(edges)))


@pytest.mark.parametrize("idle_w", [0.0, 0.4, 1.5, 2.9])
def test_one_mean_over_an_absence_bounds_the_work(trace, idle_w):
    work_s = 1200.0
    at_s = [-90.0, -60.0, 60 + work_s + 20]  # the last is the first after the cable is back
    told = since_the_last(
        trace,
        np.array(at_s),
        lambda second: np.where((second >= 30) & (second < 30 + work_s), 3.0, idle_w),
    )
    found = accumulator_energy(told, absence(work_s), N)
    assert isinstance(found, TrialEnergy)
    assert (found.net_j, found.idle_w) == (None, None)
    true_j = 3.0 * work_s / N
    assert abs(found.gross_j - true_j) < 2 * found.edge_error_j
    assert found.edge_error_j < 0.06 * true_j
    assert "idle is not told apart" in str(found.findings[0])


def test_an_absence_with_little_work_says_how_long_would_do(trace):
    told = since_the_last(trace, np.array([-60.0, 180.0]), lambda second: 0 * second + 2.0)
    found = accumulator_energy(told, absence(60.0), N)
    assert found.code == "TOO-SHORT"
    needed_s = 180.0 * 0.9 / 0.2
    assert "13 min 30 s" in found.reason or f"{needed_s:g}" in found.reason, found.reason


def test_without_a_reading_before_it_nothing_is_known(trace):
    assert accumulator_energy(trace([500.0], [2.0]), absence(400.0), N).code == "TOO-FEW"


def judged(trace, windows, plugged, **more):
    traces = {SYSTEM_LOAD: slow(trace)}
    if plugged is not None:
        traces[BATTERY_PLUGGED] = trace([0.0, 150.0, 300.0], plugged)
    return judge_energy("auto", PowerEvidence(traces, **more), windows, N)


def test_a_phone_off_its_cable_has_an_energy(trace, windows):
    found = judged(trace, windows, [0.0, 0.0, 0.0])
    assert found.record.source == "accumulator"
    assert found.record.channels == (SYSTEM_LOAD,)
    assert found.record.charging == "discharging"
    assert found.metrics["power_idle_w"] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("plugged", [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], None])
def test_a_phone_that_may_be_fed_has_none(trace, windows, plugged):
    found = judged(trace, windows, plugged)
    assert found.record.refused["accumulator"].startswith("CHARGING")
    assert found.metrics == {}


def test_a_port_that_brings_no_current(trace, windows):
    found = judged(trace, windows, [1.0, 1.0, 1.0], usb_power_cut=True)
    assert found.record.source == "accumulator"


def test_an_unknown_idle_is_no_figure(trace):
    told = since_the_last(trace, np.array([-30.0, 1290.0]), lambda second: 0 * second + 2.0)
    evidence = PowerEvidence({SYSTEM_LOAD: told}, status="discharging")
    found = judge_energy("accumulator", evidence, absence(1200.0), N)
    assert set(found.metrics) == {"energy_gross_j", "power_mean_w"}
    assert found.metrics["power_mean_w"] > 2.0


def test_its_channel_is_a_channel_of_power():
    from harness.record import ChannelRecord

    assert power_channels([ChannelRecord(SYSTEM_LOAD, "W", "host", "")]) == {SYSTEM_LOAD}
