from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.stats.ecdf import ecdf


@given(
    hnp.arrays(np.int64, st.integers(1, 300), elements=st.integers(0, 50)),
    st.integers(2, 40),
)
def test_every_point_lies_on_the_exact_function(values, points):
    x, share = ecdf(values, points)
    assert len(x) <= points
    assert (x[0], x[-1], share[-1]) == (values.min(), values.max(), 1.0)
    assert np.all(np.diff(x) > 0)
    assert share.tolist() == [np.mean(values <= each) for each in x]


def test_few_values_are_all_there():
    x, share = ecdf(np.array([30, 10, 20]), 512)
    assert x.tolist() == [10, 20, 30]
    assert share.tolist() == [1 / 3, 2 / 3, 1.0]


def test_no_gap_is_wider_than_a_point():
    _, share = ecdf(np.arange(1_000_000), 101)
    assert np.diff(share).max() <= 0.01 + 1e-5


def test_nothing_gives_nothing():
    x, share = ecdf(np.array([], dtype=np.int64))
    assert (len(x), len(share)) == (0, 0)
