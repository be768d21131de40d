"""Seeded weights that behave: He-scaled, with batch normalisation measured and folded in.

With random weights alone, activations die or explode within a few dozen layers, and quantizing
such a network tests nothing. So each layer's output is normalised per channel over a few seeded
images, as training would have done, and then scaled by ``gamma`` and moved by ``beta``.

Scales and shifts are measured in float64 and rounded to twelve bits, which keeps the last bits of
a machine's linear algebra out of the weights: the same seed gives the same bytes everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.models.convert import ConvertError
from harness.models.convert.inputs import random_images
from harness.models.convert.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    Floats,
    GlobalMean,
    Layer,
    MaxPool,
    Network,
    Shape,
)
from harness.models.convert.reference import Doubles, apply
from harness.models.datasets.dataset import Dataset

_IMAGES = 8  #: how many images the normalisation is measured on
_ROUNDING_BITS = 12


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What a builder is asked for; shapes are without the batch dimension.

    Input and output are the first ones: a builder of a network with several names the others
    itself.
    """

    name: str
    input_name: str
    input_shape: Shape
    input_range: tuple[float, float]
    output_name: str
    outputs: int
    seed: int
    parameters: dict[str, float]
    teacher: dict[str, float] | None = None  #: numbers of the network to learn from, if any
    training: Dataset | None = None  #: tensors and labels to train on, if there are any

    def whole(self, name: str) -> int:
        """A parameter that counts something; :class:`ConvertError` when it is no whole number."""
        value = self.parameters[name]
        if not float(value).is_integer():
            raise ConvertError(f"the parameter {name} is a whole number, not {value:g}")
        return int(value)


class SeededNetwork:
    """Adds layer after layer; each method returns the name of the new tensor.

    The normalisation of a large network is measured on images ``shrunk`` times smaller: a channel's
    mean and deviation hardly depend on the resolution, the time does by the square.
    """

    def __init__(self, spec: NetworkSpec, shrunk: int = 1) -> None:
        self._spec = spec
        self._rng = np.random.Generator(np.random.PCG64(spec.seed))
        height, width, channels = spec.input_shape
        shape = (-(-height // shrunk), -(-width // shrunk), channels)
        images = random_images(spec.seed, _IMAGES, shape, *spec.input_range)
        self._values: dict[str, Doubles] = {spec.input_name: images.astype(np.float64)}
        self._layers: list[Layer] = []

    def conv(
        self,
        name: str,
        source: str,
        outputs: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        relu6: bool = False,
        relu: bool = False,
        gamma: float = 1.0,
        beta: float = 0.0,
    ) -> str:
        """A convolution with batch normalisation folded in."""
        inputs = self.channels(source)
        weights = self._draw((kernel, kernel, inputs, outputs), fan_in=kernel * kernel * inputs)
        raw = Conv(name, source, weights, _zeros(outputs), stride)
        scale, shift = self._normalisation(raw, gamma, beta)
        return self._append(Conv(name, source, weights * scale, shift, stride, relu6, relu))

    def depthwise(
        self,
        name: str,
        source: str,
        *,
        kernel: int = 3,
        stride: int = 1,
        relu6: bool = False,
        beta: float = 0.0,
    ) -> str:
        """A depthwise convolution with batch normalisation folded in."""
        channels = self.channels(source)
        weights = self._draw((kernel, kernel, channels), fan_in=kernel * kernel)
        raw = Depthwise(name, source, weights, _zeros(channels), stride)
        scale, shift = self._normalisation(raw, 1.0, beta)
        return self._append(Depthwise(name, source, weights * scale, shift, stride, relu6))

    def max_pool(self, name: str, source: str, *, kernel: int, stride: int) -> str:
        """The largest value of each window."""
        return self._append(MaxPool(name, source, kernel, stride))

    def add(self, name: str, left: str, right: str, *, relu: bool = False) -> str:
        """A residual connection."""
        return self._append(Add(name, left, right, relu))

    def global_mean(self, name: str, source: str) -> str:
        """Global average pooling."""
        return self._append(GlobalMean(name, source))

    def dense(self, name: str, source: str, outputs: int) -> str:
        """A classifier whose logits have zero mean and unit variance over the seeded images."""
        inputs = self.channels(source)
        weights = self._draw((inputs, outputs), fan_in=inputs)
        raw = Dense(name, source, weights, _zeros(outputs))
        scale, shift = self._normalisation(raw, 1.0, 0.0)
        return self._append(Dense(name, source, weights * scale, shift))

    def finish(self) -> Network:
        """The network made of the layers added so far."""
        spec = self._spec
        return Network(spec.name, spec.input_name, spec.input_shape, tuple(self._layers))

    def channels(self, name: str) -> int:
        """How many channels a tensor has."""
        return int(self._values[name].shape[-1])

    def forget(self, *names: str) -> None:
        """Drop the measured values of tensors that no later layer reads."""
        for name in names:
            del self._values[name]

    def _append(self, layer: Layer) -> str:
        self._layers.append(layer)
        self._values[layer.name] = apply(layer, self._values)
        return layer.name

    def _draw(self, shape: tuple[int, ...], fan_in: int) -> Floats:
        """Uniform weights with He's variance ``2 / fan_in`` (He et al. 2015, equation 10)."""
        bound = np.float32(math.sqrt(6 / fan_in))
        return (self._rng.random(shape, dtype=np.float32) * 2 - 1) * bound

    def _normalisation(
        self, layer: Conv | Depthwise | Dense, gamma: float, beta: float
    ) -> tuple[Floats, Floats]:
        """Per output channel, the scale and shift that give deviation gamma and mean beta."""
        output = apply(layer, self._values)
        axes = tuple(range(output.ndim - 1))
        deviation = output.std(axis=axes)
        scale = _round_relative(gamma / np.where(deviation < 1e-6, 1, deviation))
        shift = _round_absolute(beta - output.mean(axis=axes) * scale)
        return scale.astype(np.float32), shift.astype(np.float32)


def _zeros(count: int) -> Floats:
    return np.zeros(count, np.float32)


def _round_relative(values: Doubles) -> Doubles:
    """``values`` with the mantissa cut to twelve bits."""
    mantissa, exponent = np.frexp(values)
    rounded: Doubles = np.ldexp(_round_absolute(mantissa), exponent)
    return rounded


def _round_absolute(values: Doubles) -> Doubles:
    """``values`` to the nearest multiple of 2**-12."""
    rounded: Doubles = np.round(values * 2**_ROUNDING_BITS) / 2**_ROUNDING_BITS
    return rounded
