"""Channels that are pruned are really gone, from every layer that shares them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.models.convert import ConvertError
from harness.models.convert.layers import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    GlobalMean,
    Network,
)
from harness.models.convert.prune import prune
from harness.models.convert.reference import run
from harness.models.convert.work import multiplications

DEFAULTS = {"ratio": 0.5, "importance": "l1", "steps": 1, "tied": "prune"}


def conv(name: str, source: str, weights: np.ndarray) -> Conv:
    return Conv(name, source, weights.astype(np.float32), np.zeros(weights.shape[-1], np.float32))


def chain(middle: np.ndarray) -> Network:
    """image -> a (4 channels) -> depthwise -> b -> mean -> logits."""
    rng = np.random.default_rng(0)
    return Network(
        "chain",
        "image",
        (6, 6, 2),
        (
            conv("a", "image", middle),
            Depthwise("d", "a", np.ones((3, 3, 4), np.float32), np.zeros(4, np.float32)),
            conv("b", "d", rng.normal(size=(1, 1, 4, 6))),
            GlobalMean("mean", "b"),
            Dense("logits", "mean", np.ones((6, 3), np.float32), np.zeros(3, np.float32)),
        ),
    )


def with_scales(*scales: float) -> np.ndarray:
    weights = np.random.default_rng(1).normal(size=(3, 3, 2, 4))
    weights /= np.abs(weights).sum(axis=(0, 1, 2))
    return weights * np.array(scales)


def test_the_weakest_channels_go_and_nothing_else_changes() -> None:
    """Without channels that carry nothing the network computes the same with less work."""
    network = chain(with_scales(1, 0, 2, 0))
    keep_b = replace(network.layers[2], weights=network.layers[2].weights)
    network = replace(network, layers=(*network.layers[:2], keep_b, *network.layers[3:]))
    pruned, report = prune(network, **DEFAULTS)
    a, d, b, _, logits = pruned.layers
    assert a.weights.shape == (3, 3, 2, 2)
    assert d.weights.shape == (3, 3, 2)
    assert b.weights.shape == (1, 1, 2, 3)
    assert logits.weights.shape == (3, 3)
    np.testing.assert_array_equal(a.weights, network.layers[0].weights[..., [0, 2]])
    assert multiplications(pruned) < multiplications(network) / 1.9
    groups = {
        tuple(group["layers"]): (group["before"], group["after"]) for group in report["groups"]
    }
    assert groups == {("a",): (4, 2), ("b",): (6, 3)}


def test_dead_channels_can_go_without_a_trace() -> None:
    network = chain(with_scales(1, 0, 2, 0))
    only_a = replace(network, layers=network.layers[:3])  # b is the output, so it stays
    pruned, report = prune(only_a, **DEFAULTS)
    image = np.random.default_rng(2).normal(size=(2, 6, 6, 2))
    np.testing.assert_allclose(run(pruned, image), run(only_a, image), atol=1e-6)
    assert report["kept"] == {"b": "is an output of the network"}


def residual(*, concat: bool = False) -> Network:
    rng = np.random.default_rng(3)
    join = Concat("join", ("a", "b"), 2) if concat else Add("join", "a", "b")
    width = 16 if concat else 8
    return Network(
        "residual",
        "image",
        (6, 6, 2),
        (
            conv("a", "image", rng.normal(size=(3, 3, 2, 8))),
            conv("inner", "a", rng.normal(size=(1, 1, 8, 12))),
            conv("b", "inner", rng.normal(size=(3, 3, 12, 8))),
            join,
            conv("c", "join", rng.normal(size=(1, 1, width, 5))),
            GlobalMean("mean", "c"),
            Dense("logits", "mean", np.ones((5, 3), np.float32), np.zeros(3, np.float32)),
        ),
    )


def test_tied_channels_are_pruned_alike() -> None:
    pruned, report = prune(residual(), **DEFAULTS)
    widths = {layer.name: len(layer.bias) for layer in pruned.layers if isinstance(layer, Conv)}
    assert widths == {"a": 4, "inner": 6, "b": 4, "c": 3}
    assert sorted(report["groups"][0]["layers"]) == ["a", "b"]
    assert run(pruned, np.ones((1, 6, 6, 2))).shape == (1, 3)


def test_tied_channels_can_be_kept_with_the_reason() -> None:
    pruned, report = prune(residual(), **{**DEFAULTS, "tied": "keep"})
    widths = {layer.name: len(layer.bias) for layer in pruned.layers if isinstance(layer, Conv)}
    assert widths == {"a": 8, "inner": 6, "b": 8, "c": 3}
    assert report["kept"]["a"] == "meets another group in the Add 'join'"


def test_what_feeds_a_concat_is_kept_with_the_reason() -> None:
    pruned, report = prune(residual(concat=True), **DEFAULTS)
    widths = {layer.name: len(layer.bias) for layer in pruned.layers if isinstance(layer, Conv)}
    assert widths == {"a": 8, "inner": 6, "b": 8, "c": 3}
    assert report["kept"] == dict.fromkeys(("a", "b"), "feeds the Concat 'join'")


def test_nothing_to_prune_is_told() -> None:
    network = chain(with_scales(1, 1, 1, 1))
    with pytest.raises(ConvertError, match="no channels can be pruned: is an output"):
        prune(replace(network, layers=network.layers[:1]), **DEFAULTS)


@pytest.mark.parametrize("importance", ["l1", "l2", "geometric-median"])
@pytest.mark.parametrize("steps", [1, 3])
def test_every_importance_leaves_the_wanted_share(importance: str, steps: int) -> None:
    choice = {**DEFAULTS, "importance": importance, "steps": steps, "ratio": 0.25}
    pruned, _ = prune(chain(with_scales(1, 2, 3, 4)), **choice)
    assert [len(layer.bias) for layer in pruned.layers[:3]] == [3, 3, 5]


def test_the_geometric_median_takes_what_others_can_replace() -> None:
    """Of two equal strong filters one goes, although weaker ones stay."""
    weights = np.zeros((1, 1, 2, 4))
    weights[0, 0] = np.array([[5, 0], [5, 0.1], [-4, 3], [0, -6]]).T
    network = chain(np.zeros((3, 3, 2, 4)))
    network = replace(network, layers=(conv("a", "image", weights), *network.layers[1:]))
    choice = {**DEFAULTS, "ratio": 0.25}
    weak, _ = prune(network, **choice)
    twin, _ = prune(network, **{**choice, "importance": "geometric-median"})
    assert weak.layers[0].weights.shape == twin.layers[0].weights.shape
    assert [5.0, 0.0] not in weak.layers[0].weights[0, 0].T.tolist()
    firsts = twin.layers[0].weights[0, 0, 0].tolist()
    assert max(firsts) == 5.0
    assert len([value for value in firsts if value == 5.0]) == 1


def test_a_group_keeps_at_least_one_channel() -> None:
    pruned, _ = prune(chain(with_scales(1, 2, 3, 4)), **{**DEFAULTS, "ratio": 0.95})
    assert [len(layer.bias) for layer in pruned.layers[:3]] == [1, 1, 1]


def test_multiplications() -> None:
    # conv 6*6*4 * 3*3*2, depthwise 6*6*4 * 9, conv 6*6*6 * 4, dense 6*3
    assert multiplications(chain(with_scales(1, 1, 1, 1))) == 2592 + 1296 + 864 + 18
