"""Seeded random inputs: for scaling weights, for calibration and for comparing outputs.

Each image mixes coarse blocks of colour, a brightness of its own and pixel noise, because uniform
noise alone makes all images look the same to a network that ends in a global mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.convert.feeds import Feeds
from harness.models.convert.layers import Floats
from harness.models.declaration import TensorDeclaration

_COARSE = 7  #: blocks of colour along each side of an image


def random_feeds(inputs: Sequence[TensorDeclaration], seed: int, count: int) -> Feeds:
    """``count`` samples for every input, within its declared range (or -1 to 1).

    The same arguments give the same bytes on every machine.
    """
    return {item.name: _random(item, seed, place, count) for place, item in enumerate(inputs)}


def _random(item: TensorDeclaration, seed: int, place: int, count: int) -> NDArray[Any]:
    low, high = item.range or (-1.0, 1.0)
    shape = item.shape[1:]
    if item.is_image:
        return random_images(seed, count, shape, low, high)
    rng = np.random.Generator(np.random.PCG64([seed, place]))
    if not item.dtype.startswith("float"):
        return rng.integers(int(low), int(high) + 1, (count, *shape)).astype(item.dtype)
    uniform = rng.random((count, *shape), dtype=np.float32)
    return np.float32(low) + uniform * np.float32(high - low)


def random_images(
    seed: int, count: int, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0
) -> Floats:
    """``count`` float32 images of ``shape`` (height, width, channels) within ``[low, high]``.

    The same arguments give the same bytes on every machine.
    """
    height, width, channels = shape
    rng = np.random.Generator(np.random.PCG64(seed))
    blocks = rng.random((count, _COARSE, _COARSE, channels), dtype=np.float32)
    rows = np.arange(height) * _COARSE // height
    columns = np.arange(width) * _COARSE // width
    coarse = blocks[:, rows][:, :, columns]
    noise = rng.random((count, *shape), dtype=np.float32)
    level = rng.random((count, 1, 1, channels), dtype=np.float32)
    mixed = (coarse * np.float32(2) + noise + level) / np.float32(4)
    return np.float32(low) + mixed * np.float32(high - low)


def digest(images: Floats) -> str:
    """SHA-256 of the images' raw bytes."""
    return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()
