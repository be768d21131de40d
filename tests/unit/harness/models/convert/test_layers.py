from __future__ import annotations

import numpy as np
import pytest

from harness.models.convert.layers import Conv, Depthwise, Network, same_padding
from harness.models.convert.reference import run


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "wanted"),
    [
        (224, 3, 2, (0, 1)),  # even sizes with stride 2 pad at the end only
        (225, 3, 2, (1, 1)),
        (7, 3, 1, (1, 1)),
        (8, 5, 2, (1, 2)),
        (9, 1, 2, (0, 0)),
        (1, 3, 1, (1, 1)),
    ],
)
def test_same_padding(size: int, kernel: int, stride: int, wanted: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == wanted


def test_shapes(network: Network) -> None:
    shapes = network.shapes()
    assert shapes["stem"] == (6, 4, 4)
    assert shapes["shrink"] == (3, 2, 4)
    assert shapes["pool"] == (6,)
    assert shapes[network.output_name] == (7,)


def naive(image: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """The definition of a SAME convolution, element by element."""
    height, width, _ = image.shape
    kernel = weights.shape[0]
    (top, _), (left, _) = (same_padding(size, kernel, stride) for size in (height, width))
    out = np.zeros((-(-height // stride), -(-width // stride), weights.shape[-1]))
    for y, x, r, c in np.ndindex(*out.shape[:2], kernel, kernel):
        row, column = y * stride + r - top, x * stride + c - left
        if 0 <= row < height and 0 <= column < width:
            out[y, x] += image[row, column] @ weights[r, c]
    return out


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(5, 4), (1, 7), (6, 6)])
def test_reference_convolution(size: tuple[int, int], kernel: int, stride: int) -> None:
    rng = np.random.default_rng(kernel * 10 + stride)
    image = rng.normal(size=(*size, 2)).astype(np.float32)
    weights = rng.normal(size=(kernel, kernel, 2, 3)).astype(np.float32)
    layer = Conv("y", "x", weights, np.ones(3, np.float32), stride)
    got = run(Network("n", "x", (*size, 2), (layer,)), image[None])[0]
    np.testing.assert_allclose(got, naive(image, weights, stride) + 1, atol=1e-5)


def test_a_depthwise_layer_is_a_convolution_with_a_diagonal() -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(size=(6, 5, 3)).astype(np.float32)
    filters = rng.normal(size=(3, 3, 3)).astype(np.float32)
    layer = Depthwise("y", "x", filters, np.zeros(3, np.float32), 2)
    got = run(Network("n", "x", (6, 5, 3), (layer,)), image[None])[0]
    np.testing.assert_allclose(got, naive(image, filters[..., None] * np.eye(3), 2), atol=1e-5)


def test_relu6_clips_both_ends() -> None:
    weights = np.eye(3, dtype=np.float32)[None, None]
    layer = Conv("y", "x", weights, np.zeros(3, np.float32), relu6=True)
    image = np.array([[[[-1.0, 3.0, 9.0]]]], np.float32)
    assert run(Network("n", "x", (1, 1, 3), (layer,)), image).ravel().tolist() == [0.0, 3.0, 6.0]
