from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.bootstrap import bootstrap_ratio
from harness.stats.comparison import (
    Comparison,
    Quad,
    Verdict,
    compare,
    compare_quads,
    control_false_discoveries,
    judge,
    points_to_worse,
    survives_session_effect,
)
from harness.stats.ratio import LogDifference, paired, welch

STEADY = [100.0, 100.5, 99.5, 100.2, 99.8]
VALUES = st.lists(st.floats(1e-3, 1e12), min_size=3, max_size=12)
OPPOSITE = {Verdict.WORSE: Verdict.BETTER, Verdict.BETTER: Verdict.WORSE}


def verdict(reference, candidate, better="lower", margin=0.02):
    return compare(reference, candidate, margin=margin, better=better).verdict


def scaled(values, factor):
    return [value * factor for value in values]


@pytest.mark.parametrize(
    ("factor", "better", "expected"),
    [
        (1.05, "lower", Verdict.WORSE),
        (1.05, "higher", Verdict.BETTER),
        (0.95, "lower", Verdict.BETTER),
        (0.95, "higher", Verdict.WORSE),
        (1.0, "lower", Verdict.EQUIVALENT),
        (1.005, "lower", Verdict.EQUIVALENT),
        (1.019, "lower", Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_follows_ratio_margin_and_direction(factor, better, expected):
    assert verdict(STEADY, scaled(STEADY, factor), better) is expected


def test_a_significant_change_below_the_margin_is_not_slower():
    found = compare(STEADY, scaled(STEADY, 1.019), margin=0.02, better="lower")
    assert found.ratio.low > 1
    assert "margin of 2.0 %" in found.reason


def test_a_large_estimate_with_a_wide_interval_is_inconclusive():
    found = compare([80, 100, 125], [90, 115, 140], margin=0.02, better="lower")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the interval allows no change" in found.reason


@pytest.mark.parametrize(
    ("reference", "candidate", "reason"),
    [
        ([], [], "0 valid trials on a side"),
        ([5.0], STEADY, "1 valid trial on a side"),
        (STEADY, [5.0, 5.1], "2 valid trials on a side"),
        (STEADY, [5.0, float("nan"), 5.1], "no number"),
        ([5.0, 0.0, 5.1], STEADY, "zero"),
        ([5.0, -1.0, 5.1], STEADY, "negative"),
        ([5.0, float("inf"), 5.1], STEADY, "no ratio"),
    ],
)
def test_what_cannot_be_compared_is_inconclusive_with_the_reason(reference, candidate, reason):
    found = compare(reference, candidate, margin=0.02, better="lower")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert reason in found.reason
    assert found.ratio is None


def test_trials_without_spread_are_compared_by_their_values():
    assert verdict([7.0] * 3, [7.0] * 4) is Verdict.EQUIVALENT
    assert verdict([7.1] * 3, [7.1] * 3) is Verdict.EQUIVALENT
    assert verdict([7.0] * 3, [8.0] * 3) is Verdict.WORSE


@given(VALUES, VALUES)
def test_swapping_the_sides_inverts_ratio_and_verdict(a, b):
    one = compare(a, b, margin=0.02, better="lower")
    other = compare(b, a, margin=0.02, better="lower")
    assert one.ratio.value == pytest.approx(1 / other.ratio.value)
    assert one.ratio.low == pytest.approx(1 / other.ratio.high)
    assert other.verdict is OPPOSITE.get(one.verdict, one.verdict)


@given(VALUES, VALUES, st.floats(1e-3, 1e3))
def test_another_unit_changes_nothing(a, b, unit):
    one = compare(a, b, margin=0.02, better="lower")
    other = compare(scaled(a, unit), scaled(b, unit), margin=0.02, better="lower")
    assert other.difference.centre == pytest.approx(one.difference.centre, abs=1e-9)
    assert other.difference.error == pytest.approx(one.difference.error, abs=1e-9)


def test_welch_agrees_with_scipy():
    from scipy.stats import ttest_ind

    a, b = [5.0, 5.2, 5.1, 4.9], [5.4, 5.9, 5.1]
    ours, theirs = welch(a, b), ttest_ind(np.log(a), np.log(b), equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert np.log([ours.interval().low, ours.interval().high]) == pytest.approx(list(interval))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, math.nan]])
def test_too_few_values_have_no_paired_interval(values):
    with pytest.raises(ValueError, match="differences"):
        paired(values)


# --- quads --------------------------------------------------------------------------------------


def quads(candidate_factor, drift, rng, count=3, spread=0.01):
    """Trials A B B A under a linear drift over all of them."""
    speed = np.exp(rng.normal(0, spread, (count, 4)))
    warmth = (1 + drift * np.linspace(0, 1, 4 * count)).reshape(count, 4)
    a1, b1, b2, a2 = (100 * speed * warmth * [1, candidate_factor, candidate_factor, 1]).T
    return [Quad((a1[i], a2[i]), (b1[i], b2[i])) for i in range(count)]


def test_drift_does_not_enter_the_ratio_of_quads():
    exact = quads(1.03, 0.04, np.random.default_rng(0), spread=0.0)
    found = compare_quads(exact, margin=0.02, better="lower")
    assert found.ratio.value == pytest.approx(1.03, abs=1e-4)  # a line in time, not in logarithms


def test_drift_makes_no_false_alarm_and_hides_no_change():
    rng = np.random.default_rng(1)
    rates = {
        factor: np.mean(
            [
                compare_quads(quads(factor, 0.02, rng), margin=0.02, better="lower").verdict
                is Verdict.WORSE
                for _ in range(400)
            ]
        )
        for factor in (1.0, 1.05)
    }
    assert rates[1.0] <= 0.01
    assert rates[1.05] >= 0.98


def test_one_quad_is_too_few_and_a_value_of_zero_has_no_ratio():
    quad = Quad((1.0, 1.0), (1.1, 1.1))
    assert "1 quad, 2 needed" in compare_quads([quad], margin=0.02, better="lower").reason
    assert "0 quads" in compare_quads([], margin=0.02, better="lower").reason
    spoilt = [quad, Quad((1.0, 0.0), (1.1, 1.1))]
    assert "no ratio" in compare_quads(spoilt, margin=0.02, better="lower").reason


# --- many cells ---------------------------------------------------------------------------------


def with_p_near(p_value, centre=0.05):
    """A worse verdict whose p value is given."""
    from scipy.stats import t

    error = centre / t.isf(p_value / 2, 8)
    return judge(LogDifference(centre, float(error), 8, 5), margin=0.02, better="lower")


def test_one_in_twenty_is_no_surprise_among_many():
    lonely = with_p_near(0.04)
    assert control_false_discoveries([lonely]) == [lonely]
    flat = Comparison(Verdict.EQUIVALENT, 0.02, difference=LogDifference(0.0, 0.01, 8, 5))
    found = control_false_discoveries([lonely, *[flat] * 19])
    assert found[0].verdict is Verdict.INCONCLUSIVE
    assert "among 20 comparisons" in found[0].reason
    assert found[1:] == [flat] * 19


def test_false_discoveries_are_controlled_as_scipy_does():
    from scipy.stats import false_discovery_control

    p_values = [0.001, 0.012, 0.014, 0.03, 0.04, 0.045, 0.049]
    found = control_false_discoveries([with_p_near(p) for p in p_values])
    kept = [item.verdict is Verdict.WORSE for item in found]
    assert kept == list(false_discovery_control(p_values) <= 0.05)


def test_what_has_no_p_value_is_left_alone():
    few = compare([1.0], [2.0], margin=0.02, better="lower")
    assert control_false_discoveries([few]) == [few]
    assert control_false_discoveries([]) == []


def test_a_session_effect_may_explain_a_small_change_and_not_a_large_one():
    small, large = (
        compare(STEADY, scaled(STEADY, f), margin=0.02, better="lower") for f in (1.025, 1.05)
    )
    assert small.verdict is large.verdict is Verdict.WORSE
    assert not survives_session_effect(small)
    assert survives_session_effect(large)
    same = compare(STEADY, STEADY, margin=0.02, better="lower")
    assert not survives_session_effect(same)


# --- bootstrap ----------------------------------------------------------------------------------


def trials(rng, count, factor=1.0):
    return [
        (5e6 * factor * np.exp(rng.normal(0, 0.01) + rng.normal(0, 0.05, 301))).astype(np.int64)
        for _ in range(count)
    ]


def test_the_bootstrap_finds_the_ratio_and_covers_it():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(60):
        found = bootstrap_ratio(trials(rng, 8, 1.05), trials(rng, 8), resamples=400)
        covered += found.low <= 1.05 <= found.high
    assert 60 * 0.8 <= covered <= 60


def test_the_bootstrap_of_equal_latencies_is_a_point():
    same = [np.full(10, 1000, dtype=np.int64)] * 3
    found = bootstrap_ratio(same, same)
    assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)


def test_the_drawn_rank_follows_the_resampled_median():
    from harness.stats.bootstrap import _mean_logs

    rng = np.random.default_rng(4)
    values = np.exp(rng.normal(0, 0.1, 101))
    ours = _mean_logs([values], 0.5, 20_000, rng)
    resampled = np.log(np.median(rng.choice(values, (20_000, 101)), axis=1))
    assert np.quantile(ours, [0.05, 0.5, 0.95]) == pytest.approx(
        np.quantile(resampled, [0.05, 0.5, 0.95]), abs=0.004
    )


@pytest.mark.parametrize(
    "side",
    [[], [np.array([1, 2])] * 2, [np.array([], np.int64)] * 3, [np.array([0, 1, 2])] * 3],
    ids=["none", "two", "empty", "zero"],
)
def test_the_bootstrap_has_no_answer_to_what_is_no_measurement(side):
    good = [np.array([1, 2, 3])] * 3
    assert bootstrap_ratio(side, good) is None
    assert bootstrap_ratio(good, side) is None


def test_disagreement_of_the_bootstrap_is_told():
    import dataclasses

    found = compare(STEADY, scaled(STEADY, 1.05), margin=0.02, better="lower")
    assert found.bootstrap_agrees is None
    agreeing = dataclasses.replace(found, bootstrap=found.ratio)
    assert agreeing.bootstrap_agrees
    wide = dataclasses.replace(found.ratio, low=0.9)
    assert dataclasses.replace(found, bootstrap=wide).bootstrap_agrees is False


@pytest.mark.parametrize(
    ("candidate", "better", "expected"),
    [
        ([101.2, 101.6, 100.9, 101.3, 101.1], "lower", True),  # clear, though within the margin
        ([101.2, 101.6, 100.9, 101.3, 101.1], "higher", False),
        ([98.8, 98.4, 99.1, 98.7, 98.9], "higher", True),
        (STEADY, "lower", False),
        ([120.0, 90.0, 110.0, 95.0, 100.0], "lower", False),
    ],
)
def test_fresh_trials_point_to_worse(candidate, better, expected):
    found = compare(STEADY, candidate, margin=0.02, better=better)
    assert points_to_worse(found, better=better) is expected


def test_too_few_trials_point_nowhere():
    found = compare([1.0], [2.0], margin=0.02, better="lower")
    assert not points_to_worse(found, better="lower")
