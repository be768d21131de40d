"""Structured pruning: removes whole channels of convolutions, and with them the work they cost.

Channels that belong together form a group: what a convolution makes, what depthwise layers and
pooling do to it, and everything it is added to. A group is pruned as one, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.convert import ConvertError
from harness.models.convert.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalMean,
    Layer,
    MaxPool,
    Network,
    Unary,
    sources,
)

_Scores = NDArray[np.float64]
_Kept = dict[str, NDArray[np.intp]]  #: indices of the channels that stay, by group


def prune(
    network: Network, *, ratio: float, importance: str, steps: int, tied: str
) -> tuple[Network, dict[str, Any]]:
    """The network without the ``ratio`` least important channels of each group, and a report.

    With several ``steps`` the rest is judged anew after each. ``tied`` is ``prune`` or ``keep``:
    what happens to groups that meet in an Add. Raises :class:`ConvertError` when no group can be
    pruned.
    """
    groups = _Groups(network, prune_tied=tied == "prune")
    before = groups.sizes(network)
    if not before:
        reasons = "; ".join(sorted(set(groups.refused.values()))[:3]) or "it has no convolutions"
        raise ConvertError(f"no channels can be pruned: {reasons}")
    for step in range(1, steps + 1):
        kept = {
            group: _best(
                _group_scores(network, groups, group, _IMPORTANCE[importance]),
                max(1, size - int(size * ratio * step / steps)),
            )
            for group, size in before.items()
        }
        network = _without(network, groups, kept)
    report = {
        "groups": [
            {"layers": groups.makers(network, group), "before": size, "after": after}
            for (group, size), after in zip(
                before.items(), groups.sizes(network).values(), strict=True
            )
        ],
        "kept": groups.refused,
    }
    return network, report


class _Groups:
    """Which tensors share their channels, and which groups must stay as they are."""

    def __init__(self, network: Network, *, prune_tied: bool) -> None:
        self._parent: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        shapes = network.shapes()
        for item in network.inputs:
            self._freeze(item.name, "is an input of the network")
        for layer in network.layers:
            self._join(layer, shapes, prune_tied=prune_tied)
        for name in network.outputs:
            self._freeze(name, "is an output of the network")
        self.refused = {
            layer.name: reason
            for layer in network.layers
            if isinstance(layer, Conv) and (reason := self._reason(self.of(layer.name)))
        }

    def of(self, tensor: str) -> str:
        """The group of a tensor's channels."""
        while (parent := self._parent.get(tensor, tensor)) != tensor:
            tensor = parent
        return tensor

    def makers(self, network: Network, group: str) -> list[str]:
        """The convolutions that make a group's channels."""
        return [
            layer.name
            for layer in network.layers
            if isinstance(layer, Conv) and self.of(layer.name) == group
        ]

    def sizes(self, network: Network) -> dict[str, int]:
        """How many channels each group that can be pruned has."""
        return {
            self.of(layer.name): len(layer.bias)
            for layer in network.layers
            if isinstance(layer, Conv) and not self._reason(self.of(layer.name))
        }

    def _join(self, layer: Layer, shapes: dict[str, Any], *, prune_tied: bool) -> None:
        match layer:
            case Conv():
                pass
            case Depthwise() | MaxPool() | GlobalMean():
                self._union(layer.name, layer.source)
            case Unary(kind="gelu" | "tanh"):
                self._union(layer.name, layer.source)
            case Add() if shapes[layer.left] == shapes[layer.right]:
                self._union(layer.name, layer.left)
                self._union(layer.name, layer.right)
                if not prune_tied:
                    self._freeze(layer.name, f"meets another group in the Add {layer.name!r}")
            case Dense():
                self._freeze(layer.name, "is made by a dense layer")
            case _:
                kind = type(layer).__name__
                self._freeze(layer.name, f"comes from the {kind} {layer.name!r}")
                for source in sources(layer):
                    self._freeze(source, f"feeds the {kind} {layer.name!r}")

    def _union(self, one: str, other: str) -> None:
        self._parent[self.of(one)] = self.of(other)

    def _freeze(self, tensor: str, reason: str) -> None:
        self._reasons.setdefault(tensor, reason)

    def _reason(self, group: str) -> str | None:
        found = (reason for name, reason in self._reasons.items() if self.of(name) == group)
        return next(found, None)


def _group_scores(
    network: Network, groups: _Groups, group: str, score: Callable[[NDArray[Any]], _Scores]
) -> _Scores:
    """How important each channel of a group is; every convolution in it has one vote."""
    votes = [
        score(layer.weights.reshape(-1, layer.weights.shape[-1]).T.astype(np.float64))
        for layer in network.layers
        if isinstance(layer, Conv) and groups.of(layer.name) == group
    ]
    return np.sum([vote / max(float(vote.mean()), 1e-30) for vote in votes], axis=0)  # type: ignore[no-any-return]


def _l1(filters: NDArray[Any]) -> _Scores:
    """Sum of absolute weights (Li et al. 2017)."""
    return np.asarray(np.abs(filters).sum(axis=1))


def _l2(filters: NDArray[Any]) -> _Scores:
    """Euclidean norm."""
    return np.asarray(np.linalg.norm(filters, axis=1))


def _geometric_median(filters: NDArray[Any]) -> _Scores:
    """Sum of the distances to all other filters: what lies in the middle of the others can be

    replaced by them (He et al. 2019, equation 6).
    """
    return np.array([np.linalg.norm(filters - one, axis=1).sum() for one in filters])


_IMPORTANCE: dict[str, Callable[[NDArray[Any]], _Scores]] = {
    "l1": _l1,
    "l2": _l2,
    "geometric-median": _geometric_median,
}


def _best(scores: _Scores, count: int) -> NDArray[np.intp]:
    """The most important channels in their old order; of equals the first."""
    order = np.argsort(-scores, kind="stable")[:count]
    return np.sort(order)


def _without(network: Network, groups: _Groups, kept: _Kept) -> Network:
    return replace(network, layers=tuple(_slimmed(network, groups, kept)))


def _slimmed(network: Network, groups: _Groups, kept: _Kept) -> Iterator[Layer]:
    everything = slice(None)
    for layer in network.layers:
        out: Any = kept.get(groups.of(layer.name), everything)
        into: Any = kept.get(groups.of(sources(layer)[0]), everything)
        match layer:
            case Conv():
                weights = layer.weights[:, :, into][:, :, :, out]
                yield replace(layer, weights=weights, bias=layer.bias[out])
            case Depthwise():
                yield replace(layer, weights=layer.weights[:, :, out], bias=layer.bias[out])
            case Dense():
                yield replace(layer, weights=layer.weights[into])
            case _:
                yield layer
