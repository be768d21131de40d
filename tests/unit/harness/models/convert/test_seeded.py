from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from harness.models.convert import mobilenet_v2
from harness.models.convert.inputs import digest, random_images
from harness.models.convert.layers import Add, Conv, Dense, Depthwise, Network
from harness.models.convert.reference import run
from harness.models.convert.seeded import NetworkSpec, SeededNetwork

SPEC = NetworkSpec("net", "image", (32, 32, 3), (-1.0, 1.0), "logits", 10, 5, {"width": 0.25})


def weights_of(network: Network) -> list[np.ndarray]:
    return [
        array
        for layer in network.layers
        if isinstance(layer, Conv | Depthwise | Dense)
        for array in (layer.weights, layer.bias)
    ]


def test_images_are_within_range_and_repeatable() -> None:
    images = random_images(1, 4, (20, 30, 3), -2.0, 3.0)
    assert images.dtype == np.float32
    assert images.shape == (4, 20, 30, 3)
    assert images.min() >= -2.0
    assert images.max() <= 3.0
    assert digest(images) == digest(random_images(1, 4, (20, 30, 3), -2.0, 3.0))
    assert digest(images) != digest(random_images(2, 4, (20, 30, 3), -2.0, 3.0))


def test_the_images_never_change() -> None:
    """Weights and calibration hang on these bytes: a change here changes every digest."""
    images = random_images(7, 2, (16, 16, 3))
    assert digest(images).startswith("30263965bc3b12a4")


def test_the_weights_never_change() -> None:
    """Measured on whatever machine this runs on, and still the same bytes."""
    weights = weights_of(mobilenet_v2.build(SPEC))
    digest_of_all = hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()
    assert digest_of_all.startswith("1c83c4499ebd5f0f")


def test_a_seed_decides_the_weights() -> None:
    first, again = (weights_of(mobilenet_v2.build(SPEC)) for _ in range(2))
    other = weights_of(mobilenet_v2.build(replace(SPEC, seed=6)))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first[::2], other[::2], strict=True))


def test_layers_are_normalised() -> None:
    spec = replace(SPEC, input_shape=(16, 16, 3))
    net = SeededNetwork(spec)
    net.conv("y", "image", 8, kernel=3, gamma=0.5, beta=2.0)
    output = run(net.finish(), random_images(spec.seed, 8, spec.input_shape))
    np.testing.assert_allclose(output.mean(axis=(0, 1, 2)), 2.0, atol=1e-3)
    np.testing.assert_allclose(output.std(axis=(0, 1, 2)), 0.5, rtol=1e-3)


def test_mobilenet_has_its_papers_shape() -> None:
    """Table 2 of the paper, at a resolution that keeps the test quick."""
    network = mobilenet_v2.build(replace(SPEC, outputs=1000, parameters={"width": 1.0}))
    shapes = network.shapes()
    assert shapes["stem"] == (16, 16, 32)
    assert shapes["block01_project"] == (16, 16, 16)
    assert shapes["block13_add"] == (2, 2, 96)
    assert shapes["block17_project"] == (1, 1, 320)
    assert shapes["head"] == (1, 1, 1280)
    assert sum(isinstance(layer, Add) for layer in network.layers) == 10
    # torchvision's mobilenet_v2 has 3,504,872 parameters, of which 17,056 are the batch
    # normalisations' gammas, folded here.
    assert sum(array.size for array in weights_of(network)) == 3_504_872 - 17_056


@pytest.mark.parametrize("width", [0.1, 0.35, 1.4])
def test_widths_give_multiples_of_eight(width: float) -> None:
    network = mobilenet_v2.build(replace(SPEC, parameters={"width": width}))
    inner = list(network.shapes().values())[1:-1]
    assert all(shape[-1] % 8 == 0 for shape in inner)
    outputs = run(network, random_images(9, 4, SPEC.input_shape))
    assert np.isfinite(outputs).all()
    assert outputs.std(axis=0).mean() > 0.1
