"""Training a small convolutional classifier in plain numpy, the same way each time.

Adam on the cross entropy, in float32. The order of the samples and the first weights come from a
seed. A student also learns from a teacher's answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.convert.layers import Floats, same_padding

_KERNEL = 3
_FIRST_BIAS = 0.1  #: a little above zero, so that no channel starts silent


@dataclass(frozen=True, slots=True)
class Schedule:
    """How to train: ``rate`` falls to zero along a cosine over ``epochs``.

    A student minimises ``teacher_share`` of the cross entropy with the teacher's answers, softened
    by ``temperature`` (Hinton et al. 2015), and the rest of that with the labels.
    """

    epochs: int
    seed: int
    batch: int = 32
    rate: float = 0.01
    temperature: float = 3.0
    teacher_share: float = 0.8


class Convolution:
    """A 3 x 3 convolution with SAME padding and ReLU6; ``weights`` are ``(9 * in, out)``."""

    def __init__(self, inputs: int, outputs: int, stride: int, rng: np.random.Generator) -> None:
        fan_in = _KERNEL * _KERNEL * inputs
        self.stride = stride
        self.weights = _drawn(rng, (fan_in, outputs), fan_in)
        self.bias: Floats = np.full(outputs, _FIRST_BIAS, np.float32)
        self._shape: tuple[int, ...] = ()
        self._columns: Floats = np.zeros(0, np.float32)
        self._passes: NDArray[np.bool_] = np.zeros(0, np.bool_)

    @property
    def kernel(self) -> Floats:
        """The weights as ``(3, 3, in, out)``."""
        return self.weights.reshape(_KERNEL, _KERNEL, -1, self.weights.shape[1])

    def forward(self, images: Floats) -> Floats:
        """The activations, remembering what :meth:`backward` needs."""
        self._shape = images.shape
        self._columns = np.concatenate(list(_windows(_padded(images, self.stride), self)), axis=-1)
        sums = self._columns @ self.weights + self.bias
        self._passes = (sums > 0) & (sums < 6)
        activations: Floats = np.clip(sums, 0, 6)
        return activations

    def backward(self, gradient: Floats) -> tuple[Floats, list[Floats]]:
        """The gradients of the images and of weights and bias."""
        inner = gradient * self._passes
        flat = inner.reshape(-1, inner.shape[-1])
        of_weights = self._columns.reshape(len(flat), -1).T @ flat
        parts = np.split(inner @ self.weights.T, _KERNEL * _KERNEL, axis=-1)
        padded = np.zeros_like(_padded(np.zeros(self._shape, np.float32), self.stride))
        for window, part in zip(_windows(padded, self), parts, strict=True):
            window[...] += part  # a view: each pixel gathers from every window that saw it
        (top, _), (left, _) = _pads(self._shape, self.stride)
        height, width = self._shape[1:3]
        images = padded[:, top : top + height, left : left + width]
        return images, [of_weights, flat.sum(axis=0)]


@dataclass(slots=True)
class Classifier:
    """Convolutions, the mean over the image, and one fully connected layer."""

    convolutions: Sequence[Convolution]
    weights: Floats
    bias: Floats
    _features: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    _shape: tuple[int, ...] = ()

    def forward(self, images: Floats) -> Floats:
        """Logits."""
        for step in self.convolutions:
            images = step.forward(images)
        self._shape = images.shape
        self._features = images.mean(axis=(1, 2))
        logits: Floats = self._features @ self.weights + self.bias
        return logits

    def backward(self, gradient: Floats) -> list[Floats]:
        """The gradients of :meth:`parameters`, in their order."""
        found = [gradient.sum(axis=0), self._features.T @ gradient]
        _, height, width, _ = self._shape
        features = gradient @ self.weights.T / np.float32(height * width)
        images = np.broadcast_to(features[:, np.newaxis, np.newaxis], self._shape)
        for step in reversed(self.convolutions):
            images, (weights, bias) = step.backward(images)
            found += [bias, weights]
        return found[::-1]

    def parameters(self) -> list[Floats]:
        """Every array that is trained, in the order of the layers."""
        pairs = [(step.weights, step.bias) for step in self.convolutions]
        return [array for pair in (*pairs, (self.weights, self.bias)) for array in pair]


def classifier(shapes: Sequence[tuple[int, int, int]], classes: int, seed: int) -> Classifier:
    """An untrained network; ``shapes`` are the inputs, outputs and stride of each convolution."""
    rng = np.random.Generator(np.random.PCG64(seed))
    steps = [Convolution(inputs, outputs, stride, rng) for inputs, outputs, stride in shapes]
    features = shapes[-1][1]
    weights = _drawn(rng, (features, classes), features)
    return Classifier(steps, weights, np.zeros(classes, np.float32))


def train(
    model: Classifier,
    images: Floats,
    labels: NDArray[np.int64],
    schedule: Schedule,
    teacher: Floats | None = None,
) -> None:
    """Train in place; ``teacher`` holds a teacher's logits for the images, if there is one."""
    rng = np.random.Generator(np.random.PCG64(schedule.seed))
    optimiser = _Adam(model.parameters())
    steps = -(-len(images) // schedule.batch) * schedule.epochs
    done = 0
    for _ in range(schedule.epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(images), schedule.batch):
            chosen = order[start : start + schedule.batch]
            rate = schedule.rate * (1 + math.cos(math.pi * done / steps)) / 2
            logits = model.forward(images[chosen])
            gradient = _hard(logits, labels[chosen])
            if teacher is not None:
                share = np.float32(schedule.teacher_share)
                soft = _soft(logits, teacher[chosen], schedule.temperature)
                gradient = (1 - share) * gradient + share * soft
            optimiser.step(model.backward(gradient / np.float32(len(chosen))), rate)
            done += 1


class _Adam:
    """Adam (Kingma and Ba 2015) with the paper's constants."""

    _FIRST, _SECOND, _TINY = np.float32(0.9), np.float32(0.999), np.float32(1e-8)

    def __init__(self, parameters: list[Floats]) -> None:
        self._parameters = parameters
        self._means = [np.zeros_like(array) for array in parameters]
        self._squares = [np.zeros_like(array) for array in parameters]
        self._steps = 0

    def step(self, gradients: list[Floats], rate: float) -> None:
        self._steps += 1
        unbias = math.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps)
        stride = np.float32(rate * unbias)
        moments = zip(self._parameters, gradients, self._means, self._squares, strict=True)
        for array, gradient, mean, square in moments:
            mean[...] += (1 - self._FIRST) * (gradient - mean)
            square[...] += (1 - self._SECOND) * (gradient * gradient - square)
            array[...] -= stride * mean / (np.sqrt(square) + self._TINY)


def _hard(logits: Floats, labels: NDArray[np.int64]) -> Floats:
    """The gradient of the cross entropy with the labels."""
    gradient = softmax(logits)
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient


def _soft(logits: Floats, teacher: Floats, temperature: float) -> Floats:
    """The gradient of the softened cross entropy, times ``temperature`` squared as in the paper."""
    heat = np.float32(temperature)
    return (softmax(logits / heat) - softmax(teacher / heat)) * heat


def softmax(logits: Floats) -> Floats:
    """Shares that sum to one along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Floats:
    """Uniform with He's variance ``2 / fan_in``."""
    bound = np.float32(np.sqrt(6 / fan_in))
    return (rng.random(shape, dtype=np.float32) * 2 - 1) * bound


def _pads(shape: tuple[int, ...], stride: int) -> list[tuple[int, int]]:
    return [same_padding(size, _KERNEL, stride) for size in shape[1:3]]


def _padded(images: Floats, stride: int) -> Floats:
    return np.pad(images, [(0, 0), *_pads(images.shape, stride), (0, 0)])


def _windows(padded: Floats, step: Convolution) -> Any:
    """For each element of the kernel, a view of the pixels that it meets."""
    stride = step.stride
    rows, columns = (size - _KERNEL + 1 for size in padded.shape[1:3])
    for row in range(_KERNEL):
        for column in range(_KERNEL):
            yield padded[:, row : row + rows : stride, column : column + columns : stride]
