"""ResNet-50: bottleneck blocks (He et al. 2016, table 1), with the stride in the 3 x 3 convolution
as all frameworks have it today.

As in :mod:`.mobilenet_v2`, residual branches add a little to their shortcut instead of drowning it,
which keeps a random network as calm as a trained one.
"""

from __future__ import annotations

from harness.models.convert.layers import Network
from harness.models.convert.seeded import NetworkSpec, SeededNetwork

#: Channels inside a block (four times as many leave it), number of blocks, stride of the first.
_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
_EXPANSION = 4

_RELU_MEAN = 0.5  #: batch normalisation's beta before a ReLU inside a block
_BRANCH_GAMMA = 0.25  #: batch normalisation's gamma at the end of a residual branch


def build(spec: NetworkSpec) -> Network:
    """The network; ``parameters["width"]`` multiplies the number of channels. Output is logits."""
    width = spec.parameters["width"]
    net = SeededNetwork(spec, shrunk=2)
    stem = net.conv("stem", spec.input_name, _channels(64 * width), kernel=7, stride=2, relu=True)
    net.forget(spec.input_name)
    tensor = net.max_pool("stem_pool", stem, kernel=3, stride=2)
    net.forget(stem)
    for stage, (inner, repeats, first_stride) in enumerate(_STAGES, start=1):
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            name = f"stage{stage}_block{repeat + 1}"
            tensor = _block(net, name, tensor, _channels(inner * width), stride, repeat == 0)
    tensor = net.global_mean("pool", tensor)
    net.dense(spec.output_name, tensor, spec.outputs)
    return net.finish()


def _block(
    net: SeededNetwork, name: str, source: str, inner: int, stride: int, is_first: bool
) -> str:
    """Narrow, filter, widen; a stage's first block has a convolution in its shortcut."""
    outputs = inner * _EXPANSION
    narrow = net.conv(f"{name}_reduce", source, inner, relu=True, beta=_RELU_MEAN)
    filtered = net.conv(
        f"{name}_filter", narrow, inner, kernel=3, stride=stride, relu=True, beta=_RELU_MEAN
    )
    wide = net.conv(f"{name}_expand", filtered, outputs, gamma=_BRANCH_GAMMA)
    shortcut = source
    if is_first:
        shortcut = net.conv(f"{name}_shortcut", source, outputs, stride=stride)
    result = net.add(f"{name}_add", shortcut, wide, relu=True)
    net.forget(*{source, shortcut, narrow, filtered, wide})
    return result


def _channels(wanted: float) -> int:
    """The multiple of eight nearest to ``wanted``, at least eight."""
    return max(8, int(wanted + 4) // 8 * 8)
