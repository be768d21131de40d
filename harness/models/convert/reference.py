"""What a network should compute, in plain numpy and float64: the judge of both writers.

Float64 keeps the differences between processors' linear algebra far below anything that is
rounded or compared here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.models.convert.feeds import Feeds
from harness.models.convert.layers import (
    Add,
    ArithmeticLayer,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Embedding,
    GlobalMean,
    ImageLayer,
    Layer,
    LayerNorm,
    MatMul,
    MaxPool,
    Network,
    Rearrangement,
    Reshape,
    Shift,
    Take,
    Transpose,
    Unary,
    same_padding,
    sources,
)

Doubles = NDArray[np.float64]


def run(network: Network, images: NDArray[Any]) -> Doubles:
    """The network's first output for a batch of its only input, such as images (NHWC)."""
    return run_all(network, {network.input_name: images})[network.output_name]


def run_all(network: Network, feeds: Feeds) -> dict[str, Doubles]:
    """Every output of the network, by name, for a batch of samples."""
    values: dict[str, Doubles] = {name: array.astype(np.float64) for name, array in feeds.items()}
    last_use = _last_use(network)
    for index, layer in enumerate(network.layers):
        values[layer.name] = apply(layer, values)
        for name in [name for name in values if last_use.get(name) == index]:
            del values[name]  # a batch of early feature maps is large
    return {name: values[name] for name in network.outputs}


def apply(layer: Layer, values: dict[str, Doubles]) -> Doubles:
    """One layer's output from the tensors computed so far."""
    first = values[sources(layer)[0]]
    if isinstance(layer, ImageLayer):
        return _image(layer, first)
    if isinstance(layer, ArithmeticLayer):
        return _arithmetic(layer, first, values)
    return _rearranged(layer, first, values)


def _image(layer: ImageLayer, images: Doubles) -> Doubles:
    match layer:
        case Conv():
            return _activated(_conv(images, layer.weights, layer.stride) + layer.bias, layer)
        case Depthwise():
            return _activated(_depthwise(images, layer.weights, layer.stride) + layer.bias, layer)
        case MaxPool():
            windows = _windows(images, layer.kernel, layer.stride, outside=-np.inf)
            return reduce(np.maximum, (pixels for _, _, pixels in windows))
        case GlobalMean():
            pooled: Doubles = images.mean(axis=(1, 2))
            return pooled


def _arithmetic(layer: ArithmeticLayer, first: Doubles, values: dict[str, Doubles]) -> Doubles:
    match layer:
        case Add() | Shift():
            return _sum(layer, first, values)
        case Dense():
            return first @ layer.weights.astype(np.float64) + layer.bias
        case Embedding():
            return layer.table.astype(np.float64)[first.astype(np.int64)]
        case Unary():
            return _unary(layer.kind, first)
        case LayerNorm():
            return _normal(layer, first)
        case MatMul():
            right = values[layer.right]
            return first @ (right.swapaxes(-1, -2) if layer.transposed else right)


def _normal(layer: LayerNorm, values: Doubles) -> Doubles:
    centred = values - values.mean(axis=-1, keepdims=True)
    variance: Doubles = (centred**2).mean(axis=-1, keepdims=True)
    normal: Doubles = centred / np.sqrt(variance + layer.epsilon)
    return normal * layer.scale + layer.shift


def _rearranged(layer: Rearrangement, first: Doubles, values: dict[str, Doubles]) -> Doubles:
    match layer:
        case Reshape():
            return first.reshape(len(first), *layer.shape)
        case Transpose():
            return first.transpose(0, *(axis + 1 for axis in layer.order))
        case Take():
            taken: Doubles = first[:, layer.index]
            return taken
        case Concat():
            return np.concatenate([values[name] for name in layer.sources], axis=layer.axis + 1)


def _sum(layer: Add | Shift, left: Doubles, values: dict[str, Doubles]) -> Doubles:
    if isinstance(layer, Shift):
        return left + layer.values
    return _activated(left + values[layer.right], layer)


def _activated(sums: Doubles, layer: Conv | Depthwise | Add) -> Doubles:
    if isinstance(layer, Conv | Depthwise) and layer.relu6:
        return np.clip(sums, 0, 6)
    relu = isinstance(layer, Conv | Add) and layer.relu
    return np.maximum(sums, 0) if relu else sums


def _unary(kind: Literal["gelu", "tanh", "softmax"], values: Doubles) -> Doubles:
    if kind == "tanh":
        return np.tanh(values)
    if kind == "softmax":
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        shares: Doubles = powers / powers.sum(axis=-1, keepdims=True)
        return shares
    from scipy.special import erf

    gelu: Doubles = values * (1 + erf(values / np.sqrt(2))) / 2
    return gelu


def _last_use(network: Network) -> dict[str, int]:
    """For each tensor that is no output, the index of the last layer that reads it."""
    last: dict[str, int] = {}
    for index, layer in enumerate(network.layers):
        last.update(dict.fromkeys(sources(layer), index))
    return {name: index for name, index in last.items() if name not in network.outputs}


def _conv(images: Doubles, weights: NDArray[Any], stride: int) -> Doubles:
    taps = weights.astype(np.float64)
    windows = _windows(images, weights.shape[0], stride)
    return reduce(np.add, (pixels @ taps[row, column] for row, column, pixels in windows))


def _depthwise(images: Doubles, weights: NDArray[Any], stride: int) -> Doubles:
    taps = weights.astype(np.float64)
    windows = _windows(images, weights.shape[0], stride)
    return reduce(np.add, (pixels * taps[row, column] for row, column, pixels in windows))


def _windows(
    images: Doubles, kernel: int, stride: int, outside: float = 0.0
) -> Iterator[tuple[int, int, Doubles]]:
    """For each element of the kernel, the pixels that it meets; ``outside`` is the padding."""
    spatial = images.shape[1:3]
    pads = [same_padding(size, kernel, stride) for size in spatial]
    padded = np.pad(images, [(0, 0), *pads, (0, 0)], constant_values=outside)
    reach = [(-(-size // stride) - 1) * stride + 1 for size in spatial]
    for row in range(kernel):
        for column in range(kernel):
            rows = slice(row, row + reach[0], stride)
            columns = slice(column, column + reach[1], stride)
            yield row, column, padded[:, rows, columns]
