"""Feeds: what a network is given, as arrays by input name.

The first axis of every array counts samples, images are NHWC; a file's own layout is made where the
file is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Feeds = dict[str, NDArray[Any]]

_IMAGE_RANK = 4  #: samples, height, width, channels


def sample_count(feeds: Feeds) -> int:
    """How many samples there are."""
    return len(next(iter(feeds.values())))


def each_sample(feeds: Feeds) -> Iterator[Feeds]:
    """The samples one by one, each as a batch of one."""
    for index in range(sample_count(feeds)):
        yield {name: array[index : index + 1] for name, array in feeds.items()}


def channels_first(feeds: Feeds) -> Feeds:
    """The feeds as an ONNX file made here takes them: images NCHW, other tensors as they are.

    A user's own file takes its inputs as they are, whatever their rank.
    """
    return {
        name: array.transpose(0, 3, 1, 2) if array.ndim == _IMAGE_RANK else array
        for name, array in feeds.items()
    }


def digest_of(feeds: Feeds) -> str:
    """SHA-256 over names, types, shapes and values."""
    hashed = hashlib.sha256()
    for name, array in feeds.items():
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        hashed.update(f"{name}:{array.dtype.name}:{array.shape}\n".encode())
        hashed.update(little.tobytes())
    return hashed.hexdigest()
