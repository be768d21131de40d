"""A family's variant calibrated on the user's own data, by command or by catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.cli.inference import LocalInfer
from harness.errors import CatalogueError, ScenarioError
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.models.family import Calibration, recipe, recipe_key
from harness.models.recalibrated import Recalibration, recalibrate
from harness.models.user_models import variant_of
from harness.variant import ModelFormat

TEXT = """\
schema: 1
families:
  own:
    task: image-classification
    licence: Apache-2.0
    builder: mobilenet_v2
    parameters: {width: 0.1}
    weights: seeded
    seed: 3
    input:
      name: image
      layout: NHWC
      shape: [1, 32, 32, 3]
      range: [-1, 1]
      preprocessing: {resize: bilinear, divide: 127.5, mean: 1}
    output: {name: logits, shape: [1, 10]}
    formats: [onnx, tflite]
    variants:
      fp32: {precision: fp32, method: construct}
      int8-dynamic: {precision: int8, method: int8-dynamic, source: fp32}
      int8-static:
        precision: int8
        method: int8-static
        source: fp32
        calibration: {data: DATA, samples: 12, seed: 7}
"""
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(4)
    for place in range(16):
        path = folder / "photos" / ("cat", "dog")[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def write(folder: Path) -> Write:
    def written(data: str) -> Path:
        path = folder / "own.yaml"
        path.write_text(TEXT.replace("DATA", data))
        return path

    return written


@pytest.fixture(scope="module")
def catalogue(write: Write) -> Catalogue:
    return Catalogue.load([write("random")])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("cache"), LocalInfer())


def wanted(data: str | Path, variant: str = "int8-static", name: str | None = None) -> object:
    return Recalibration("own", variant, Calibration(data, 12, 5), name)


def silent(text: str) -> None: ...


def test_a_folder_of_images_calibrates_both_formats(
    cache: ModelCache, catalogue: Catalogue, folder: Path
) -> None:
    made = recalibrate(cache, catalogue, wanted(folder / "photos"), silent)
    assert [item["format"] for item in made] == ["onnx", "tflite"]
    for item in made:
        told = item["calibration"]
        assert (told["data"], told["samples"], told["seed"]) == ("photos", 12, 5)
        assert len(told["digest"]) == len(told["content"]) == 64
        assert "SYNTHETIC-MODEL" in item["findings"]
        assert "RANDOM-CALIBRATION" not in item["findings"]
        assert item["proof"]["inputs"]["user"] == str(folder / "photos")
    assert made[0]["calibration"] == made[1]["calibration"]
    name = "own/int8-static-photos onnx"
    variant = variant_of(cache.files.manifest_named(name) or {})
    assert (variant.label, variant.origin["family"]) == ("own/int8-static-photos", "own")
    plain = cache.materialise(catalogue, "own", "int8-static", ModelFormat.ONNX)
    assert plain.variant.digest != variant.digest
    labels = [f"{item['model']}/{item['variant']}" for item in cache.files.manifests()]
    assert labels.count("own/int8-static-photos") == 2  # once for each format


def test_a_catalogue_may_name_data_by_path(cache: ModelCache, write: Write, folder: Path) -> None:
    catalogue = Catalogue.load([write("./photos")])
    family = catalogue.family("own")
    spec = family.variants["int8-static"].calibration
    assert spec is not None
    assert spec.source == folder / "photos"
    made = recipe(family, "int8-static", ModelFormat.TFLITE)
    assert str(folder) not in str(made)  # the same data elsewhere are the same recipe
    known = cache.materialise(catalogue, "own", "int8-static", ModelFormat.TFLITE)
    assert known.variant.origin["calibration"]["samples"] == 12
    extra = folder / "photos" / "dog" / "new.png"
    Image.new("RGB", (20, 30)).save(extra)
    changed = recipe(family, "int8-static", ModelFormat.TFLITE)
    extra.unlink()
    assert recipe_key(changed) != recipe_key(made)
    assert recipe(family, "int8-static", ModelFormat.TFLITE) == made


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("photos", "use one of dataset, random .*folder with a slash"),
        ("radnom", "did you mean 'random'"),
        ("gone.npz", "there is no file 'gone.npz'"),
        ("./gone", "there is no folder './gone'"),
        ("dataset", "this family has no dataset"),
    ],
)
def test_a_catalogue_with_data_that_are_not_there(write: Write, data: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        Catalogue.load([write(data)])


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"image": np.zeros((9, 32, 32, 4), np.float32)}, "shape 32 x 32 x 4, the model takes"),
        ({"image": np.zeros((9, 32, 32, 3), np.int64)}, "holds int64, the model takes float32"),
        ({"image": np.full((9, 32, 32, 3), np.nan, np.float32)}, "holds NaN or infinity"),
        ({"image": np.zeros((1, 32, 32, 3), np.float32)}, "1 sample, at least 8 are needed"),
        ({"picture": np.zeros((9, 32, 32, 3), np.float32)}, "no input 'picture'"),
    ],
)
def test_data_that_do_not_fit_leave_nothing_behind(
    cache: ModelCache, catalogue: Catalogue, tmp_path: Path, arrays: dict, told: str
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(CatalogueError, match=told) as caught:
        recalibrate(cache, catalogue, wanted(tmp_path / "bad.npz"), silent)
    assert "\n" not in str(caught.value)
    assert not list((cache.root / "work").iterdir())
    assert cache.files.manifest_named("own/int8-static-bad onnx") is None


def test_what_cannot_be_calibrated(cache: ModelCache, catalogue: Catalogue, folder: Path) -> None:
    photos = folder / "photos"
    with pytest.raises(CatalogueError, match=r"own/int8-dynamic .* measures no activation ranges"):
        recalibrate(cache, catalogue, wanted(photos, "int8-dynamic"), silent)
    with pytest.raises(CatalogueError, match="own/int8-dynamic is in the catalogue already"):
        recalibrate(cache, catalogue, wanted(photos, name="int8-dynamic"), silent)
    with pytest.raises(CatalogueError, match=r"gone\.npz: cannot be read"):
        recalibrate(cache, catalogue, wanted(folder / "gone.npz"), silent)
