"""A network of a few layers, a family that builds in a second, and the real one built once."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest

from harness.cli.inference import LocalInfer
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.models.convert.layers import Add, Conv, Dense, Depthwise, GlobalMean, Network
from harness.variant import LocalVariant, ModelFormat

TINY = """\
schema: 1
families:
  tiny:
    task: image-classification
    licence: Apache-2.0
    builder: mobilenet_v2
    parameters: {width: 0.1}
    weights: seeded
    seed: 3
    input: {name: image, layout: NHWC, shape: [1, 40, 33, 3], range: [0, 1]}
    output: {name: logits, shape: [1, 10]}
    formats: [onnx, tflite]
    variants:
      fp32: {precision: fp32, method: construct}
      int8-static:
        precision: int8
        method: int8-static
        source: fp32
        calibration: {data: random, samples: 8, seed: 7}
"""

SmallDisk = Callable[[int], AbstractContextManager[None]]
Built = dict[tuple[str, ModelFormat], LocalVariant]


def build_all(cache: ModelCache, catalogue: Catalogue, family: str) -> Built:
    return {
        (variant, fmt): cache.materialise(catalogue, family, variant, fmt)
        for variant in ("fp32", "int8-static")
        for fmt in ModelFormat
    }


@pytest.fixture(scope="session")
def tiny_text() -> str:
    return TINY


@pytest.fixture(scope="session")
def tiny_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("catalogue") / "tiny.yaml"
    path.write_text(TINY)
    return Catalogue.load([path])


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory, tiny_catalogue: Catalogue) -> ModelCache:
    cache = ModelCache(tmp_path_factory.mktemp("tiny-cache"), LocalInfer())
    build_all(cache, tiny_catalogue, "tiny")
    return cache


@pytest.fixture(scope="session")
def tiny_built(tiny_cache: ModelCache, tiny_catalogue: Catalogue) -> Built:
    return build_all(tiny_cache, tiny_catalogue, "tiny")


@pytest.fixture(scope="session")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """All four files of the built-in family; about 16 s of CPU, so once for all tests."""
    cache = ModelCache(tmp_path_factory.mktemp("cache"), LocalInfer())
    return build_all(cache, Catalogue.load(), "mobilenet_v2")


@pytest.fixture
def small_disk() -> SmallDisk:
    """A context in which no file can grow beyond a limit, as on a disk that is full."""

    @contextmanager
    def limited(size_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def network() -> Network:
    """Every kind of layer, with odd sizes, strides and a residual connection."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    return Network(
        "small",
        "image",
        (11, 8, 3),
        (
            Conv("stem", "image", draw(3, 3, 3, 4), draw(4), stride=2, relu6=True),
            Depthwise("depthwise", "stem", draw(3, 3, 4), draw(4), stride=1, relu6=True),
            Conv("project", "depthwise", draw(1, 1, 4, 4), draw(4)),
            Add("sum", "stem", "project"),
            Depthwise("shrink", "sum", draw(5, 5, 4), draw(4), stride=2),
            Conv("head", "shrink", draw(1, 1, 4, 6), draw(6), relu6=True),
            GlobalMean("pool", "head"),
            Dense("logits", "pool", draw(6, 7), draw(7)),
        ),
    )
