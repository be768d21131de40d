from __future__ import annotations

import numpy as np
import pytest

from harness.errors import CatalogueError
from harness.models.inference import real_outputs, stored_inputs
from harness.variant import TensorSpec

FLOAT = TensorSpec("x", "float32", (1, 3))
INT8 = TensorSpec("x", "int8", (1, 3), 0.5, -1)


def test_integers_by_scale_and_zero_point() -> None:
    (stored,) = stored_inputs([INT8], {"x": np.array([[0.0, 1.0, -1.2], [1000.0, -1000.0, 0.25]])})
    assert stored.dtype == np.int8
    assert stored.tolist() == [[[-1, 1, -3]], [[127, -128, -1]]]
    (real,) = real_outputs([INT8], [np.array([[-1, 1, 3]], np.int8)])
    assert real.tolist() == [[0.0, 1.0, 2.0]]


def test_integers_without_a_scale_stay_what_they_are() -> None:
    ids = TensorSpec("ids", "int64", (1, 2))
    (stored,) = stored_inputs([ids], {"ids": np.array([[1, 2]], np.int32)})
    assert (stored.dtype, stored.tolist()) == (np.int64, [[[1, 2]]])
    (real,) = real_outputs([ids], [np.array([[3, 4]])])
    assert real.tolist() == [[3.0, 4.0]]


def test_inputs_by_order_where_names_are_others() -> None:
    (stored,) = stored_inputs([FLOAT], {"serving_default_x:0": np.zeros((4, 3), np.float32)})
    assert stored.shape == (4, 1, 3)


def test_a_tensor_without_a_batch() -> None:
    state = TensorSpec("state", "float32", (2, 1, 4))
    (stored,) = stored_inputs([state], {"state": np.zeros((5, 2, 1, 4), np.float32)})
    assert stored.shape == (5, 2, 1, 4)


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({"x": np.zeros((4, 5))}, r"wants the shape \[1, 3\], the samples have \[5\]"),
        ({"a": np.zeros((4, 3)), "b": np.zeros((4, 3))}, "have 2 inputs, the model wants x"),
    ],
)
def test_what_does_not_fit(feeds: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        stored_inputs([FLOAT], feeds)
