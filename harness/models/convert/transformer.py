"""Attention blocks with seeded weights, for the encoder and the decoder.

Layer normalisation keeps random activations as they would be after training, so nothing has to be
measured: weights are uniform with variance ``1 / fan_in`` (LeCun et al. 1998), and the last layer
of each residual branch is scaled down so that the branch adds a little to its shortcut.
"""

from __future__ import annotations

import math

import numpy as np

from harness.models.convert import ConvertError
from harness.models.convert.layers import (
    Add,
    Concat,
    Dense,
    Embedding,
    Floats,
    Input,
    Layer,
    LayerNorm,
    MatMul,
    Network,
    Reshape,
    Shift,
    Take,
    Transpose,
    Unary,
)
from harness.models.convert.seeded import NetworkSpec

_BRANCH_GAIN = 0.5  #: of the last weights of a residual branch
_FEED_FORWARD = 4  #: times the width, inside a block
#: Added to the score of a masked place. exp(-30) is 1e-13, nothing beside a real score in float32,
#: where the usual -10000 would leave an 8-bit tensor of scores no step for the others.
_MASKED = -30.0


class Transformer:
    """Adds layer after layer; each method returns the name of the new tensor."""

    def __init__(self, spec: NetworkSpec) -> None:
        self.layers, self.width, self.heads = map(spec.whole, ("layers", "width", "heads"))
        self.vocabulary, self.window = map(spec.whole, ("vocabulary", "window"))
        if self.width % self.heads:
            raise ConvertError(f"a width of {self.width} is not divided by {self.heads} heads")
        self.head_width = self.width // self.heads
        self._spec = spec
        self._rng = np.random.Generator(np.random.PCG64(spec.seed))
        self._parts: list[Layer] = []

    def finish(
        self, first: Input, further: tuple[Input, ...], further_outputs: tuple[str, ...] = ()
    ) -> Network:
        """The network made of the layers added so far."""
        return Network(
            self._spec.name,
            first.name,
            first.shape,
            tuple(self._parts),
            first.dtype,
            further,
            further_outputs,
        )

    def embedding(self, name: str, source: str, entries: int) -> str:
        """Unit-variance rows for integers."""
        return self._append(Embedding(name, source, self._draw((entries, self.width), 1)))

    def mask_bias(self, name: str, source: str, places: int) -> str:
        """0 for a one and a large negative number for a zero, for each of ``places``.

        A table of two rows does it without turning integers into floats, which not every
        quantizer can.
        """
        table = np.array([[_MASKED], [0.0]], np.float32)
        column = self._append(Embedding(f"{name}_column", source, table))
        return self._append(Reshape(name, column, (1, 1, places)))

    def norm(self, name: str, source: str) -> str:
        """Layer normalisation as it is at the start of training."""
        ones, zeros = np.ones(self.width, np.float32), np.zeros(self.width, np.float32)
        return self._append(LayerNorm(name, source, ones, zeros))

    def dense(self, name: str, source: str, inputs: int, outputs: int, gain: float = 1.0) -> str:
        """A fully connected layer; biases are small and seeded."""
        weights = self._draw((inputs, outputs), inputs) * np.float32(gain)
        bias = self._draw((outputs,), 100)
        return self._append(Dense(name, source, weights, bias))

    def add(self, name: str, left: str, right: str) -> str:
        """An element-wise sum."""
        return self._append(Add(name, left, right))

    def shifted(self, name: str, source: str, length: int) -> str:
        """Plus a constant of its own for each of ``length`` places."""
        values = self._draw((length, self.width), 1)
        return self._append(Shift(name, source, values))

    def take(self, name: str, source: str, index: int) -> str:
        """One element along the first axis."""
        return self._append(Take(name, source, index))

    def tanh(self, name: str, source: str) -> str:
        """The hyperbolic tangent."""
        return self._append(Unary(name, source, "tanh"))

    def concat(self, name: str, sources: tuple[str, ...], axis: int) -> str:
        """Tensors one behind the other."""
        return self._append(Concat(name, sources, axis))

    def reshape(self, name: str, source: str, *shape: int) -> str:
        """The same elements in another shape."""
        return self._append(Reshape(name, source, shape))

    def heads_of(self, name: str, source: str, length: int, gain: float = 1.0) -> str:
        """A projection of ``(length, width)`` as ``(heads, length, head width)``."""
        projected = self.dense(f"{name}_projection", source, self.width, self.width, gain)
        split = self.reshape(f"{name}_split", projected, length, self.heads, self.head_width)
        return self._append(Transpose(name, split, (1, 0, 2)))

    def query(self, name: str, source: str, length: int) -> str:
        """:meth:`heads_of`; the scale of attention, ``1 / sqrt(head width)``, is in its weights."""
        return self.heads_of(name, source, length, gain=1 / math.sqrt(self.head_width))

    def attention(
        self, name: str, query: str, keys: str, values: str, bias: str, length: int
    ) -> str:
        """Scaled dot-product attention (Vaswani et al. 2017) and the projection of its result."""
        scores = self._append(MatMul(f"{name}_products", query, keys, transposed=True))
        masked = self.add(f"{name}_scores", scores, bias)
        shares = self._append(Unary(f"{name}_shares", masked, "softmax"))
        found = self._append(MatMul(f"{name}_found", shares, values))
        together = self._append(Transpose(f"{name}_together", found, (1, 0, 2)))
        flat = self.reshape(f"{name}_flat", together, length, self.width)
        return self.dense(f"{name}_output", flat, self.width, self.width, _BRANCH_GAIN)

    def feed_forward(self, name: str, source: str) -> str:
        """Widen, GELU, narrow."""
        inner = self.width * _FEED_FORWARD
        wide = self.dense(f"{name}_widen", source, self.width, inner)
        active = self._append(Unary(f"{name}_gelu", wide, "gelu"))
        return self.dense(f"{name}_narrow", active, inner, self.width, _BRANCH_GAIN)

    def _append(self, layer: Layer) -> str:
        self._parts.append(layer)
        return layer.name

    def _draw(self, shape: tuple[int, ...], fan_in: int) -> Floats:
        """Uniform weights with the variance ``1 / fan_in``."""
        bound = np.float32(math.sqrt(3 / fan_in))
        return (self._rng.random(shape, dtype=np.float32) * 2 - 1) * bound
