"""MobileNetV2: inverted residuals with linear bottlenecks (Sandler et al. 2018, table 2).

Two choices keep a random network as calm as a trained one, where a small error at the input stays
a small error at the output: most of what reaches a ReLU6 is positive, and residual branches add a
little to their shortcut instead of drowning it. Without them the int8 outputs agree with the
float32 ones to a cosine of 0.6, with them to 0.99.
"""

from __future__ import annotations

from harness.models.convert.layers import Network
from harness.models.convert.seeded import NetworkSpec, SeededNetwork

#: Expansion factor, output channels, number of blocks, stride of the first block.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

_RELU6_MEAN = 1.0  #: batch normalisation's beta before a ReLU6
_BRANCH_GAMMA = 0.25  #: batch normalisation's gamma at the end of a residual branch


def build(spec: NetworkSpec) -> Network:
    """The network; ``parameters["width"]`` multiplies the number of channels.

    The output is logits, not probabilities: with 1000 classes a softmax would hide differences
    between files below any useful tolerance.
    """
    width = spec.parameters["width"]
    net = SeededNetwork(spec)
    stem = _channels(32 * width)
    tensor = net.conv(
        "stem", spec.input_name, stem, kernel=3, stride=2, relu6=True, beta=_RELU6_MEAN
    )
    number = 0
    for expansion, outputs, repeats, first_stride in _STAGES:
        for repeat in range(repeats):
            number += 1
            stride = first_stride if repeat == 0 else 1
            tensor = _block(net, number, tensor, expansion, _channels(outputs * width), stride)
    tensor = net.conv("head", tensor, _channels(1280 * max(1.0, width)), relu6=True)
    tensor = net.global_mean("pool", tensor)
    net.dense(spec.output_name, tensor, spec.outputs)
    return net.finish()


def _block(
    net: SeededNetwork, number: int, source: str, expansion: int, outputs: int, stride: int
) -> str:
    """Widen, filter, narrow; with a shortcut where input and output have one shape."""
    inputs = net.channels(source)
    residual = stride == 1 and inputs == outputs
    name = f"block{number:02d}"
    wide = source
    if expansion > 1:
        wide = net.conv(f"{name}_expand", source, inputs * expansion, relu6=True, beta=_RELU6_MEAN)
    filtered = net.depthwise(f"{name}_depthwise", wide, stride=stride, relu6=True, beta=_RELU6_MEAN)
    gamma = _BRANCH_GAMMA if residual else 1.0
    narrow = net.conv(f"{name}_project", filtered, outputs, gamma=gamma)
    net.forget(*{wide, filtered} - {source})
    return net.add(f"{name}_add", source, narrow) if residual else narrow


def _channels(wanted: float) -> int:
    """The multiple of eight nearest to ``wanted``, never more than a tenth below it."""
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
