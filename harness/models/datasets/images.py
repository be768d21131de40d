"""A folder of images as samples: one sub-folder for each class, or a file that names the labels.

::

    photos/cat/001.jpg             or    photos/001.jpg
    photos/dog/002.png                   photos/002.png
    photos/classes.txt (optional)        photos/labels.csv (optional): 001.jpg,0

Class folders that are called by whole numbers are those classes; others are numbered from 0 in the
order of their names, as ImageNet's are. ``classes.txt`` says otherwise: its first line is the name
of class 0. Labels in ``labels.csv`` are class numbers, or names from ``classes.txt``.

Images are decoded by Pillow, turned upright as their EXIF data say, and then go the way of all raw
images: :mod:`harness.models.datasets.preprocessing`.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models.datasets.dataset import GIVEN, Dataset
from harness.models.datasets.preprocessing import preprocess
from harness.models.declaration import TensorDeclaration
from harness.scenario_file.kinds import suggestion

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp")
LABELS, CLASSES = "labels.csv", "classes.txt"
_MODES = {1: "L", 3: "RGB"}
_FLOAT_BYTES = 4

#: Which of so many samples are wanted, as indices.
Choose = Callable[[int], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Listing:
    """The images of a folder in the order of their names, and their classes where these are known.

    Nothing is decoded yet.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...] | None


def holds_images(folder: Path) -> bool:
    """Whether there is an image in the folder or in one of its sub-folders."""
    return bool(_images(folder)) or any(_images(each) for each in _folders(folder))


def read_images(
    folder: Path, item: TensorDeclaration, choose: Choose, size_limit: int, least: int = 1
) -> Dataset:
    """The chosen images as tensors for ``item``, with labels where the folder has them.

    Raises :class:`CatalogueError` in one line when the images or the labels do not fit.
    """
    listing = listed(folder)
    if len(listing.paths) < least:
        count = "1 image" if len(listing.paths) == 1 else f"{len(listing.paths)} images"
        raise CatalogueError(f"{folder}: holds {count}, at least {least} are needed")
    chosen = choose(len(listing.paths))
    size_bytes = len(chosen) * math.prod(item.shape) * _FLOAT_BYTES
    if size_bytes > size_limit:
        raise CatalogueError(
            f"{folder}: {len(chosen)} images make {size_bytes / 2**30:.1f} GiB, "
            f"{size_limit / 2**30:g} GiB are the limit; give fewer"
        )
    tensors = np.empty((len(chosen), *item.shape[1:]), np.float32)
    for row, place in enumerate(chosen):
        tensors[row : row + 1] = _tensor(listing.paths[place], item)
    labels = None if listing.labels is None else np.array(listing.labels, np.int64)[chosen]
    told = f"{item.name}: decoded by Pillow, then as the family says"
    return Dataset(folder.name, GIVEN, {item.name: tensors}, labels, preprocessing=told)


def listed(folder: Path) -> Listing:
    """The folder's images and labels; :class:`CatalogueError` for labels that do not fit."""
    flat = _images(folder)
    classes = [each for each in _folders(folder) if _images(each)]
    if flat and classes:
        raise CatalogueError(
            f"{folder}: has images beside the class folder {classes[0].name!r}; put each into one"
        )
    names = _class_names(folder)
    if classes:
        if (folder / LABELS).exists():
            raise CatalogueError(f"{folder}: has class folders and {LABELS}; remove one of them")
        return _by_folders(folder, classes, names)
    return Listing(tuple(flat), _from_file(folder, flat, names))


def _by_folders(folder: Path, classes: Sequence[Path], names: Sequence[str] | None) -> Listing:
    if names is not None:
        numbers = [_number(each.name, names, str(folder)) for each in classes]
    elif all(each.name.isdecimal() for each in classes):
        numbers = [int(each.name) for each in classes]
    else:
        numbers = list(range(len(classes)))
    pairs = [
        (image, number)
        for each, number in zip(classes, numbers, strict=True)
        for image in _images(each)
    ]
    return Listing(tuple(image for image, _ in pairs), tuple(number for _, number in pairs))


def _from_file(
    folder: Path, images: Sequence[Path], names: Sequence[str] | None
) -> tuple[int, ...] | None:
    """Labels by ``labels.csv``; None where there is no such file."""
    path = folder / LABELS
    if not path.exists():
        return None
    given: dict[str, int] = {}
    for line, row in enumerate(csv.reader(_text(path).splitlines()), 1):
        if not row or (line == 1 and [word.strip() for word in row] == ["file", "label"]):
            continue
        if len(row) != 2:
            raise CatalogueError(f"{path}:{line}: write FILE,LABEL on each line")
        name, label = (word.strip() for word in row)
        given[name] = _number(label, names, f"{path}:{line}")
    known = [image.name for image in images]
    for name in given:
        if name not in known:
            raise CatalogueError(f"{path}: there is no image {name!r}; {suggestion(name, known)}")
    missing = [name for name in known if name not in given]
    if missing:
        raise CatalogueError(
            f"{path}: has no label for {missing[0]!r} ({len(missing)} of {len(known)} images)"
        )
    return tuple(given[name] for name in known)


def _number(label: str, names: Sequence[str] | None, place: str) -> int:
    """The class that a folder's name or a label means."""
    if names is not None and label in names:
        return names.index(label)
    if label.isdecimal():
        return int(label)
    if names is None:
        raise CatalogueError(
            f"{place}: {label!r} is no class number; write one, or list the names in {CLASSES}"
        )
    raise CatalogueError(f"{place}: {label!r} is not in {CLASSES}; {suggestion(label, names)}")


def _class_names(folder: Path) -> list[str] | None:
    path = folder / CLASSES
    if not path.exists():
        return None
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: is no UTF-8 text ({error})") from None


def _images(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _tensor(path: Path, item: TensorDeclaration) -> NDArray[np.float32]:
    """One image as a batch of one."""
    _, height, width, channels = item.shape
    if item.preprocessing is None or channels not in _MODES:
        raise CatalogueError(
            f"{path}: images have 1 or 3 channels and are preprocessed; give the tensors of "
            f"{item.name!r} as an .npz"
        )
    pixels = decoded(path, _MODES[channels])
    try:
        return preprocess(pixels[np.newaxis], item.preprocessing, height, width)
    except ValueError as error:
        raise CatalogueError(f"{path}: {error}; resize it, or let the family resize") from None


def decoded(path: Path, mode: str) -> NDArray[np.uint8]:
    """An image's pixels, ``(height, width, channels)``; ``mode`` is Pillow's, RGB or L (grey)."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise CatalogueError(
            "images are decoded by Pillow; install it with pip install 'benchfarm[models]'"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                upright = ImageOps.exif_transpose(image).convert(mode)
    except Exception as error:  # noqa: BLE001 - decoders raise a dozen kinds for damaged files
        said = " ".join(str(error).split())[:160].replace(str(path), path.name)
        raise CatalogueError(f"{path}: is no image that can be read ({said})") from None
    pixels: NDArray[Any] = np.asarray(upright, np.uint8)
    return pixels.reshape(upright.height, upright.width, len(mode))
