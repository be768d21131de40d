"""A small network's float files, and every method's file made from them in one process each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import CatalogueError
from harness.models import derived
from harness.models.convert.feeds import Feeds, channels_first
from harness.models.convert.inputs import random_images
from harness.models.convert.layers import Network
from harness.models.convert.mobilenet_v2 import build
from harness.models.convert.seeded import NetworkSpec
from harness.models.derived import Order, Wish
from harness.models.inspection import Inspection
from harness.models.methods import METHODS, NETWORK_METHODS, check_parameters, complete
from harness.variant import ModelFormat

SPEC = NetworkSpec("tiny", "image", (32, 32, 3), (-1.0, 1.0), "logits", 10, 5, {"width": 0.1})

#: Every method at its defaults, and the parameters that change the file.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        name: (name, {})
        for name in METHODS
        if name not in (*NETWORK_METHODS, "mixed", "int2-dynamic")
    },
    "per-tensor": ("int8-static", {"granularity": "tensor"}),
    "symmetric": ("int8-static", {"symmetric": True}),
    "a16": ("int8-static", {"activation_bits": 16}),
}


@dataclass(frozen=True)
class Made:
    """One file, what it is and which layers got what."""

    path: Path
    inspection: Inspection
    layers: dict[str, str] | None


def write_network(network: Network, fmt: ModelFormat, path: Path) -> Path:
    from harness.models.convert import to_onnx, to_tflite

    writer = to_onnx if fmt is ModelFormat.ONNX else to_tflite
    writer.write(network, path)
    return path


def feeds_of(fmt: ModelFormat, count: int = 8) -> Feeds:
    feeds = {"image": random_images(9, count, SPEC.input_shape)}
    return channels_first(feeds) if fmt is ModelFormat.ONNX else feeds


@pytest.fixture(scope="session")
def tiny_network() -> Network:
    return build(SPEC)


@pytest.fixture(scope="session")
def sources(
    tmp_path_factory: pytest.TempPathFactory, tiny_network: Network
) -> dict[ModelFormat, Path]:
    folder = tmp_path_factory.mktemp("sources")
    return {fmt: write_network(tiny_network, fmt, folder / f"tiny.{fmt}") for fmt in ModelFormat}


@pytest.fixture(scope="session")
def calibration_feeds() -> Callable[[ModelFormat], Feeds]:
    return feeds_of


Maker = Callable[[Path, ModelFormat, dict[str, dict[str, Any]], Feeds | None], dict[str, Made]]


@pytest.fixture(scope="session")
def network_writer() -> Callable[[Network, ModelFormat, Path], Path]:
    return write_network


@pytest.fixture(scope="session")
def make_files(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Builds one file for each named recipe, all in one process."""

    def made(
        source: Path, fmt: ModelFormat, recipes: dict[str, dict[str, Any]], feeds: Feeds | None
    ) -> dict[str, Made]:
        folder = tmp_path_factory.mktemp("made")
        wishes = [
            Wish(recipe, "int8", folder / f"{name}.{fmt}") for name, recipe in recipes.items()
        ]
        answer = derived.build(Order("tiny", source, fmt, feeds), wishes, folder)
        return {
            name: Made(wish.target, Inspection.from_json(item["inspection"]), item["layers"])
            for name, wish, item in zip(recipes, wishes, answer["items"], strict=True)
        }

    return made


@pytest.fixture(scope="session")
def made(sources: dict[ModelFormat, Path], make_files: Maker) -> dict[ModelFormat, dict[str, Made]]:
    """Every case that a format has."""
    found = {}
    for fmt, source in sources.items():
        recipes = {}
        for name, (method, given) in CASES.items():
            parameters = complete(method, given)
            try:
                check_parameters(method, parameters, fmt)
            except CatalogueError:
                continue
            recipes[name] = {"method": method, "parameters": parameters, "policy": None}
        found[fmt] = make_files(source, fmt, recipes, feeds_of(fmt))
    return found


@pytest.fixture(scope="session")
def cosine() -> Callable[[ModelFormat, Path, Path], float]:
    """The least cosine between two files' outputs, run in this process."""

    def least(fmt: ModelFormat, one: Path, other: Path) -> float:
        from harness.models.convert import engines

        images = {"image": random_images(11, 4, SPEC.input_shape)}
        first, second = (engines.run(path, fmt, images) for path in (one, other))
        norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return float(((first * second).sum(axis=1) / norms).min())

    return least
