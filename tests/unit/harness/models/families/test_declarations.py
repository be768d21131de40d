"""What the catalogue may say about tensors, data and training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from harness.errors import ScenarioError
from harness.models.catalogue import Catalogue
from harness.models.declaration import declaration_of

CatalogueWith = Callable[[str], Catalogue]

MISTAKES = {
    "too few inputs": (
        "      - {name: mask, dtype: int32, shape: [1, 12], range: [0, 1]}\n",
        "",
        "small_bert.input",
        "bert has 2 of them, not 1",
    ),
    "rank": ("[1, 2, 4, 5, 8], range", "[1, 2, 4, 40], range", "input[3].shape", "5 dimensions"),
    "rank of an output": ("[1, 2, 4, 1, 8]", "[1, 2, 4, 8]", "output[1].shape", "5 dimensions"),
    "no range": ("shape: [1, 12], range: [0, 49]", "shape: [1, 12]", "input[0]", "'range'"),
    "dtype": ("name: ids, dtype: int32", "name: ids, dtype: int3", "input[0].dtype", "'int32'"),
    "layout of a sequence": (
        "name: ids, dtype: int32",
        "name: ids, dtype: int32, layout: NHWC",
        "input[0].layout",
        "only images",
    ),
    "channels": (
        "{divide: 16}",
        "{divide: 16, mean: [0, 0, 0]}",
        "input.preprocessing",
        "mean has 3 numbers; give 1",
    ),
    "zero deviation": ("{divide: 16}", "{std: 0}", "preprocessing.std", "above 0"),
    "resize": ("{divide: 16}", "{resize: bilinaer}", "preprocessing.resize", "'bilinear'"),
    "preprocessing of a sequence": (
        "name: ids, dtype: int32",
        "name: ids, dtype: int32, preprocessing: {divide: 2}",
        "input[0].preprocessing",
        "float32 images",
    ),
    "dataset": ("dataset: digits", "dataset: digit", "small_digits.dataset", "'digits'"),
    "data without preprocessing": (
        ", preprocessing: {divide: 16}}",
        "}",
        "small_digits.dataset",
        "needs preprocessing",
    ),
    "training without data": ("    dataset: digits\n", "", "small_digits", "'dataset' is missing"),
    "seeded training": ("weights: trained", "weights: seeded", "weights", "write trained"),
    "trained without training": (
        "weights: seeded\n    seed: 5",
        "weights: trained\n    seed: 5",
        "small_bert.weights",
        "write seeded",
    ),
    "no teacher": (", teacher: {channels: 4}}", "}", "fp32-distilled", "'teacher' is missing"),
    "teacher's number": ("{channels: 4}", "{chanels: 4}", "teacher.chanels", "'channels'"),
    "a teacher for nothing": (
        "method: distil,",
        "method: construct,",
        "fp32-distilled.teacher",
        "only the method distil",
    ),
}


@pytest.mark.parametrize(("old", "new", "place", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_with_their_place(
    catalogue_with: CatalogueWith, small_text: str, old: str, new: str, place: str, advice: str
) -> None:
    assert old in small_text
    with pytest.raises(ScenarioError) as caught:
        catalogue_with(small_text.replace(old, new, 1))
    assert place in str(caught.value)
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_builder_that_cannot_learn(catalogue_with: CatalogueWith, small_text: str) -> None:
    plain = "variants: {fp32: {precision: fp32, method: construct}}"
    taught = "variants: {fp32: {precision: fp32, method: distil, teacher: {width: 1}}}"
    with pytest.raises(ScenarioError, match="resnet50 cannot learn from a teacher"):
        catalogue_with(small_text.replace(plain, taught, 1))


@pytest.mark.parametrize("family", ["mobilenet_v2", "resnet50", "decoder_tiny", "digits"])
def test_declarations_survive_a_recipe(family: str) -> None:
    for item in Catalogue.load().family(family).inputs:
        assert declaration_of(json.loads(json.dumps(asdict(item)))) == item


def test_trained_families_are_not_synthetic(families: Catalogue) -> None:
    assert families.family("digits").findings("fp32") == ()
    assert families.family("digits").findings("int8-static") == ()
    assert families.family("bert_tiny").findings("fp32") == ("SYNTHETIC-MODEL",)
