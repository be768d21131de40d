from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import CatalogueError
from harness.models.catalogue import Catalogue
from harness.models.convert.inputs import random_images
from harness.models.datasets.dataset import TRAIN, dataset
from harness.models.datasets.samples import (
    calibration_for,
    calibration_set,
    prepared,
    proof_feeds,
    samples_for,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def test_calibration_comes_from_the_training_half(catalogue: Catalogue) -> None:
    chosen = calibration_for(catalogue.family("digits"), 100, seed=7)
    assert (len(chosen), chosen.random, chosen.source) == (100, False, "digits")
    train = {row.tobytes() for row in dataset("digits", TRAIN).inputs["image"]}
    raw = np.round(chosen.inputs["image"] * 16).astype(np.uint8)
    rows = [row.tobytes() for row in raw]
    assert len(set(rows)) == 100
    assert set(rows) <= train


def test_the_seed_decides_the_samples(catalogue: Catalogue) -> None:
    family = catalogue.family("digits")
    digests = [calibration_for(family, 50, seed).digest for seed in (7, 7, 8)]
    assert digests[0] == digests[1] != digests[2]


def test_more_than_there_are(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="897 samples for calibration, not 1000"):
        calibration_for(catalogue.family("digits"), 1000, seed=7)


def test_random_only_without_data_or_on_asking(catalogue: Catalogue) -> None:
    assert calibration_for(catalogue.family("mobilenet_v2"), 2, seed=7).random
    assert not calibration_for(catalogue.family("digits"), 20, seed=7).random
    asked = calibration_for(catalogue.family("digits"), 20, seed=7, random=True)
    assert (asked.random, asked.source) == (True, "random")


def test_random_images_are_the_known_ones(catalogue: Catalogue) -> None:
    """The built-in int8 file hangs on these bytes."""
    chosen = calibration_for(catalogue.family("mobilenet_v2"), 2, seed=7)
    assert np.array_equal(chosen.inputs["image"], random_images(7, 2, (224, 224, 3)))


def test_random_integers_stay_in_their_range(catalogue: Catalogue) -> None:
    feeds = calibration_for(catalogue.family("decoder_tiny"), 30, seed=3).inputs
    family = catalogue.family("decoder_tiny")
    assert list(feeds) == [item.name for item in family.inputs]
    for item in family.inputs:
        assert item.range is not None
        values = feeds[item.name]
        assert values.dtype == item.dtype
        assert values.shape == (30, *item.shape[1:])
        assert item.range[0] <= values.min() < values.max() <= item.range[1]


def test_a_users_data_come_first(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    raw = np.random.default_rng(1).integers(0, 17, (40, 8, 8, 1), np.uint8)
    np.savez(path, image=raw, labels=np.zeros(40, int))
    chosen = calibration_for(catalogue.family("digits"), 30, 7, path)
    assert (len(chosen), chosen.random, chosen.source) == (30, False, "mine.npz")
    assert len(calibration_for(catalogue.family("digits"), 500, 7, path)) == 40
    given = samples_for(catalogue.family("digits"), source=path)
    np.testing.assert_allclose(given.inputs["image"], raw / 16)


def test_too_few_samples_of_a_user(catalogue: Catalogue, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", image=np.zeros((1, 8, 8, 1), np.uint8))
    with pytest.raises(CatalogueError, match="1 sample, at least 8 are needed"):
        calibration_for(catalogue.family("digits"), 100, 7, tmp_path / "one.npz")


def test_samples_with_labels(catalogue: Catalogue) -> None:
    samples = samples_for(catalogue.family("digits_small"))
    assert len(samples) == 900
    assert samples.labels is not None
    assert samples.inputs["image"].dtype == np.float32
    assert (samples.inputs["image"].min(), samples.inputs["image"].max()) == (0, 1)
    assert "pixel / 16" in samples.preprocessing
    with pytest.raises(CatalogueError, match="resnet50 has no dataset; give your own"):
        samples_for(catalogue.family("resnet50"))


def test_a_dataset_that_does_not_suit_the_inputs(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="choose another dataset"):
        prepared(dataset("digits"), catalogue.family("mobilenet_v2").inputs)
    with pytest.raises(CatalogueError, match="choose another dataset"):
        prepared(dataset("digits"), catalogue.family("bert_tiny").inputs)


def test_proof_is_no_repetition_of_calibration(catalogue: Catalogue) -> None:
    inputs = catalogue.family("digits").inputs
    proof = proof_feeds(inputs, "digits", 4, 5)
    train = calibration_set(inputs, "digits", 897, 0).inputs["image"]
    known = {row.tobytes() for row in train}
    assert not any(row.tobytes() in known for row in proof["image"])
