from __future__ import annotations

import numpy as np
import pytest

from harness.errors import CatalogueError
from harness.models.agreement import agreement, sqnr_db

RNG = np.random.default_rng(0)
WANTED = [[RNG.normal(size=(1, 10)), RNG.normal(size=(1, 4, 2))] for _ in range(6)]


def shifted(by: float) -> list[list[np.ndarray]]:
    return [[part + by for part in sample] for sample in WANTED]


def test_equal_outputs_have_no_noise() -> None:
    figures = agreement(WANTED, WANTED)
    assert (figures.sqnr_db, figures.max_abs_error, figures.cosine_min) == (None, 0, 1)
    assert figures.alive
    assert figures.to_json()["samples"] == 6


def test_figures_are_those_of_the_worst_output() -> None:
    outputs = [[first + 0.1, second] for first, second in WANTED]
    first = np.stack([sample[0] for sample in WANTED])
    figures = agreement(outputs, WANTED)
    assert figures.sqnr_db == pytest.approx(10 * np.log10((first**2).mean() / 0.01), rel=1e-6)
    assert figures.max_abs_error == pytest.approx(0.1)
    assert 0.9 < figures.cosine_min < 1


def test_outputs_that_no_longer_depend_on_the_input_are_dead() -> None:
    assert not agreement([WANTED[0]] * 6, WANTED).alive
    assert agreement([WANTED[0]] * 6, [WANTED[0]] * 6).alive  # the original is constant, too


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([[sample[0]] for sample in WANTED], "another number of outputs"),
        (WANTED[:5], "another number of outputs"),
        ([[first, second[:, :3]] for first, second in WANTED], "has 6 values, the original's"),
        ([[first * np.nan, second] for first, second in WANTED], "NaN or infinity"),
        ([[first * np.inf, second] for first, second in WANTED], "NaN or infinity"),
    ],
)
def test_what_cannot_be_compared(outputs: list[list[np.ndarray]], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        agreement(outputs, WANTED)


def test_sqnr() -> None:
    signal = np.array([3.0, 4.0])
    assert sqnr_db(signal, signal + np.array([0.5, 0])) == pytest.approx(20)
    assert sqnr_db(signal, signal) is None
    assert sqnr_db(signal * 0, signal) < -3000
