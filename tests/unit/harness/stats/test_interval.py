from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as reference

from harness.stats.interval import Estimate, geometric_mean_interval, relative_half_width
from harness.stats.ratio import log_ratio_interval

positive = st.floats(1e-3, 1e15)


@given(st.lists(positive, min_size=3, max_size=20))
def test_the_interval_is_students_on_the_logs(values):
    estimate = geometric_mean_interval(values)
    logs = np.log(values)
    assert estimate.value == pytest.approx(reference.gmean(values))
    half = reference.t.ppf(0.975, len(logs) - 1) * reference.sem(logs)
    assert math.log(estimate.high / estimate.value) == pytest.approx(half, abs=1e-9)
    assert math.log(estimate.value / estimate.low) == pytest.approx(half, abs=1e-9)
    assert estimate.n == len(values)


@pytest.mark.parametrize("values", [[7.0], [7.0, 9.0]])
def test_below_three_trials_there_is_no_interval(values):
    estimate = geometric_mean_interval(values)
    assert (estimate.low, estimate.high) == (None, None)
    assert relative_half_width(estimate) is None


def test_equal_values_have_an_interval_of_no_width():
    estimate = geometric_mean_interval([5.0] * 4)
    assert estimate.low == estimate.high == pytest.approx(5.0)
    assert relative_half_width(estimate) == 0


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, -2.0], [math.nan], [math.inf, 1.0]])
def test_values_without_a_logarithm_are_refused(values):
    with pytest.raises(ValueError, match="positive, finite"):
        geometric_mean_interval(values)


def test_half_width_is_relative():
    assert relative_half_width(Estimate(10.0, 9.0, 11.0, 5)) == pytest.approx(0.1)


def test_nineteen_in_twenty_intervals_hold_the_truth():
    rng = np.random.default_rng(3)
    trials = np.exp(math.log(5.0) + 0.02 * rng.standard_normal((2_000, 5)))
    held = [
        estimate.low <= 5.0 <= estimate.high for estimate in map(geometric_mean_interval, trials)
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@given(st.lists(positive, min_size=3, max_size=9), st.lists(positive, min_size=3, max_size=9))
def test_the_ratio_is_welchs_on_the_logs(a, b):
    ratio = log_ratio_interval(a, b)
    logs_a, logs_b = np.log(a), np.log(b)
    assume(min(logs_a.std(), logs_b.std()) > 1e-6)  # scipy warns of lost precision
    welch = reference.ttest_ind(logs_a, logs_b, equal_var=False).confidence_interval(0.95)
    assert math.log(ratio.low) == pytest.approx(welch.low, rel=1e-6, abs=1e-6)
    assert math.log(ratio.high) == pytest.approx(welch.high, rel=1e-6, abs=1e-6)


def test_the_ratio_turned_round_is_its_inverse():
    a, b = [7.0, 7.1, 7.3], [3.0, 3.1, 3.3, 3.2]
    there, back = log_ratio_interval(a, b), log_ratio_interval(b, a)
    assert there.value == pytest.approx(1 / back.value)
    assert there.low == pytest.approx(1 / back.high)
    assert there.n == 3


def test_a_ratio_of_few_trials_has_no_interval():
    assert log_ratio_interval([4.0, 4.0, 4.0], [2.0, 2.0]) == Estimate(2.0, None, None, 2)


def test_a_ratio_of_equal_values_has_no_width():
    ratio = log_ratio_interval([4.0] * 3, [2.0] * 3)
    assert ratio.low == ratio.high == pytest.approx(2.0)


def test_scipy_is_not_loaded_before_an_interval_is_asked_for():
    code = "import sys, harness.stats.interval as i; i.geometric_mean_interval([1.0, 2.0]);"
    code += "print('scipy' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
