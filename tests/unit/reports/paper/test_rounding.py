"""Values with their uncertainty, to as many digits as mean something."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.interval import Estimate
from reports.paper.rounding import rounded


def estimate(value: float, half: float | None) -> Estimate:
    if half is None:
        return Estimate(value, None, None, 2)
    return Estimate(value, value - half, value + half, 5)


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [
        (7.65123, 0.0453, "7.651(45)"),
        (7.65123, 0.45, "7.65(45)"),
        (12.3456, 1.5, "12.3(15)"),
        (12345.6, 1500.0, "12300(1500)"),
        (0.0123456, 0.00012, "0.01235(12)"),
        (7.65, 0.0996, "7.65(10)"),
        (7.65, None, "7.650"),
        (1024.0, None, "1024"),
        (0.0, None, "0"),
        (12345.678, None, "12350"),
        (5.0, 0.0, "5"),
        (5.0, 1e-12, "5"),
    ],
)
def test_two_digits_of_the_uncertainty_and_the_value_to_match(value, half, shown) -> None:
    assert rounded(estimate(value, half)).parenthesised == shown


def test_the_uncertainty_is_the_longer_arm() -> None:
    assert rounded(Estimate(10.0, 9.9, 10.4, 5)).plus_minus == "0.40"


def test_another_unit() -> None:
    assert rounded(Estimate(7.65e6, 7.6e6, 7.7e6, 5), 1e6).parenthesised == "7.650(50)"


@given(
    st.floats(1e-6, 1e9),
    st.floats(1e-9, 0.5),
)
def test_nothing_is_lost_beyond_a_tenth_of_the_uncertainty(value: float, share: float) -> None:
    half = value * share
    shown = rounded(estimate(value, half))
    assert float(shown.value) == pytest.approx(value, abs=max(half / 9, 1e-6), rel=1e-3)
    if shown.plus_minus:
        assert float(shown.plus_minus) == pytest.approx(half, rel=0.06, abs=1e-6)
        digits = shown.plus_minus.replace(".", "").strip("0")
        assert 1 <= len(digits) <= 2
    assert math.isfinite(float(shown.value))


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [(44.4, 1352.4, "44(1352)"), (0.2487, 1.94, "0.25(194)"), (3.5, 3.4, "3.5(34)")],
)
def test_an_uncertainty_larger_than_the_value_does_not_round_it_away(value, half, shown) -> None:
    assert rounded(Estimate(value, value - half, value + half, 3)).parenthesised == shown
