"""What the networks are for: masks hide, caches remember, training teaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.models.convert import ConvertError, resnet50
from harness.models.convert.feeds import Feeds
from harness.models.convert.inputs import random_feeds
from harness.models.convert.layers import Add, Conv, Dense, MaxPool, Network
from harness.models.convert.network import declared_inputs, network_of
from harness.models.convert.reference import run, run_all
from harness.models.convert.seeded import NetworkSpec
from harness.models.convert.training import (
    Classifier,
    Schedule,
    _hard,
    _soft,
    classifier,
    softmax,
    train,
)
from harness.models.datasets.samples import samples_for

RecipeOf = Callable[..., dict[str, Any]]


def test_padding_changes_nothing(recipe_of: RecipeOf) -> None:
    recipe = recipe_of("small_bert")
    network = network_of(recipe)
    feeds = random_feeds(declared_inputs(recipe), 3, 8)
    feeds["mask"][:] = np.arange(12) < 7
    other = {**feeds, "ids": feeds["ids"].copy()}
    other["ids"][:, 7:] = (other["ids"][:, 7:] + 1) % 50
    logits = run_all(network, feeds)["logits"]
    np.testing.assert_allclose(run_all(network, other)["logits"], logits, atol=1e-9)
    seen = {**other, "mask": np.ones_like(feeds["mask"])}
    assert np.abs(run_all(network, seen)["logits"] - logits).max() > 1e-3


class Decoder:
    """Decodes token by token as a caller does: new keys and values go into the cache."""

    def __init__(self, network: Network, places: list[int]) -> None:
        self.network, self.places = network, places  # where in the window each token is kept
        shapes = {item.name: item.shape for item in network.inputs}
        self.cache = {name: np.full((1, *shapes[name]), 9.0) for name in ("keys", "values")}
        self.mask = np.zeros((1, *shapes["mask"]), np.int32)
        self.mask[0, -1] = 1

    def step(self, token: int, position: int) -> np.ndarray:
        feeds: Feeds = {
            "token": np.array([[token]]),
            "position": np.array([[position]]),
            "mask": self.mask,
            **self.cache,
        }
        outputs = run_all(self.network, feeds)
        place = self.places[position]
        for name, cache in self.cache.items():
            cache[:, :, :, place] = outputs[f"new_{name}"][:, :, :, 0]
        self.mask[0, place] = 1
        return outputs["logits"]


def test_the_cache_is_what_the_decoder_remembers(recipe_of: RecipeOf) -> None:
    network = network_of(recipe_of("small_decoder"))
    tokens = [7, 3, 3, 21]
    forward = Decoder(network, [0, 1, 2, 3])
    scattered = Decoder(network, [4, 0, 3, 1])
    other = Decoder(network, [0, 1, 2, 3])
    for position, token in enumerate(tokens):
        logits = forward.step(token, position)
        np.testing.assert_allclose(scattered.step(token, position), logits, atol=1e-9)
        changed = other.step(8 if position == 0 else token, position)
        assert np.abs(changed - logits).max() > 1e-3  # the first token is remembered to the end


def test_resnet_has_its_papers_shape() -> None:
    """At a resolution that keeps the test quick."""
    spec = NetworkSpec("net", "image", (32, 32, 3), (-2.0, 2.0), "logits", 1000, 5, {"width": 1.0})
    network = resnet50.build(spec)
    shapes = network.shapes()
    assert shapes["stem"] == (16, 16, 64)
    assert shapes["stem_pool"] == (8, 8, 64)
    assert shapes["stage1_block3_add"] == (8, 8, 256)
    assert shapes["stage3_block6_add"] == (2, 2, 1024)
    assert shapes["stage4_block3_add"] == (1, 1, 2048)
    kinds = [
        sum(isinstance(layer, kind) for layer in network.layers) for kind in (Conv, Add, Dense)
    ]
    assert kinds == [53, 16, 1]
    arrays = [
        array.size
        for layer in network.layers
        if isinstance(layer, Conv | Dense)
        for array in (layer.weights, layer.bias)
    ]
    # torchvision's resnet50 has 25,557,032 parameters, of which 26,560 are the batch
    # normalisations' gammas, folded here.
    assert sum(arrays) == 25_557_032 - 26_560


def test_the_padding_of_a_pool_never_wins() -> None:
    image = np.full((1, 3, 3, 1), -5.0)
    network = Network("n", "x", (3, 3, 1), (MaxPool("y", "x", 3, 2),))
    assert run(network, image).ravel().tolist() == [-5.0] * 4


@pytest.fixture(scope="module")
def trained(recipe_of: RecipeOf) -> Network:
    """The shipped small network of the digits."""
    return network_of(recipe_of("digits_small"))


def accuracy(network: Network, data: Any) -> float:
    answers = run(network, data.inputs["image"]).argmax(axis=1)
    return float((answers == data.labels).mean())


def test_the_small_digits_network_has_learned(trained: Network, families: Any) -> None:
    data = samples_for(families.family("digits_small"))
    assert 0.88 < accuracy(trained, data) < 0.98  # good, and with something left to lose
    sizes = [a.weights.size + a.bias.size for a in trained.layers if isinstance(a, Conv | Dense)]
    assert sum(sizes) == 848


def test_a_few_bits_cost_the_small_network_accuracy(trained: Network, families: Any) -> None:
    data = samples_for(families.family("digits_small"))
    lost = [accuracy(trained, data) - accuracy(rounded(trained, bits), data) for bits in (8, 4, 2)]
    assert abs(lost[0]) < 0.01
    assert lost[1] > 0.01
    assert lost[2] > 0.4


def rounded(network: Network, bits: int) -> Network:
    """The network with symmetric integer weights per output channel."""

    def changed(layer: Any) -> Any:
        if not isinstance(layer, Conv | Dense):
            return layer
        axes = tuple(range(layer.weights.ndim - 1))
        scale = np.abs(layer.weights).max(axis=axes) / (2 ** (bits - 1) - 1)
        return replace(layer, weights=(np.round(layer.weights / scale) * scale).astype(np.float32))

    return replace(network, layers=tuple(changed(layer) for layer in network.layers))


def test_a_student_learns_something_else_than_alone(recipe_of: RecipeOf) -> None:
    alone = network_of(recipe_of("small_digits"))
    student = network_of(recipe_of("small_digits", "fp32-distilled"))
    assert alone.shapes() == student.shapes()
    first, other = (net.layers[0] for net in (alone, student))
    assert isinstance(first, Conv)
    assert isinstance(other, Conv)
    assert not np.array_equal(first.weights, other.weights)


@pytest.mark.parametrize(
    ("change", "advice"),
    [({"dataset": None}, "give the family a dataset"), ({"outputs": 9}, "10 classes.* holds 9")],
)
def test_data_that_cannot_train(recipe_of: RecipeOf, change: dict[str, Any], advice: str) -> None:
    recipe = recipe_of("small_digits")
    if "outputs" in change:
        recipe["network"]["outputs"][0]["shape"] = [1, change["outputs"]]
    else:
        recipe["network"] |= change
    with pytest.raises(ConvertError, match=advice):
        network_of(recipe)


@pytest.fixture
def doubles() -> tuple[Classifier, np.ndarray, np.ndarray]:
    """A classifier in float64, so that differences are exact enough to compare."""
    model = classifier([(1, 2, 1), (2, 4, 2), (4, 5, 2)], 6, seed=3)
    for part in (model, *model.convolutions):
        part.weights, part.bias = part.weights.astype(float), part.bias.astype(float)
    rng = np.random.default_rng(0)
    return model, rng.random((5, 8, 7, 1)), rng.integers(0, 6, 5)


def test_the_gradients_are_those_of_the_loss(doubles: tuple[Classifier, Any, Any]) -> None:
    model, images, labels = doubles

    def loss() -> float:
        return -float(np.log(softmax(model.forward(images))[np.arange(5), labels]).sum())

    gradients = [np.array(g) for g in model.backward(_hard(model.forward(images), labels))]
    for array, gradient in zip(model.parameters(), gradients, strict=True):
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        array[place] += 1e-5
        above = loss()
        array[place] -= 2e-5
        below = loss()
        array[place] += 1e-5
        assert gradient[place] == pytest.approx((above - below) / 2e-5, rel=1e-4)


def test_the_gradient_of_a_teachers_answers() -> None:
    rng = np.random.default_rng(1)
    logits, teacher = rng.normal(size=(2, 1, 4)) * 3
    heat = 3.0

    def loss(at: np.ndarray) -> float:
        answers = softmax(teacher / heat)
        return -float((answers * np.log(softmax(at / heat))).sum()) * heat**2

    step = np.array([[1e-5, 0, 0, 0]])
    wanted = (loss(logits + step) - loss(logits - step)) / 2e-5
    assert _soft(logits, teacher, heat)[0, 0] == pytest.approx(wanted, rel=1e-4)


def test_training_reduces_the_error() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(60) % 2
    images = rng.random((60, 8, 8, 1), dtype=np.float32) / (1 + labels.reshape(60, 1, 1, 1))
    model = classifier([(1, 4, 2)], 2, seed=1)
    train(model, images, labels, Schedule(epochs=40, seed=1))
    assert (model.forward(images).argmax(axis=1) == labels).mean() > 0.9
