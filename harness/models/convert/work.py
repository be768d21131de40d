"""How much a network computes."""

from __future__ import annotations

import math

from harness.models.convert.layers import Conv, Dense, Depthwise, MatMul, Network


def multiplications(network: Network) -> int:
    """Multiply-accumulates of one inference; FLOPs, where each counts twice, are the double.

    Convolutions, dense layers and products of matrices count; additions, pooling and activation
    functions do not, as in the tables of the networks' papers.
    """
    shapes, total = network.shapes(), 0
    for layer in network.layers:
        match layer:
            case Conv():
                height, width, outputs = shapes[layer.name]
                total += height * width * outputs * math.prod(layer.weights.shape[:3])
            case Depthwise():
                total += math.prod(shapes[layer.name]) * math.prod(layer.weights.shape[:2])
            case Dense():
                total += math.prod(shapes[layer.name]) * layer.weights.shape[0]
            case MatMul():
                total += math.prod(shapes[layer.name]) * shapes[layer.left][-1]
    return total
