"""Seeded random images: for scaling weights, for calibration and for comparing outputs.

Each image mixes coarse blocks of colour, a brightness of its own and pixel noise, because uniform
noise alone makes all images look the same to a network that ends in a global mean.
"""

from __future__ import annotations

import hashlib

import numpy as np

from harness.models.convert.layers import Floats

_COARSE = 7  #: blocks of colour along each side of an image


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
