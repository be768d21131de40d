from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from harness.conductor.inputs import InputFactory
from harness.errors import CatalogueError
from harness.variant import TensorSpec

IMAGE = TensorSpec("image", "float32", (1, 4, 4, 3))


def test_the_same_seed_gives_the_same_bytes_named_by_their_digest(tmp_path: Path) -> None:
    (first,) = InputFactory(tmp_path / "a", seed=7).make((IMAGE,))
    (again,) = InputFactory(tmp_path / "b", seed=7).make((IMAGE,))
    (other,) = InputFactory(tmp_path / "b", seed=8).make((IMAGE,))
    assert first[0] == again[0] != other[0]
    data = first[1].read_bytes()
    assert hashlib.sha256(data).hexdigest() == first[0]
    assert len(data) == 4 * 48
    values = np.frombuffer(data, "<f4")
    assert 0 <= values.min() < values.max() < 1


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("int8", -128, 127), ("uint8", 0, 255), ("int64", 0, 1), ("int32", 0, 1), ("bool", 0, 1)],
)
def test_integers_are_valid_as_pixels_or_as_indices(
    tmp_path: Path, dtype: str, low: int, high: int
) -> None:
    ((_, path),) = InputFactory(tmp_path).make((TensorSpec("x", dtype, (10_000,)),))
    values = np.frombuffer(path.read_bytes(), dtype)
    assert (values.min(), values.max()) == (low, high)


def test_two_inputs_of_one_shape_differ(tmp_path: Path) -> None:
    spec = TensorSpec("x", "float32", (8,))
    made = InputFactory(tmp_path).make((spec, spec))
    assert made[0][0] != made[1][0]


def test_scalars_and_half_precision(tmp_path: Path) -> None:
    specs = (TensorSpec("sr", "int64", ()), TensorSpec("half", "float16", (3,)))
    sizes = [path.stat().st_size for _, path in InputFactory(tmp_path).make(specs)]
    assert sizes == [8, 6]


def test_a_users_arrays_are_taken_as_they_are(tmp_path: Path) -> None:
    array = np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)
    np.save(tmp_path / "image.npy", array)
    ((_, path),) = InputFactory(tmp_path / "made").make((IMAGE,), tmp_path)
    assert path.read_bytes() == array.tobytes()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no file"),
        (np.zeros((1, 4, 4, 3)), "holds float64"),
        (np.zeros((1, 4, 4), np.float32), r"holds float32 \[1, 4, 4\]"),
        (b"not an array", "no .npy array"),
        (np.array([{}], dtype=object), "no .npy array"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, content: object, problem: str) -> None:
    if isinstance(content, bytes):
        (tmp_path / "image.npy").write_bytes(content)
    elif content is not None:
        np.save(tmp_path / "image.npy", content, allow_pickle=True)
    with pytest.raises(CatalogueError, match=problem):
        InputFactory(tmp_path / "made").make((IMAGE,), tmp_path)


def test_values_nobody_can_make_up(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="inputs: FOLDER"):
        InputFactory(tmp_path).make((TensorSpec("text", "string", (1,)),))
