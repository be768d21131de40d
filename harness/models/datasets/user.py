"""A user's own data: an ``.npz`` file or a folder of ``.npy`` files, of arrays by input name, or

a folder of images (:mod:`harness.models.datasets.images`).

The first axis of every array counts samples. ``labels``, where given, are class numbers. An image
input takes 8-bit raw images (which are then preprocessed as the family says) or finished tensors.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models.datasets.dataset import GIVEN, Dataset
from harness.models.datasets.images import Choose, holds_images, read_images
from harness.models.datasets.preprocessing import preprocess
from harness.models.declaration import Preprocessing, TensorDeclaration
from harness.scenario_file.kinds import suggestion

LABELS = "labels"
_SIZE_LIMIT = 4 * 2**30  #: bytes, unpacked; a calibration set is a few hundred megabytes at most
_OUTSIDE = 0.05  #: share of the declared range that values may lie outside of it


def read_user(
    path: Path,
    inputs: Sequence[TensorDeclaration],
    least: int = 1,
    choose: Choose = np.arange,
) -> Dataset:
    """The user's samples as tensors for ``inputs``, and the labels if there are any.

    ``choose`` says which of so many samples are wanted; the others are not looked at where that
    saves time. Raises :class:`CatalogueError` in one line when the data do not fit the inputs or
    are fewer than ``least`` samples.
    """
    arrays = dict(_arrays(path))
    if not arrays and path.is_dir() and holds_images(path):
        return read_images(path, _only_image(path, inputs), choose, _SIZE_LIMIT, least)
    labels = arrays.pop(LABELS, None)
    known = [item.name for item in inputs]
    for name in arrays:
        if _key(name, known) is None:
            raise CatalogueError(f"{path}: the model has no input {name!r}; {_hint(name, known)}")
    given = {_key(name, known): array for name, array in arrays.items()}
    for item in inputs:
        if item.name not in given:
            raise CatalogueError(f"{path}: has no array {item.name!r}; add it, one row per sample")
    count = _sample_count(path, given, least)
    chosen = choose(count)
    feeds = {item.name: _checked(path, item, given[item.name])[chosen] for item in inputs}
    classes = _labels(path, labels, count)
    steps = ", ".join(_steps(item, given[item.name]) for item in inputs if item.is_image)
    known_labels = None if classes is None else classes[chosen]
    return Dataset(path.name, GIVEN, feeds, known_labels, preprocessing=steps or "none")


def _only_image(path: Path, inputs: Sequence[TensorDeclaration]) -> TensorDeclaration:
    """The image input that a folder of images is for."""
    if len(inputs) != 1 or inputs[0].preprocessing is None:
        names = ", ".join(item.name for item in inputs)
        raise CatalogueError(
            f"{path}: holds images, and nothing says how they become {names}; give the tensors as "
            "an .npz, or declare a family with preprocessing"
        )
    return inputs[0]


def _arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array of a file or folder by its name."""
    try:
        if path.is_dir():
            for file in sorted(path.glob("*.npy")):
                yield file.stem, np.load(file, allow_pickle=False)
            return
        _check_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            yield from ((name, archive[name]) for name in archive.files)
    except FileNotFoundError:
        raise CatalogueError(f"{path}: there is no such file or folder") from None
    except CatalogueError:
        raise
    except Exception as error:  # noqa: BLE001 - of damaged files numpy raises a dozen kinds
        reason = "holds Python objects" if "allow_pickle" in str(error) else "cannot be read"
        raise CatalogueError(f"{path}: {reason}; write plain numbers with numpy.savez") from None


def _check_archive(path: Path) -> None:
    if path.suffix.lower() != ".npz":
        path.stat()  # a file that is not there is told as such
        raise CatalogueError(f"{path}: give an .npz file or a folder of .npy files or images")
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _SIZE_LIMIT:
        raise CatalogueError(
            f"{path}: holds {unpacked / 2**30:.1f} GiB, {_SIZE_LIMIT // 2**30} GiB are the limit; "
            "give fewer samples"
        )


def _key(name: str, known: Sequence[str]) -> str | None:
    """The input that an array is for; file names cannot hold every letter of a tensor's name."""
    if name in known:
        return name
    plain = {item.replace("/", "_").replace(":", "_"): item for item in known}
    return plain.get(name)


def _hint(name: str, known: Sequence[str]) -> str:
    return suggestion(name, (*known, LABELS))


def _sample_count(path: Path, given: dict[str | None, NDArray[Any]], least: int) -> int:
    counts = {name: len(array) if array.ndim else 0 for name, array in given.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise CatalogueError(f"{path}: the arrays have different numbers of samples ({told})")
    count = next(iter(counts.values()))
    if count == 0:
        raise CatalogueError(f"{path}: holds no samples; the first axis counts them")
    if count < least:
        samples = "1 sample" if count == 1 else f"{count} samples"
        raise CatalogueError(f"{path}: holds {samples}, at least {least} are needed")
    return count


def _checked(path: Path, item: TensorDeclaration, array: NDArray[Any]) -> NDArray[Any]:
    """The array as the input takes it."""
    if item.preprocessing is not None and array.dtype == np.uint8:
        return _from_raw(path, item, item.preprocessing, array)
    wanted = item.shape[1:]
    if array.shape[1:] != wanted:
        raise CatalogueError(
            f"{path}: {item.name!r} has samples of the shape {_text(array.shape[1:])}, "
            f"the model takes {_text(wanted)}"
        )
    _check_kind(path, item, array)
    _check_values(path, item, array)
    return array.astype(item.dtype, copy=False)


def _from_raw(
    path: Path, item: TensorDeclaration, steps: Preprocessing, array: NDArray[Any]
) -> NDArray[Any]:
    _, height, width, channels = item.shape
    if array.ndim != len(item.shape) or array.shape[-1] != channels:
        raise CatalogueError(
            f"{path}: {item.name!r} has raw images of the shape {_text(array.shape[1:])}, "
            f"needed is height x width x {channels}"
        )
    try:
        return preprocess(array, steps, height, width)
    except ValueError as error:
        raise CatalogueError(f"{path}: {item.name!r}: {error}") from None


def _check_kind(path: Path, item: TensorDeclaration, array: NDArray[Any]) -> None:
    """Floats for a float tensor, integers for an integer one; their width does not matter."""
    kinds = "f" if item.dtype.startswith("float") else "iu"
    if array.dtype.kind not in kinds:
        raise CatalogueError(
            f"{path}: {item.name!r} holds {array.dtype.name}, the model takes {item.dtype}"
        )


def _check_values(path: Path, item: TensorDeclaration, array: NDArray[Any]) -> None:
    if not np.isfinite(array).all():
        raise CatalogueError(f"{path}: {item.name!r} holds NaN or infinity; remove those samples")
    if item.range is None:
        return
    low, high = item.range
    slack = _OUTSIDE * (high - low) if item.dtype.startswith("float") else 0
    least, most = float(array.min()), float(array.max())
    if least < low - slack or most > high + slack:
        raise CatalogueError(
            f"{path}: {item.name!r} has values from {least:g} to {most:g}, the model takes "
            f"{low:g} to {high:g}; apply the family's preprocessing first"
        )


def _labels(path: Path, labels: NDArray[Any] | None, count: int) -> NDArray[np.int64] | None:
    if labels is None:
        return None
    if labels.dtype.kind not in "iu" or labels.ndim == 0 or len(labels) != count:
        raise CatalogueError(
            f"{path}: labels are {labels.dtype.name} {_text(labels.shape)}, "
            f"needed are {count} whole numbers, one per sample"
        )
    if labels.min() < 0:
        raise CatalogueError(f"{path}: labels are class numbers from 0 on, not {labels.min()}")
    return labels.astype(np.int64)


def _steps(item: TensorDeclaration, array: NDArray[Any]) -> str:
    raw = item.preprocessing is not None and array.dtype == np.uint8
    return f"{item.name}: {'as the family says' if raw else 'done by the user'}"


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if math.prod(shape) and shape else str(list(shape))
