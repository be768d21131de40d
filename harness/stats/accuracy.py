"""How often a model is right, how sure that is, and whether another one is really worse.

Scores are the model's outputs for each sample, a row of one number per class or token. A row with
a number that is not finite is no answer, which is always wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.interval import Estimate, t_quantile

Scores = NDArray[np.float64]
Classes = NDArray[np.int64]
Truths = NDArray[np.bool_]

NO_ANSWER = -1
RESAMPLES = 1000
_LEVEL = 0.95


def answers(scores: Scores) -> Classes:
    """The class of each row's largest score, the first of equal ones; ``NO_ANSWER`` without one."""
    finite = np.isfinite(scores).all(axis=1)
    return np.where(finite, np.argmax(scores, axis=1), NO_ANSWER).astype(np.int64)


def in_top(scores: Scores, labels: Classes, k: int) -> Truths:
    """Whether each label is among its row's ``k`` largest scores; equal ones in order of class."""
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found: Truths = (ranked == labels[:, None]).any(axis=1) & np.isfinite(scores).all(axis=1)
    return found


def proportion(hits: int, n: int, level: float = _LEVEL) -> Estimate:
    """``hits`` of ``n`` with the interval of Wilson (1927), which holds near 0 and 1, too.

    Raises ValueError where there is nothing to take a share of.
    """
    if not 0 <= hits <= n or n == 0:
        raise ValueError("a proportion needs at least one sample")
    low, high = _wilson(hits, n, t_quantile(np.inf, level))
    return Estimate(hits / n, low, high, n)


def _wilson(hits: int, n: int, z: float) -> tuple[float, float]:
    """Wilson's limits, ``z`` standard errors away."""
    share, weight = hits / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * float(np.sqrt(share * (1 - share) / n + weight / (4 * n)))
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == n else centre + half)


def share_of(truths: Truths, level: float = _LEVEL) -> Estimate:
    """The share of samples that are true."""
    return proportion(int(truths.sum()), len(truths), level)


def f1_macro(guesses: Classes, labels: Classes) -> float:
    """Mean over classes of the harmonic mean of precision and recall.

    The classes are those that occur among labels or guesses; no answer belongs to none.
    """
    classes = int(max(guesses.max(), labels.max())) + 1
    hits = np.bincount(labels[guesses == labels], minlength=classes)
    given = np.bincount(guesses[guesses != NO_ANSWER], minlength=classes)
    total = given + np.bincount(labels, minlength=classes)
    seen = total > 0
    return float(np.mean(2 * hits[seen] / total[seen]))


def f1_estimate(
    guesses: Classes, labels: Classes, *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """:func:`f1_macro` with a percentile bootstrap over samples, the same for the same data."""
    rng = np.random.default_rng(seed)
    n = len(labels)
    drawn = []
    for _ in range(resamples):
        chosen = rng.integers(n, size=n)
        drawn.append(f1_macro(guesses[chosen], labels[chosen]))
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(f1_macro(guesses, labels), float(low), float(high), n)


def perplexity(scores: Scores, labels: Classes, level: float = _LEVEL) -> Estimate | None:
    """The exponential of the mean negative log probability of the labels.

    ``scores`` are logits. The interval is Student's on the mean, and takes tokens for independent.
    None where an output is not finite: such a model has no perplexity.
    """
    if not np.isfinite(scores).all():
        return None
    top = scores.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
    loss = log_sum - scores[np.arange(len(labels)), labels]
    centre = float(loss.mean())
    if len(loss) < 3:
        return Estimate(float(np.exp(centre)), None, None, len(loss))
    half = t_quantile(len(loss) - 1, level) * float(loss.std(ddof=1)) / float(np.sqrt(len(loss)))
    low, value, high = (float(np.exp(centre + step)) for step in (-half, 0.0, half))
    return Estimate(value, low, high, len(loss))


def retention(candidate: Truths, reference: Truths, level: float = _LEVEL) -> Estimate | None:
    """What is left of the reference's share of right answers, 1.0 for all; None of nothing.

    The interval is that of Bonett and Price (2006) for a ratio of paired shares, which rests on
    Wilson's: both models answered the same samples, so what both get right tells nothing of the
    ratio. Raises ValueError for sides of different length.
    """
    paired = mcnemar(candidate, reference)
    both = int((candidate & reference).sum())
    ours, theirs = both + paired.gained, both + paired.lost
    if not theirs:
        return None
    n = both + paired.gained + paired.lost
    odd = np.sqrt((paired.gained + paired.lost + 2) / ((ours + 1) * (theirs + 1)))
    spread = sum(np.sqrt((1 - (hits + 1) / (n + 2)) / (hits + 1)) for hits in (ours, theirs))
    z = t_quantile(np.inf, level) * float(odd / spread)
    (ours_low, ours_high), (theirs_low, theirs_high) = _wilson(ours, n, z), _wilson(theirs, n, z)
    return Estimate(ours / theirs, ours_low / theirs_high, ours_high / theirs_low, len(reference))


@dataclass(frozen=True, slots=True)
class Paired:
    """Two models on the same samples: how many only one of them gets right, and the p-value."""

    lost: int  #: right in the reference, wrong in the candidate
    gained: int
    p_value: float


def mcnemar(candidate: Truths, reference: Truths) -> Paired:
    """McNemar's (1947) exact test of paired correctness, two-sided.

    Without a difference in accuracy, each sample on which the models differ is as likely a loss as
    a gain: a binomial with one half. Raises ValueError for sides of different length.
    """
    from scipy.special import bdtr

    if len(candidate) != len(reference):
        raise ValueError("paired samples are as many on both sides")
    lost = int((reference & ~candidate).sum())
    gained = int((candidate & ~reference).sum())
    if lost == gained:
        return Paired(lost, gained, 1.0)
    tail = float(bdtr(min(lost, gained), lost + gained, 0.5))
    return Paired(lost, gained, min(1.0, 2 * tail))
