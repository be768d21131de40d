"""Folders of images: labels by folder or by file, pixels as the golden vectors want them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import CatalogueError
from harness.models.datasets.images import decoded, listed
from harness.models.datasets.samples import calibration_set
from harness.models.datasets.user import read_user
from harness.models.declaration import Preprocessing, TensorDeclaration

STEPS = Preprocessing(127.5, (1.0,), (1.0,), "bilinear")
IMAGE = TensorDeclaration("image", (1, 4, 6, 3), "float32", "NHWC", (-1.0, 1.0), STEPS)
GOLDEN = Path(__file__).resolve().parents[4] / "golden" / "preprocess"
#: Those of float tensors; integers are made from the same floats by whoever loads the file.
CASES = [
    path
    for path in sorted(GOLDEN.glob("*.json"))
    if json.loads(path.read_text())["tensor"]["scale"] is None
]


def paint(path: Path, shade: int = 0, size: tuple[int, int] = (9, 7), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = shade if mode == "L" else (shade, 255 - shade, 7)
    Image.new(mode, size, colour).save(path)
    return path


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_png_becomes_the_tensor_of_the_golden_vector(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text())
    raw = np.frombuffer(bytes.fromhex(case["raw"]["bytes"]), np.uint8).reshape(case["raw"]["shape"])
    Image.fromarray(raw if raw.shape[-1] == 3 else raw[..., 0]).save(tmp_path / "raw.png")
    plain, shape = case["preprocessing"], case["tensor"]["shape"]
    first = case["tensor"]["layout"] == "NCHW"
    steps = Preprocessing(
        plain["divide"], tuple(plain["mean"]), tuple(plain["std"]), plain["resize"]
    )
    sizes = (1, *shape[2:], shape[1]) if first else tuple(shape)
    item = TensorDeclaration("image", sizes, "float32", "NHWC", None, steps)
    made = read_user(tmp_path, [item]).inputs["image"]
    made = made.transpose(0, 3, 1, 2) if first else made
    assert np.abs(made.ravel() - np.array(case["values"])).max() <= case["tolerance"]


def test_class_folders_are_numbered_by_name(tmp_path: Path) -> None:
    for name in ("dog/b.png", "dog/a.JPG", "cat/c.bmp"):
        paint(tmp_path / name, 30)
    (tmp_path / ".thumbs").mkdir()
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    known = read_user(tmp_path, [IMAGE])
    assert known.labels is not None
    assert known.labels.tolist() == [0, 1, 1]
    assert known.inputs["image"].shape == (3, 4, 6, 3)
    assert known.preprocessing == "image: decoded by Pillow, then as the family says"


def test_folders_of_numbers_and_named_classes(tmp_path: Path) -> None:
    for name in ("10/a.png", "2/b.png"):
        paint(tmp_path / "numbers" / name)
    assert listed(tmp_path / "numbers").labels == (10, 2)
    for name in ("ant/a.png", "bee/b.png"):
        paint(tmp_path / "named" / name)
    (tmp_path / "named" / "classes.txt").write_text("wasp\nbee\nant\n")
    assert listed(tmp_path / "named").labels == (2, 1)


def test_a_labels_file(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.png"):
        paint(tmp_path / name)
    assert listed(tmp_path).labels is None
    assert read_user(tmp_path, [IMAGE]).labels is None
    (tmp_path / "labels.csv").write_text("file,label\nb.png,4\n\na.png, dog\nc.png,0\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    listing = listed(tmp_path)
    assert [path.name for path in listing.paths] == ["a.png", "b.png", "c.png"]
    assert listing.labels == (1, 4, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.png,0\n", "labels.csv: has no label for 'b.png' .1 of 2 images"),
        ("a.png,0\nb.png,1\nd.png,1\n", "labels.csv: there is no image 'd.png'"),
        ("a.png,0,1\n", "labels.csv:1: write FILE,LABEL on each line"),
        ("a.png,-1\nb.png,1\n", "labels.csv:1: '-1' is no class number"),
        ("a.png,cat\nb.png,1\n", "labels.csv:1: 'cat' is no class number.*classes.txt"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, text: str, told: str) -> None:
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(CatalogueError, match=told):
        listed(tmp_path)


def test_classes_that_nobody_knows(tmp_path: Path) -> None:
    paint(tmp_path / "beee" / "b.png")
    (tmp_path / "classes.txt").write_text("wasp\nbee\n")
    with pytest.raises(CatalogueError, match=r"'beee' is not in classes\.txt.*bee"):
        listed(tmp_path)
    (tmp_path / "classes.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(CatalogueError, match="is no UTF-8 text"):
        listed(tmp_path)


def test_two_ways_at_once(tmp_path: Path) -> None:
    paint(tmp_path / "cat" / "a.png")
    (tmp_path / "labels.csv").write_text("a.png,0\n")
    with pytest.raises(CatalogueError, match=r"has class folders and labels\.csv"):
        listed(tmp_path)
    paint(tmp_path / "b.png")
    with pytest.raises(CatalogueError, match="images beside the class folder 'cat'"):
        listed(tmp_path)


def test_images_are_upright_and_in_the_inputs_colours(tmp_path: Path) -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    assert decoded(tmp_path / "turned.png", "RGB").shape == (3, 2, 3)
    Image.new("RGBA", (2, 2), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert decoded(tmp_path / "clear.png", "RGB")[0, 0].tolist() == [10, 20, 30]
    paint(tmp_path / "grey.png", 77, mode="L")
    assert decoded(tmp_path / "grey.png", "RGB")[0, 0].tolist() == [77, 77, 77]
    assert decoded(tmp_path / "grey.png", "L").shape == (7, 9, 1)


def test_damaged_images_are_named_in_one_line(tmp_path: Path) -> None:
    whole = paint(tmp_path / "whole.png", size=(64, 64)).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CatalogueError, match=r"half\.png: is no image that can be read") as caught:
        read_user(tmp_path, [IMAGE])
    assert "\n" not in str(caught.value)


def test_an_image_that_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(CatalogueError, match=r"is no image that can be read .*63 pixels"):
        decoded(paint(tmp_path / "large.png"), "RGB")


def test_only_the_chosen_images_are_decoded(tmp_path: Path) -> None:
    for place in range(20):
        paint(tmp_path / f"{place:02d}.png", place)
    (tmp_path / "99.png").write_bytes(b"damaged")
    chosen = {}
    for seed in range(6):
        with contextlib.suppress(CatalogueError):
            chosen[seed] = calibration_set([IMAGE], None, 8, seed, source=tmp_path)
    assert 0 < len(chosen) < 6  # the damaged one is among the eight of some seeds
    assert all(len(item) == 8 and not item.random for item in chosen.values())
    assert len({item.digest for item in chosen.values()}) == len(chosen)


def test_too_few_and_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "a.png")
    with pytest.raises(CatalogueError, match="holds 1 image, at least 8 are needed"):
        calibration_set([IMAGE], None, 8, 0, source=tmp_path)
    monkeypatch.setattr("harness.models.datasets.user._SIZE_LIMIT", 100)
    with pytest.raises(CatalogueError, match=r"1 images make 0.0 GiB.*give fewer"):
        read_user(tmp_path, [IMAGE])


def test_inputs_that_no_image_becomes(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    plain = TensorDeclaration("x", (1, 4, 6, 3))
    with pytest.raises(CatalogueError, match="nothing says how they become x"):
        read_user(tmp_path, [plain])
    with pytest.raises(CatalogueError, match="nothing says how they become image, image"):
        read_user(tmp_path, [IMAGE, IMAGE])
    wide = TensorDeclaration("image", (1, 4, 6, 4), "float32", "NHWC", None, STEPS)
    with pytest.raises(CatalogueError, match="images have 1 or 3 channels"):
        read_user(tmp_path, [wide])
    fixed = TensorDeclaration("image", (1, 4, 6, 3), "float32", "NHWC", None, Preprocessing())
    with pytest.raises(CatalogueError, match="7 x 9 pixels, not 4 x 6; resize it"):
        read_user(tmp_path, [fixed])
