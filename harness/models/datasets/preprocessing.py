"""The reference of preprocessing: raw 8-bit images to the tensor that a model file takes.

A wrong normalisation is the classic bug of on-device inference: the model runs, quickly, and
answers nonsense. ``tests/golden/preprocess`` holds vectors of raw bytes and tensor values; every
runner and app that preprocesses must match them.

Rules, in order:

1. resize with half-pixel centres: output pixel ``i`` samples the input at ``(i + 0.5) * in / out -
   0.5``. ``bilinear`` mixes the two neighbours per axis, clamped at the edges, without antialiasing
   (TensorFlow's ``half_pixel_centers=True``, ONNX Resize's default). ``nearest`` takes pixel
   ``floor((i + 0.5) * in / out)``;
2. ``(pixel / divide - mean) / std`` per channel, in float32;
3. for an integer tensor ``round(value / scale) + zero_point``, halves to the even neighbour (ONNX
   QuantizeLinear), clamped to the type's limits;
4. layout: NHWC as it is, or NCHW.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.declaration import BILINEAR, NEAREST, Preprocessing

Floats = NDArray[np.float32]


def preprocess(images: NDArray[Any], steps: Preprocessing, height: int, width: int) -> Floats:
    """Raw images ``(samples, h, w, channels)`` of any size as float32 ``(samples, height, width,
    channels)``.

    Raises :class:`ValueError` when the size differs and the family resizes nothing.
    """
    values = resize(images.astype(np.float32), steps.resize, height, width)
    mean, std = np.array(steps.mean, np.float32), np.array(steps.std, np.float32)
    scaled: Floats = (values / np.float32(steps.divide) - mean) / std
    return scaled


def resize(images: Floats, kind: str, height: int, width: int) -> Floats:
    """Images ``(samples, h, w, channels)`` with another height and width."""
    if images.shape[1:3] == (height, width):
        return images
    if kind == NEAREST:
        rows, columns = (
            _nearest(size, wanted)
            for size, wanted in zip(images.shape[1:3], (height, width), strict=True)
        )
        return images[:, rows][:, :, columns]
    if kind == BILINEAR:
        return _mixed(_mixed(images, 1, height), 2, width)
    raise ValueError(
        f"the images have {images.shape[1]} x {images.shape[2]} pixels, not {height} x {width}"
    )


def quantize(values: Floats, scale: float, zero_point: int, dtype: str) -> NDArray[Any]:
    """Floats as the integers of a quantized tensor."""
    limits = np.iinfo(dtype)
    steps = np.round(values / np.float32(scale)) + zero_point
    integers: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return integers


def dequantize(values: NDArray[Any], scale: float, zero_point: int) -> Floats:
    """The floats that a quantized tensor's integers stand for."""
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def channels_first(images: NDArray[Any]) -> NDArray[Any]:
    """NHWC to NCHW."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _nearest(size: int, wanted: int) -> NDArray[np.int64]:
    """``floor((i + 0.5) * size / wanted)`` in whole numbers, so that no rounding decides."""
    places = np.arange(wanted, dtype=np.int64)
    return (2 * places + 1) * size // (2 * wanted)


def _mixed(images: Floats, axis: int, wanted: int) -> Floats:
    """Linear interpolation along one axis."""
    size = images.shape[axis]
    at = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    shape = [1] * images.ndim
    shape[axis] = wanted
    share = (at - low).astype(np.float32).reshape(shape)
    lower, upper = images.take(low, axis), images.take(high, axis)
    mixed: Floats = lower + (upper - lower) * share
    return mixed
