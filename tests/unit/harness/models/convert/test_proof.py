from __future__ import annotations

import numpy as np
import pytest

from harness.models.convert import ConvertError, proof


@pytest.fixture
def outputs() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 10))


def test_figures(outputs: np.ndarray) -> None:
    noisy = outputs + 1e-3
    figures = proof.agreement(noisy, outputs)
    assert figures["max_abs_error"] == pytest.approx(1e-3, rel=1e-3)
    assert figures["sqnr_db"] == pytest.approx(10 * np.log10((outputs**2).mean() / 1e-6), rel=1e-3)
    assert 0.999 < figures["cosine_min"] <= 1


def test_equal_outputs_have_no_noise(outputs: np.ndarray) -> None:
    assert "sqnr_db" not in proof.agreement(outputs, outputs)


def test_dead_outputs_are_refused(outputs: np.ndarray) -> None:
    with pytest.raises(ConvertError, match="NaN"):
        proof.agreement(np.full_like(outputs, np.nan), outputs)
    with pytest.raises(ConvertError, match="hardly change"):
        proof.agreement(np.zeros_like(outputs), outputs)
    with pytest.raises(ConvertError, match="hardly change"):
        proof.agreement(np.tile(outputs[0], (4, 1)), outputs)
    with pytest.raises(ConvertError, match="shape"):
        proof.agreement(outputs[:, :5], outputs)


def test_float_files_must_agree() -> None:
    proof.check_float({"max_abs_error": 9e-5})
    with pytest.raises(ConvertError, match="off by"):
        proof.check_float({"max_abs_error": 1.1e-4})
