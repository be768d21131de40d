"""What a dataset is, and the one that comes with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models.convert.feeds import Feeds, digest_of
from harness.models.datasets.names import DIGITS
from harness.scenario_file.kinds import suggestion

TRAIN, TEST, GIVEN = "train", "test", "given"


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples with or without answers.

    ``inputs`` are arrays by name, the first axis counting samples: raw data from :func:`dataset`,
    tensors ready for a family's inputs from
    :func:`~harness.models.datasets.samples.samples_for`. ``labels`` are class numbers, one per
    sample (or one per sample and position). ``split`` is ``train``, ``test``, or ``given`` for a
    user's own. ``preprocessing`` says in words what was done to the raw data.
    """

    name: str
    split: str
    inputs: Feeds
    labels: NDArray[np.int64] | None
    licence: str = "unknown"
    preprocessing: str = "none"

    @property
    def digest(self) -> str:
        """SHA-256 over names, types, shapes and values of inputs and labels."""
        labels = {} if self.labels is None else {"labels": self.labels}
        return digest_of({**self.inputs, **labels})

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def dataset(name: str, split: str = TEST) -> Dataset:
    """The built-in dataset of that name, raw.

    Raises :class:`CatalogueError` for an unknown name or split, or when its source is missing.
    """
    if name not in DATASETS:
        raise CatalogueError(f"unknown dataset {name!r}; {suggestion(name, DATASETS)}")
    if split not in (TRAIN, TEST):
        raise CatalogueError(f"{name} has no split {split!r}; use {TRAIN} or {TEST}")
    return DATASETS[name](split)


#: Half of the digits is for training and half for testing, so that an accuracy has an interval of
#: about one percent; the calibration samples come from the training half.
_DIGITS_TRAIN = 897
_DIGITS_SEED = 1998  #: the year of the data's publication
#: Over all images and labels, in scikit-learn's order: other data would need other recipes.
_DIGITS_DIGEST = "ae7bd83f7d62e40597ab07ba8af3964e440e5965438bbfd93d49866a9cef33ce"


def _digits(split: str) -> Dataset:
    """Handwritten digits, 8 x 8 pixels of 0 to 16 (Alpaydin and Kaynak 1998, UCI)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise CatalogueError(
            "the digits come with scikit-learn; install it with pip install 'benchfarm[models]'"
        ) from None
    loaded: Any = load_digits()
    images = loaded.images.astype(np.uint8)[..., np.newaxis]
    labels = loaded.target.astype(np.int64)
    if digest_of({"image": images, "labels": labels}) != _DIGITS_DIGEST:
        raise CatalogueError(
            "scikit-learn's digits are not those that the results here stand for; "
            "install scikit-learn again"
        )
    order = np.random.Generator(np.random.PCG64(_DIGITS_SEED)).permutation(len(labels))
    chosen = order[:_DIGITS_TRAIN] if split == TRAIN else order[_DIGITS_TRAIN:]
    return Dataset(DIGITS, split, {"image": images[chosen]}, labels[chosen], "CC-BY-4.0")


DATASETS: Mapping[str, Callable[[str], Dataset]] = {DIGITS: _digits}
