"""Recipes of the catalogue's families, some with a smaller network of the same kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.models.catalogue import Catalogue
from harness.models.family import recipe
from harness.variant import ModelFormat

Recipe = dict[str, Any]

SMALL = """\
schema: 1
families:
  small_resnet:
    task: image-classification
    licence: Apache-2.0
    builder: resnet50
    parameters: {width: 0.125}
    weights: seeded
    seed: 4
    input: {name: image, layout: NHWC, shape: [1, 40, 33, 3], range: [-2, 2]}
    output: {name: logits, shape: [1, 10]}
    formats: [onnx, tflite]
    variants: {fp32: {precision: fp32, method: construct}}
  small_bert:
    task: text-classification
    licence: Apache-2.0
    builder: bert
    parameters: {layers: 2, width: 32, heads: 4, vocabulary: 50, window: 12}
    weights: seeded
    seed: 5
    input:
      - {name: ids, dtype: int32, shape: [1, 12], range: [0, 49]}
      - {name: mask, dtype: int32, shape: [1, 12], range: [0, 1]}
    output: {name: logits, shape: [1, 4]}
    formats: [onnx, tflite]
    variants: {fp32: {precision: fp32, method: construct}}
  small_decoder:
    task: text-generation
    licence: Apache-2.0
    builder: decoder
    parameters: {layers: 2, width: 32, heads: 4, vocabulary: 50, window: 6}
    weights: seeded
    seed: 6
    input:
      - {name: token, dtype: int32, shape: [1, 1], range: [0, 49]}
      - {name: position, dtype: int32, shape: [1, 1], range: [0, 5]}
      - {name: mask, dtype: int32, shape: [1, 6], range: [0, 1]}
      - {name: keys, shape: [1, 2, 4, 5, 8], range: [-2, 2]}
      - {name: values, shape: [1, 2, 4, 5, 8], range: [-2, 2]}
    output:
      - {name: logits, shape: [1, 50]}
      - {name: new_keys, shape: [1, 2, 4, 1, 8]}
      - {name: new_values, shape: [1, 2, 4, 1, 8]}
    formats: [onnx, tflite]
    variants: {fp32: {precision: fp32, method: construct}}
  small_digits:
    task: image-classification
    licence: Apache-2.0
    builder: digits_cnn
    parameters: {channels: 2, epochs: 3}
    weights: trained
    seed: 1
    dataset: digits
    input:
      {name: image, layout: NHWC, shape: [1, 8, 8, 1], range: [0, 1], preprocessing: {divide: 16}}
    output: {name: logits, shape: [1, 10]}
    formats: [onnx, tflite]
    variants:
      fp32: {precision: fp32, method: construct}
      fp32-distilled: {precision: fp32, method: distil, teacher: {channels: 4}}
"""


@pytest.fixture(scope="session")
def small_text() -> str:
    return SMALL


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The built-in families and the small ones."""
    path = tmp_path_factory.mktemp("families") / "small.yaml"
    path.write_text(SMALL)
    return Catalogue.load([path])


@pytest.fixture(scope="session")
def recipe_of(families: Catalogue) -> Callable[..., Recipe]:
    """A family's recipe as the building process reads it."""

    def made(family: str, variant: str = "fp32", fmt: ModelFormat = ModelFormat.ONNX) -> Recipe:
        plain: Recipe = json.loads(json.dumps(recipe(families.family(family), variant, fmt)))
        return plain

    return made


@pytest.fixture
def catalogue_with(tmp_path: Path) -> Callable[[str], Catalogue]:
    def load(text: str) -> Catalogue:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        return Catalogue.load([tmp_path / "mine.yaml"])

    return load
