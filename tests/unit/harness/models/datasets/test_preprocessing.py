from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from harness.models.catalogue import Catalogue
from harness.models.datasets.preprocessing import (
    channels_first,
    dequantize,
    preprocess,
    quantize,
    resize,
)
from harness.models.declaration import Preprocessing

GOLDEN = Path(__file__).resolve().parents[4] / "golden" / "preprocess"
CASES = sorted(GOLDEN.glob("*.json"))


def tensor_of(case: dict) -> np.ndarray:
    """What the reference makes of a golden vector's raw bytes."""
    wanted, plain = case["tensor"], case["preprocessing"]
    shape = wanted["shape"]
    height, width = shape[1:3] if wanted["layout"] == "NHWC" else shape[2:]
    raw = np.frombuffer(bytes.fromhex(case["raw"]["bytes"]), np.uint8)
    steps = Preprocessing(
        plain["divide"], tuple(plain["mean"]), tuple(plain["std"]), plain["resize"]
    )
    values = preprocess(raw.reshape(1, *case["raw"]["shape"]), steps, height, width)
    if wanted["scale"] is not None:
        values = quantize(values, wanted["scale"], wanted["zero_point"], wanted["dtype"])
    return values if wanted["layout"] == "NHWC" else channels_first(values)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_reference_matches_the_golden_vectors(path: Path) -> None:
    case = json.loads(path.read_text())
    made = tensor_of(case)
    assert list(made.shape) == case["tensor"]["shape"]
    assert made.dtype == case["tensor"]["dtype"]
    wanted = np.array(case["values"])
    assert np.abs(made.ravel().astype(np.float64) - wanted).max() <= case["tolerance"]


def test_the_vectors_are_those_of_their_maker(tmp_path: Path) -> None:
    runpy.run_path(str(GOLDEN / "make.py"))["main"](tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in CASES
    }


@pytest.mark.parametrize("family", ["mobilenet_v2", "resnet50", "digits"])
def test_the_vectors_cover_what_the_catalogue_says(family: str) -> None:
    steps = Catalogue.load().family(family).input.preprocessing
    assert steps is not None
    plain = {
        "resize": steps.resize,
        "divide": steps.divide,
        "mean": list(steps.mean),
        "std": list(steps.std),
    }
    assert any(json.loads(path.read_text())["preprocessing"] == plain for path in CASES)


@pytest.mark.parametrize("family", ["mobilenet_v2", "resnet50"])
def test_the_declared_range_is_what_preprocessing_gives(family: str) -> None:
    item = Catalogue.load().family(family).input
    assert item.preprocessing is not None
    assert item.range is not None
    ends = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1).repeat(3, axis=-1)
    values = preprocess(ends, item.preprocessing, 1, 1)
    assert item.range[0] <= values.min() <= item.range[0] + 0.1
    assert item.range[1] - 0.1 <= values.max() <= item.range[1]


@pytest.mark.parametrize("kind", ["linear", "nearest"])
@pytest.mark.parametrize("sizes", [((7, 5), (3, 9)), ((4, 4), (8, 2)), ((1, 6), (5, 5))])
def test_resizing_agrees_with_onnx(
    kind: str, sizes: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """Another implementation of the same definition: ONNX Resize with half-pixel centres."""
    (height, width), (rows, columns) = sizes
    images = np.random.default_rng(4).random((2, height, width, 3), dtype=np.float32) * 255
    node = helper.make_node(
        "Resize", ["x", "", "", "sizes"], ["y"], mode=kind, nearest_mode="round_prefer_ceil"
    )
    graph = helper.make_graph(
        [node],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3, rows, columns])],
        [helper.make_tensor("sizes", TensorProto.INT64, [4], [2, 3, rows, columns])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (wanted,) = session.run(None, {"x": channels_first(images)})
    ours = "bilinear" if kind == "linear" else "nearest"
    np.testing.assert_allclose(channels_first(resize(images, ours, rows, columns)), wanted, 1e-4)


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from(("nearest", "bilinear")),
)
@settings(max_examples=80, deadline=None)
def test_resizing_never_leaves_the_range_of_the_pixels(
    height: int, width: int, size: int, kind: str
) -> None:
    images = np.random.default_rng(height * 31 + width).random((1, height, width, 2)) * 255
    made = resize(images.astype(np.float32), kind, size, size)
    assert made.shape == (1, size, size, 2)
    assert made.min() >= images.min() - 1e-3
    assert made.max() <= images.max() + 1e-3


def test_a_flat_image_stays_flat() -> None:
    images = np.full((1, 5, 9, 1), 77, np.float32)
    for kind in ("nearest", "bilinear"):
        assert set(resize(images, kind, 11, 4).ravel()) == {77}


def test_another_size_is_refused_where_nothing_is_resized() -> None:
    with pytest.raises(ValueError, match="9 x 8 pixels, not 8 x 8"):
        preprocess(np.zeros((1, 9, 8, 1), np.uint8), Preprocessing(16), 8, 8)


@given(st.floats(-3, 3, width=32), st.integers(-128, 127))
def test_quantizing_is_near_within_the_types_range(value: float, zero_point: int) -> None:
    scale = 0.05
    integers = quantize(np.array([value], np.float32), scale, zero_point, "int8")
    back = dequantize(integers, scale, zero_point)
    if -128 < integers[0] < 127:
        assert abs(back[0] - value) <= scale / 2 + 1e-5
