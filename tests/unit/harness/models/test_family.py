from __future__ import annotations

from dataclasses import replace

import pytest

from harness.models.catalogue import Catalogue
from harness.models.family import Calibration, Family, VariantSpec, recipe, recipe_key
from harness.variant import ModelFormat


@pytest.fixture
def family(tiny_catalogue: Catalogue) -> Family:
    return tiny_catalogue.family("tiny")


def key(family: Family, variant: str = "int8-static", fmt: ModelFormat = ModelFormat.ONNX) -> str:
    return recipe_key(recipe(family, variant, fmt))


def test_what_changes_the_bytes_changes_the_key(family: Family) -> None:
    other = VariantSpec("int8", "int8-static", "fp32", Calibration("random", 9, 7))
    changed = [
        key(family),
        key(family, "fp32"),
        key(family, fmt=ModelFormat.TFLITE),
        key(replace(family, seed=4)),
        key(replace(family, parameters={"width": 0.2})),
        key(replace(family, inputs=(replace(family.input, range=(-1.0, 1.0)),))),
        key(replace(family, dataset="digits")),
        key(replace(family, variants={**family.variants, "int8-static": other})),
    ]
    assert len(set(changed)) == len(changed)


def test_words_for_people_do_not(family: Family) -> None:
    reworded = replace(family, name="other", note="new", licence="MIT", origin="elsewhere:1")
    assert key(reworded) == key(family)
