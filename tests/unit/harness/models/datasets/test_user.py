from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import CatalogueError
from harness.models.datasets import user
from harness.models.datasets.preprocessing import preprocess
from harness.models.datasets.user import read_user
from harness.models.declaration import Preprocessing, TensorDeclaration

STEPS = Preprocessing(127.5, (1.0,), (1.0,), "bilinear")
IMAGE = TensorDeclaration("image", (1, 4, 6, 3), "float32", "NHWC", (-1.0, 1.0), STEPS)
IDS = TensorDeclaration("ids", (1, 5), "int32", None, (0.0, 99.0))
SLASHED = TensorDeclaration("model/in:0", (1, 2))

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def saved(**arrays: Any) -> Path:
        np.savez(tmp_path / "user.npz", **arrays)
        return tmp_path / "user.npz"

    return saved


def images(count: int = 9, **changes: Any) -> np.ndarray:
    return np.zeros((count, 4, 6, 3), **{"dtype": np.float32, **changes})


def test_arrays_by_name(save: Save) -> None:
    ids = np.arange(15).reshape(3, 5)
    known = read_user(save(ids=ids, image=images(3), labels=np.array([2, 0, 1])), [IMAGE, IDS])
    assert list(known.inputs) == ["image", "ids"]  # in the model's order
    assert known.inputs["ids"].dtype == np.int32
    assert np.array_equal(known.inputs["ids"], ids)
    assert known.labels is not None
    assert known.labels.tolist() == [2, 0, 1]
    assert (known.split, len(known)) == ("given", 3)
    assert known.preprocessing == "image: done by the user"


def test_raw_images_are_preprocessed(save: Save) -> None:
    raw = np.random.default_rng(1).integers(0, 256, (2, 9, 7, 3), np.uint8)
    known = read_user(save(image=raw), [IMAGE])
    np.testing.assert_array_equal(known.inputs["image"], preprocess(raw, STEPS, 4, 6))
    assert known.preprocessing == "image: as the family says"


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "model_in_0.npy", np.ones((4, 2), np.float32))
    np.save(tmp_path / "labels.npy", np.arange(4))
    known = read_user(tmp_path, [SLASHED])
    assert known.inputs["model/in:0"].shape == (4, 2)
    assert known.labels is not None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "shape": ({"image": np.zeros((9, 6, 4, 3), np.float32)}, "6 x 4 x 3, the model takes 4 x 6"),
    "no channel axis": ({"image": np.zeros((9, 4, 6), np.float32)}, "the model takes 4 x 6 x 3"),
    "raw channels": ({"image": np.zeros((9, 4, 6, 1), np.uint8)}, "height x width x 3"),
    "dtype": ({"image": images(dtype=np.int64)}, "holds int64, the model takes float32"),
    "text": ({"image": np.array(["a"] * 9)}, "the model takes"),
    "NaN": ({"image": images() + np.float32("nan")}, "NaN or infinity; remove those"),
    "infinity": ({"image": images() + np.float32("inf")}, "NaN or infinity"),
    "not normalised": ({"image": images() + 255}, "from 255 to 255, the model takes -1 to 1"),
    "empty": ({"image": images(0)}, "holds no samples"),
    "a scalar": ({"image": np.float32(1)}, "holds no samples"),
    "one sample": ({"image": images(1)}, "1 sample, at least 8 are needed"),
    "unknown name": ({"image": images(), "imige": images()}, "no input 'imige'; did you mean"),
    "missing": ({"labels": np.arange(9)}, "has no array 'image'"),
    "different counts": ({"image": images(), "ids": np.zeros((8, 5), int)}, "image 9, ids 8"),
    "label count": ({"image": images(), "labels": np.arange(8)}, "9 whole numbers, one per sample"),
    "label type": ({"image": images(), "labels": np.ones(9)}, "labels are float64"),
    "label sign": ({"image": images(), "labels": np.arange(9) - 1}, "from 0 on, not -1"),
    "token": ({"image": images(), "ids": np.full((9, 5), 100)}, "from 100 to 100"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "advice"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_told_in_one_line(
    save: Save, arrays: dict[str, Any], advice: str
) -> None:
    wanted = [IMAGE, IDS] if "ids" in arrays else [IMAGE]
    with pytest.raises(CatalogueError) as caught:
        read_user(save(**arrays), wanted, least=8)
    assert advice in str(caught.value)
    assert "user.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_size_that_nothing_resizes(save: Save) -> None:
    fixed = TensorDeclaration(
        "image", (1, 8, 8, 1), "float32", "NHWC", (0.0, 1.0), Preprocessing(16)
    )
    with pytest.raises(CatalogueError, match="9 x 8 pixels, not 8 x 8"):
        read_user(save(image=np.zeros((9, 9, 8, 1), np.uint8)), [fixed])


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    text, objects = tmp_path / "text.npz", tmp_path / "objects.npz"
    text.write_text("image: 3\n")
    np.savez(objects, image=np.array([{"a": 1}], dtype=object))
    (tmp_path / "data.csv").write_text("1,2\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps([1, 2]))
    for name, advice in {
        "none.npz": "no such file or folder",
        "text.npz": "cannot be read",
        "pickled.npz": "cannot be read",
        "objects.npz": "holds Python objects",
        "data.csv": "give an .npz file or a folder",
        "none.csv": "no such file or folder",
        "empty": "has no array 'image'",
    }.items():
        with pytest.raises(CatalogueError, match=advice) as caught:
            read_user(tmp_path / name, [IMAGE])
        assert "\n" not in str(caught.value)


def test_a_bomb_is_not_unpacked(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "_SIZE_LIMIT", 1000)
    with pytest.raises(CatalogueError, match="give fewer samples"):
        read_user(save(image=images()), [IMAGE])


@given(cut=st.integers(0, 400), flip=st.integers(0, 400))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_file_is_told_or_read(tmp_path: Path, cut: int, flip: int) -> None:
    np.savez(tmp_path / "whole.npz", image=images(2))
    content = bytearray((tmp_path / "whole.npz").read_bytes())
    content[flip % len(content)] ^= 0x55
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(bytes(content[: len(content) - cut]))
    try:
        known = read_user(damaged, [IMAGE])
    except CatalogueError:
        return
    assert known.inputs["image"].shape == (2, 4, 6, 3)
