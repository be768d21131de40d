from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.models.cache import UNBUILT, ModelCache
from harness.models.catalogue import Catalogue

CatalogueWith = Callable[[str], Catalogue]

GRID = """\
schema: 1
families:
  net:
    task: image-classification
    licence: Apache-2.0
    builder: mobilenet_v2
    parameters: {width: 0.5}
    weights: seeded
    seed: 3
    input: {name: image, layout: NHWC, shape: [1, 32, 32, 3], range: [0, 1]}
    output: {name: logits, shape: [1, 10]}
    grid: {width: [0.25, 0.5], resolution: [32, 48]}
    formats: onnx
    variants: {fp32: {precision: fp32, method: construct}}
"""


def test_the_shipped_grid() -> None:
    catalogue = Catalogue.load()
    grid = catalogue.grid("mobilenet_v2_w050_r160")
    assert len(grid) == 20
    assert grid == catalogue.grid("mobilenet_v2")
    assert grid[0].name == "mobilenet_v2"
    assert grid[0].point == {"width": 1.0, "resolution": 224}
    half = catalogue.family("mobilenet_v2_w050_r160")
    assert half.point == {"width": 0.5, "resolution": 160}
    assert half.parameters == {"width": 0.5}
    assert half.input.shape == (1, 160, 160, 3)
    assert half.variants == grid[0].variants
    assert half.findings("fp32") == ("SYNTHETIC-MODEL",)


def test_a_family_without_grid_is_alone() -> None:
    catalogue = Catalogue.load()
    assert [family.name for family in catalogue.grid("digits_small")] == ["digits_small"]


def test_names_of_a_grid(catalogue_with: CatalogueWith) -> None:
    grid = catalogue_with(GRID).grid("net")
    assert [family.name for family in grid] == [
        "net",
        "net_w025_r32",
        "net_w025_r48",
        "net_w050_r48",
    ]
    assert {family.origin for family in grid} == {grid[0].origin}


def test_the_own_point_may_be_off_the_grid(catalogue_with: CatalogueWith) -> None:
    grid = catalogue_with(GRID.replace("[0.25, 0.5]", "[0.25]")).grid("net")
    assert [family.name for family in grid] == ["net", "net_w025_r32", "net_w025_r48"]


MISTAKES = {
    "axis": ("{width: [0.25", "{widht: [0.25", "grid.widht", "did you mean 'width'"),
    "resolution": ("[32, 48]", "[32, 48.5]", "grid.resolution", "whole number of pixels"),
    "zero": ("[32, 48]", "[32, 0]", "resolution[1]", "above 0"),
    "taken": (
        "    variants: {fp32: {precision: fp32, method: construct}}\n",
        "    variants: {fp32: {precision: fp32, method: construct}}\n"
        + "".join(GRID.splitlines(keepends=True)[2:]).replace("  net:", "  net_w025_r32:"),
        "net_w025_r32",
        "already",
    ),
}


@pytest.mark.parametrize(("old", "new", "place", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_a_grid(
    catalogue_with: CatalogueWith, old: str, new: str, place: str, advice: str
) -> None:
    assert old in GRID
    with pytest.raises(ScenarioError) as caught:
        catalogue_with(GRID.replace(old, new, 1))
    assert place in str(caught.value)
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_listing_builds_nothing(tmp_path: Path) -> None:
    catalogue, cache = Catalogue.load(), ModelCache(tmp_path / "cache")
    for family in catalogue.families:
        for variant in catalogue.variant_names(family):
            for fmt in catalogue.variant_formats(family, variant):
                assert cache.describe(catalogue, family, variant, fmt).digest == UNBUILT
    assert not cache.root.exists()
