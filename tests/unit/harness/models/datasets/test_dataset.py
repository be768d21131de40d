from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.errors import CatalogueError
from harness.models.datasets import dataset as module
from harness.models.datasets.dataset import DATASETS, TEST, TRAIN, dataset
from harness.models.datasets.names import DATASET_NAMES


def test_the_digits_are_split_for_good() -> None:
    train, test = dataset("digits", TRAIN), dataset("digits")
    assert (len(train), len(test), test.split) == (897, 900, TEST)
    for part in (train, test):
        assert part.labels is not None
        assert set(part.labels) == set(range(10))
        assert part.inputs["image"].shape[1:] == (8, 8, 1)
        assert part.inputs["image"].max() == 16
    both = np.concatenate([train.inputs["image"], test.inputs["image"]]).reshape(1797, -1)
    assert len(np.unique(both, axis=0)) == 1797  # no sample is in both halves
    assert test.licence == "CC-BY-4.0"


def test_the_digest_is_of_the_samples() -> None:
    assert dataset("digits").digest == dataset("digits").digest
    assert dataset("digits").digest != dataset("digits", TRAIN).digest
    assert dataset("digits").digest.startswith("a1969853d504b051")


def test_every_dataset_has_its_name_where_the_catalogue_looks() -> None:
    assert tuple(DATASETS) == DATASET_NAMES


def test_unknown_names_and_splits() -> None:
    with pytest.raises(CatalogueError, match="unknown dataset 'digitz'; did you mean 'digits'"):
        dataset("digitz")
    with pytest.raises(CatalogueError, match="no split 'dev'; use train or test"):
        dataset("digits", "dev")


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(CatalogueError, match=r"pip install 'benchfarm\[models\]'"):
        dataset("digits")


def test_other_data_than_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DIGITS_DIGEST", "0" * 64)
    with pytest.raises(CatalogueError, match="not those"):
        dataset("digits")
