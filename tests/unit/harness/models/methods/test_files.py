"""Each method's file is what its name says, in both formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.models.claims import check_file, claim_of
from harness.models.methods import METHODS, complete, precision_of
from harness.variant import ModelFormat

ONNX, TFLITE = ModelFormat.ONNX, ModelFormat.TFLITE


def test_the_formats_have_what_the_table_says(made) -> None:
    assert set(made[ONNX]) - set(made[TFLITE]) == {"symmetric", "int2-weights"}
    assert set(made[TFLITE]) - set(made[ONNX]) == {"int4-dynamic"}


@pytest.mark.parametrize("fmt", ModelFormat)
def test_every_file_holds_its_claim(made, fmt: ModelFormat) -> None:
    for name, item in made[fmt].items():
        method = name if name in METHODS else "int8-static"
        check_file(claim_of(precision_of(method), method), item.inspection)


@pytest.mark.parametrize("fmt", ModelFormat)
def test_fewer_bits_are_smaller(made, sources: dict[ModelFormat, Path], fmt: ModelFormat) -> None:
    sizes = {name: item.path.stat().st_size for name, item in made[fmt].items()}
    assert sizes["int4-weights"] < sizes["int8-weights"] < sizes["fp16"]
    assert sizes["fp16"] < sources[fmt].stat().st_size


@pytest.mark.parametrize("fmt", ModelFormat)
def test_eight_bits_and_more_compute_the_model(made, sources, cosine, fmt: ModelFormat) -> None:
    least = {"fp16": 0.99, "int8-weights": 0.8, "a16": 0.6, "int8-static": 0.6}
    for name, wanted in least.items():
        assert cosine(fmt, made[fmt][name].path, sources[fmt]) > wanted


@pytest.mark.parametrize("fmt", ModelFormat)
def test_parameters_are_in_the_file(made, fmt: ModelFormat) -> None:
    static, wide, tensor = (made[fmt][name] for name in ("int8-static", "a16", "per-tensor"))
    bits = {name: set(item.inspection.activation_counts) for name, item in made[fmt].items()}
    assert bits["int8-static"] & {"int8", "uint8"}
    assert bits["a16"] & {"int16", "uint16"}
    assert not bits["a16"] & {"int8", "uint8"}
    assert tensor.path.stat().st_size < static.path.stat().st_size  # one scale for each tensor
    assert static.path.read_bytes() != wide.path.read_bytes()


def test_calibrations_choose_different_ranges(
    make_files, network_writer, network, tmp_path: Path
) -> None:
    """Entropy with the tool's own number of bins is minmax by another name."""
    source = network_writer(network, ONNX, tmp_path / "small.onnx")
    recipes = {
        name: {
            "method": "int8-static",
            "parameters": complete("int8-static", {"calibration": name, "percentile": 99.0}),
            "policy": None,
        }
        for name in ("minmax", "entropy", "percentile")
    }
    image = np.random.default_rng(0).normal(size=(16, 3, 11, 8)).astype(np.float32)
    files = make_files(source, ONNX, recipes, {"image": image})
    assert len({item.path.read_bytes() for item in files.values()}) == 3


def test_images_get_a_fourth_channel_that_changes_nothing(made) -> None:
    """onnxruntime's integer kernels take channels in fours; the outputs are the same to the bit."""
    import onnx
    from onnx import numpy_helper

    from harness.models.convert import engines
    from harness.models.convert.inputs import random_images

    wide = onnx.load(made[ONNX]["int8-static"].path)
    (pad,) = [node for node in wide.graph.node if node.op_type == "Pad"]
    narrow = onnx.ModelProto()
    narrow.CopyFrom(wide)
    for node in narrow.graph.node:
        node.input[:] = [pad.input[0] if name == pad.output[0] else name for name in node.input]
    narrow.graph.node.remove(pad)
    (stem,) = [t for t in narrow.graph.initializer if list(t.dims)[1:] == [4, 3, 3]]
    weights = numpy_helper.to_array(stem)
    assert not weights[:, 3].any()
    stem.CopyFrom(numpy_helper.from_array(weights[:, :3].copy(), stem.name))
    path = made[ONNX]["int8-static"].path.with_name("narrow.onnx")
    path.write_bytes(narrow.SerializeToString())
    images = {"image": random_images(3, 4, (32, 32, 3))}
    outputs = [engines.run(p, ONNX, images) for p in (made[ONNX]["int8-static"].path, path)]
    assert np.array_equal(*outputs)


@pytest.mark.parametrize("name", ["symmetric", "a16", "int8-dynamic", "int8-weights", "fp16"])
def test_other_kernels_get_no_fourth_channel(made, name: str) -> None:
    import onnx

    graph = onnx.load(made[ONNX][name].path).graph
    assert not [node for node in graph.node if node.op_type == "Pad"]


def test_two_bits_take_a_quarter_of_eight(made) -> None:
    two, eight = (made[ONNX][name].inspection for name in ("int2-weights", "int8-weights"))
    assert two.weight_bytes["int2"] == pytest.approx(eight.weight_bytes["int8"] / 4, rel=0.01)


def test_making_them_again_gives_the_same_bytes(
    made, make_files, sources, calibration_feeds
) -> None:
    for fmt in ModelFormat:
        names = ("int8-static", "int4-weights", "int8-dynamic")
        recipes = {
            name: {"method": name, "parameters": complete(name, {}), "policy": None}
            for name in names
        }
        again = make_files(sources[fmt], fmt, recipes, calibration_feeds(fmt))
        for name in names:
            assert again[name].path.read_bytes() == made[fmt][name].path.read_bytes()
