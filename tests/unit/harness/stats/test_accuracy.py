from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.stats import accuracy as a
from harness.stats.accuracy import mcnemar, proportion


def truths(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (37, 50), (886, 900)])
def test_wilson_is_that_of_scipy(hits: int, n: int) -> None:
    found = proportion(hits, n)
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (2, 1), (-1, 3)])
def test_a_share_of_nothing_is_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        proportion(hits, n)


def test_answers_are_the_first_largest_score_and_none_where_one_is_not_finite() -> None:
    scores = np.array([[1.0, 3.0, 3.0], [0.0, 0.0, 0.0], [1.0, np.nan, 2.0], [np.inf, 0.0, 0.0]])
    assert a.answers(scores).tolist() == [1, 0, a.NO_ANSWER, a.NO_ANSWER]


def test_top_k_counts_equal_scores_in_order_of_class() -> None:
    scores = np.array([[5.0, 5.0, 5.0, 1.0]] * 3 + [[np.nan, 9.0, 8.0, 7.0]])
    labels = np.array([0, 1, 2, 1])
    assert a.in_top(scores, labels, 2).tolist() == [True, True, False, False]
    assert a.in_top(scores, labels, 4).tolist() == [True, True, True, False]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    guesses, labels = (np.array(side) for side in zip(*pairs, strict=True))
    expected = metrics.f1_score(labels, guesses, average="macro", zero_division=0)
    assert a.f1_macro(guesses, labels) == pytest.approx(expected)


def test_f1_without_any_answer_is_zero() -> None:
    assert a.f1_macro(np.array([a.NO_ANSWER] * 3), np.array([0, 1, 2])) == 0.0


def test_the_interval_of_f1_is_the_same_each_time_and_narrows_with_samples() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 10, 2000)
    guesses = np.where(rng.random(2000) < 0.9, labels, rng.integers(0, 10, 2000))
    few, many = (a.f1_estimate(guesses[:n], labels[:n], resamples=300) for n in (100, 2000))
    assert a.f1_estimate(guesses, labels, resamples=300) == many
    assert many.low < many.value < many.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_perplexity_of_a_clueless_model_is_the_vocabulary() -> None:
    found = a.perplexity(np.zeros((10, 2048)), np.arange(10))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2048, 2048, 2048))


def test_perplexity_of_huge_logits_does_not_overflow_and_nan_has_none() -> None:
    scores = np.array([[1e5, 0.0], [0.0, 1e5], [1e5, 0.0]])
    found = a.perplexity(scores, np.array([0, 1, 0]))
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert a.perplexity(np.full((3, 2), np.nan), np.array([0, 1, 0])) is None
    single = a.perplexity(scores[:1], np.array([0]))
    assert single is not None
    assert single.low is None


def test_perplexity_covers_its_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        odds = rng.normal(1.0, 1.0, 60)
        found = a.perplexity(np.stack([odds, np.zeros(60)], axis=1), np.zeros(60, np.int64))
        # E[log(1 + exp(-x))] for x ~ N(1, 1), by quadrature beforehand.
        covered += found is not None and found.low <= np.exp(0.40686) <= found.high
    assert 180 <= covered <= 199


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_is_the_exact_binomial(pairs: list[tuple[bool, bool]]) -> None:
    candidate, reference = (np.array(side) for side in zip(*pairs, strict=True))
    found = mcnemar(candidate, reference)
    assert found.gained - found.lost == candidate.sum() - reference.sum()
    differing = found.lost + found.gained
    expected = binomtest(found.lost, differing).pvalue if differing else 1.0
    assert found.p_value == pytest.approx(expected)


def test_mcnemar_counts_only_samples_on_which_the_models_differ() -> None:
    found = mcnemar(truths("1100000000"), truths("1111111100"))
    assert (found.lost, found.gained) == (6, 0)
    assert found.p_value == pytest.approx(2 / 64)
    with pytest.raises(ValueError, match="as many on both sides"):
        mcnemar(truths("1"), truths("10"))


def test_retention_of_nothing_is_unknown() -> None:
    assert a.retention(truths("10"), truths("00")) is None


def test_retention_has_the_published_interval_for_paired_shares() -> None:
    """The airway data of Fagerland, Lydersen and Laake (2014): 1, 1, 7 and 12 of 21 children."""
    found = a.retention(truths("11" + "0" * 19), truths("10" + "1" * 7 + "0" * 12))
    assert found is not None
    assert found.value == 0.25
    assert (found.low, found.high) == pytest.approx((0.068, 0.923), abs=0.001)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_retention_lies_within_its_interval(pairs: list[tuple[bool, bool]]) -> None:
    candidate, reference = (np.array(side) for side in zip(*pairs, strict=True))
    found = a.retention(candidate, reference)
    if not reference.any():
        assert found is None
        return
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(candidate.sum() / reference.sum())
    assert 0 <= found.low <= found.value <= found.high
    assert found.low < 1 or found.value > 1  # equal answers leave a doubt, too
