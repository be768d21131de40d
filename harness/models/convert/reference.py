"""What a network should compute, in plain numpy and float64: the judge of both writers.

Float64 keeps the differences between processors' linear algebra far below anything that is
rounded or compared here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.convert.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalMean,
    Layer,
    Network,
    same_padding,
)

Doubles = NDArray[np.float64]


def run(network: Network, images: NDArray[Any]) -> Doubles:
    """The network's output for a batch of images (NHWC)."""
    values: dict[str, Doubles] = {network.input_name: images.astype(np.float64)}
    last_use = _last_use(network)
    for index, layer in enumerate(network.layers):
        values[layer.name] = apply(layer, values)
        for name in [name for name in values if last_use.get(name) == index]:
            del values[name]  # a batch of early feature maps is large
    return values[network.output_name]


def apply(layer: Layer, values: dict[str, Doubles]) -> Doubles:
    """One layer's output from the tensors computed so far."""
    match layer:
        case Conv():
            sums = _conv(values[layer.source], layer.weights, layer.stride) + layer.bias
            return np.clip(sums, 0, 6) if layer.relu6 else sums
        case Depthwise():
            sums = _depthwise(values[layer.source], layer.weights, layer.stride) + layer.bias
            return np.clip(sums, 0, 6) if layer.relu6 else sums
        case Add():
            return values[layer.left] + values[layer.right]
        case GlobalMean():
            pooled: Doubles = values[layer.source].mean(axis=(1, 2))
            return pooled
        case Dense():
            return values[layer.source] @ layer.weights.astype(np.float64) + layer.bias


def _last_use(network: Network) -> dict[str, int]:
    last: dict[str, int] = {}
    for index, layer in enumerate(network.layers):
        sources = (layer.left, layer.right) if isinstance(layer, Add) else (layer.source,)
        last.update(dict.fromkeys(sources, index))
    return last


def _conv(images: Doubles, weights: NDArray[Any], stride: int) -> Doubles:
    taps = weights.astype(np.float64)
    windows = _windows(images, weights.shape[0], stride)
    return reduce(np.add, (pixels @ taps[row, column] for row, column, pixels in windows))


def _depthwise(images: Doubles, weights: NDArray[Any], stride: int) -> Doubles:
    taps = weights.astype(np.float64)
    windows = _windows(images, weights.shape[0], stride)
    return reduce(np.add, (pixels * taps[row, column] for row, column, pixels in windows))


def _windows(images: Doubles, kernel: int, stride: int) -> Iterator[tuple[int, int, Doubles]]:
    """For each element of the kernel, the pixels that it meets."""
    spatial = images.shape[1:3]
    pads = [same_padding(size, kernel, stride) for size in spatial]
    padded = np.pad(images, [(0, 0), *pads, (0, 0)])
    reach = [(-(-size // stride) - 1) * stride + 1 for size in spatial]
    for row in range(kernel):
        for column in range(kernel):
            rows = slice(row, row + reach[0], stride)
            columns = slice(column, column + reach[1], stride)
            yield row, column, padded[:, rows, columns]
