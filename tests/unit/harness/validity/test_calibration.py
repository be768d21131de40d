"""False alarms, spread and the smallest detectable change, on noise of known size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.record import DeviceFacts
from harness.stats.comparison import Quad, Verdict, compare_quads
from harness.validity.calibration import (
    Calibration,
    CellCalibration,
    calibrate_cell,
    doubts,
    in_force,
    os_build_of,
    unit_of,
)


def quads(count, spread, seed=1, shared=0.0, slower=0.0):
    """Quads of lognormal trials; ``shared`` moves both candidates of a quad together."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        a1, b1, b2, a2 = 10 * np.exp(rng.normal(0, spread, 4))
        moved = np.exp(rng.normal(0, shared)) * (1 + slower)
        made.append(Quad((float(a1), float(a2)), (float(b1 * moved), float(b2 * moved))))
    return made


@pytest.mark.parametrize("spread", [0.003, 0.01, 0.03])
def test_plain_noise_is_trusted(spread):
    figures = calibrate_cell(quads(40, spread), 3, 0.02)
    assert replace(calibration(0.0), cells={"net": figures}).trusted
    assert figures.spread == pytest.approx(spread, rel=0.2)
    assert figures.neighbour_spread == pytest.approx(spread * 2**0.5, rel=0.25)


def test_noise_that_a_quad_shares_is_found():
    """Two differences that move together look like two witnesses, and are one."""
    figures = calibrate_cell(quads(40, 0.005, shared=0.05), 3, 0.02)
    assert figures.false_alarms > 0.15
    assert not replace(calibration(0.0), cells={"net": figures}).trusted


def test_the_smallest_detectable_change_is_found_in_80_of_100_cases():
    figures = calibrate_cell(quads(200, 0.02), 5, 0.02)
    found = sum(
        compare_quads(
            quads(5, 0.02, seed, slower=figures.detectable), margin=0.02, better="lower"
        ).verdict
        is Verdict.WORSE
        for seed in range(400)
    )
    assert 0.72 <= found / 400 <= 0.88


def test_a_quiet_unit_is_limited_by_the_margin():
    assert calibrate_cell(quads(20, 1e-5), 3, 0.02).detectable == pytest.approx(0.02, rel=0.01)


def test_equal_values_are_no_false_alarm():
    same = [Quad((5.0, 5.0), (5.0, 5.0))] * 6
    figures = calibrate_cell(same, 3, 0.02)
    assert (figures.false_alarms, figures.spread) == (0.0, 0.0)


@pytest.mark.parametrize(("measured", "size"), [(0, 3), (2, 3), (5, 1)])
def test_too_few_quads_are_refused(measured, size):
    with pytest.raises(ValueError, match="needed"):
        calibrate_cell(quads(measured, 0.01), size, 0.02)


FACTS = DeviceFacts("android:1", {"serial": "R5", "os": "Android 15", "os_build": "AP1A"})


def calibration(rate, os_build="Android 15 AP1A"):
    cells = {"net": CellCalibration(20, 3, rate, 0.005, 0.01, 0.01, 0.03)}
    return Calibration(
        "android:1", "R5", os_build, "2026", "run", "latency_p50_ns", 0.02, cells=cells
    )


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.05, "not more than 5 %, trusted"),
        (0.055, "more than 5 %, but not clearly"),
        (0.08, "clearly more than 5 %, its verdicts are marked UNIT-UNTRUSTED"),
    ],
)
def test_a_rate_above_the_level_is_not_called_trusted(rate, said):
    assert calibration(rate).judgement.startswith(said)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, []),
        ({"R5": calibration(0.05)}, []),
        ({"R5": calibration(0.08)}, ["UNIT-UNTRUSTED"]),
        ({"R5": calibration(0.0, "Android 14 UP1A")}, ["CALIBRATION-VOID"]),
        ({"other": calibration(0.5)}, []),
    ],
)
def test_doubts_on_a_unit(known, expected):
    assert [item.id for item in doubts(known, FACTS)] == expected


def test_the_rate_is_told_with_what_few_quads_leave_open():
    rate = calibration(0.08).rate
    assert (rate.low, rate.high) == pytest.approx((0.0702, 0.0898))
    told = "8.0 % [7.0 %, 9.0 %] of A/A comparisons were called different (20 quads)"
    assert str(calibration(0.08)) == told
    assert (calibration(0.0).rate.low, calibration(1.0).rate.high) == (0.0, 1.0)


@pytest.mark.parametrize(("quads", "high"), [(4, 0.602), (20, 0.168)])
def test_quads_without_any_alarm_leave_much_open(quads, high):
    cell = CellCalibration(quads, 3, 0.0, 0.0, 0.01, 0.01, 0.03)
    rate = replace(calibration(0.0), cells={"x": cell}).rate
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(high, abs=0.001)


def test_a_calibration_is_in_force_on_its_own_build_only():
    here, before = calibration(0.05), calibration(0.05, "Android 14 UP1A")
    assert in_force({"R5": here}, FACTS, here.metric) is here
    assert in_force({"R5": before}, FACTS, here.metric) is None
    assert in_force({}, FACTS, here.metric) is None


def test_a_calibration_is_of_its_metrics_only():
    both = replace(calibration(0.01), metric="latency_p50_ns, throughput_per_s")
    assert in_force({"R5": both}, FACTS, "throughput_per_s") is both
    assert in_force({"R5": both}, FACTS, "load_ns") is None


def test_units_and_systems_have_names():
    assert (unit_of(FACTS), os_build_of(FACTS)) == ("R5", "Android 15 AP1A")
    assert unit_of(DeviceFacts("local", {"hostname": "bench"})) == "bench"
    bare = DeviceFacts("local")
    assert (unit_of(bare), os_build_of(bare)) == ("local", "unknown")
