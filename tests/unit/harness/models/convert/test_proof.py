from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.models.convert import ConvertError, proof
from harness.models.convert.inspection import Inspection, inspect
from harness.variant import ModelFormat

GOOD = Inspection({"int8": 900, "int32": 400}, {"int8": 5}, {"CONV_2D": 3}, {})
FIGURES = {"cosine_min": 0.99}


@pytest.fixture
def outputs() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 10))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    target, source = tmp_path / "target", tmp_path / "source"
    target.write_bytes(bytes(600_000))
    source.write_bytes(bytes(2_000_000))
    return target, source


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


def test_an_int8_file_passes(files: tuple[Path, Path]) -> None:
    assert proof.check_int8(FIGURES, GOOD, *files) == 0.3


@pytest.mark.parametrize(
    ("figures", "inspection", "size", "message"),
    [
        (FIGURES, Inspection({"float32": 900}, {}, {}, {}), 600_000, "only 0% of the weights"),
        (FIGURES, Inspection({"int8": 900}, {}, {}, {"MEAN": 1}), 600_000, "in float: 1 MEAN"),
        (FIGURES, GOOD, 900_000, "0.45 times its source's size"),
        ({"cosine_min": 0.5}, GOOD, 600_000, "cosine of 0.500"),
    ],
)
def test_what_is_not_called_int8(
    files: tuple[Path, Path],
    figures: dict[str, float],
    inspection: Inspection,
    size: int,
    message: str,
) -> None:
    files[0].write_bytes(bytes(size))
    with pytest.raises(ConvertError, match=message):
        proof.check_int8(figures, inspection, *files)


def test_inspection_of_real_models(shared_models: Path) -> None:
    quantized = inspect(shared_models / "vww_96_int8.tflite", ModelFormat.TFLITE)
    assert quantized.integer_share > 0.95
    assert quantized.float_operators == {}
    plain = inspect(shared_models / "vww_96_float.tflite", ModelFormat.TFLITE)
    assert plain.integer_share == 0
    assert plain.quantized_operators == {}
    assert inspect(shared_models / "mnist.onnx", ModelFormat.ONNX).integer_share == 0
