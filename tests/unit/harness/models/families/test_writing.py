"""Every kind of network: both formats hold the same weights and compute what the layers say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from harness.models.convert import ConvertError, engines, to_onnx, to_tflite
from harness.models.convert.feeds import Feeds, channels_first
from harness.models.convert.inputs import random_feeds
from harness.models.convert.layers import Network
from harness.models.convert.network import declared_inputs, network_of
from harness.models.convert.reference import run_all
from harness.variant import ModelFormat

RecipeOf = Callable[..., dict[str, Any]]
KINDS = ["small_resnet", "small_bert", "small_decoder", "small_digits"]
WRITERS = {ModelFormat.ONNX: to_onnx.write, ModelFormat.TFLITE: to_tflite.write}


@pytest.fixture(scope="session")
def networks(recipe_of: RecipeOf) -> dict[str, Network]:
    return {kind: network_of(recipe_of(kind)) for kind in KINDS}


@pytest.fixture
def feeds_of(recipe_of: RecipeOf) -> Callable[[str], Feeds]:
    return lambda kind: random_feeds(declared_inputs(recipe_of(kind)), 9, 3)


def rows(outputs: dict[str, np.ndarray]) -> np.ndarray:
    return engines.joined_outputs(zip(*outputs.values(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_both_formats_compute_the_layers(
    tmp_path: Path, networks: dict[str, Network], feeds_of: Callable[[str], Feeds], kind: str
) -> None:
    network, feeds = networks[kind], feeds_of(kind)
    wanted = rows(run_all(network, feeds))
    assert wanted.std(axis=0).mean() > 0.05  # the outputs depend on the input
    for fmt, write in WRITERS.items():
        path = tmp_path / f"net.{fmt}"
        write(network, path)
        np.testing.assert_allclose(engines.run(path, fmt, feeds), wanted, atol=3e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_files_say_what_the_catalogue_declares(
    tmp_path: Path, networks: dict[str, Network], recipe_of: RecipeOf, kind: str
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    recipe = recipe_of(kind)
    for fmt, write in WRITERS.items():
        write(networks[kind], tmp_path / f"net.{fmt}")
    session = onnxruntime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
    interpreter = Interpreter(str(tmp_path / "net.tflite"), num_threads=1)
    for key, onnx_items, tflite_items in (
        ("inputs", session.get_inputs(), interpreter.get_input_details()),
        ("outputs", session.get_outputs(), interpreter.get_output_details()),
    ):
        declared = recipe["network"][key]
        assert [item.name for item in onnx_items] == [item["name"] for item in declared]
        assert [item["name"] for item in tflite_items] == [item["name"] for item in declared]
        assert [item["dtype"].__name__ for item in tflite_items] == [d["dtype"] for d in declared]
        assert [item["shape"].tolist() for item in tflite_items] == [d["shape"] for d in declared]


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_is_one_that_a_quantizer_makes(
    tmp_path: Path, networks: dict[str, Network], kind: str
) -> None:
    """onnxruntime puts ``<tensor>_scale`` and the like beside a tensor, and asks nobody."""
    to_onnx.write(networks[kind], tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    made = ("_scale", "_zero_point", "_quantized", "_dequantized", "_QuantizeLinear")
    assert not [name for name in names if name.endswith(made)]


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_takes_a_whole_batch(
    tmp_path: Path, networks: dict[str, Network], feeds_of: Callable[[str], Feeds], kind: str
) -> None:
    network, feeds = networks[kind], feeds_of(kind)
    to_onnx.write(network, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
    outputs = session.run(None, channels_first(feeds))
    for made, wanted in zip(outputs, run_all(network, feeds).values(), strict=True):
        np.testing.assert_allclose(made, wanted, atol=3e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_tflite_can_be_resized_to_a_batch(
    tmp_path: Path, networks: dict[str, Network], feeds_of: Callable[[str], Feeds], kind: str
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    network, feeds = networks[kind], feeds_of(kind)
    to_tflite.write(network, tmp_path / "net.tflite")
    interpreter = Interpreter(str(tmp_path / "net.tflite"), num_threads=1)
    details = interpreter.get_input_details()
    for item, values in zip(details, feeds.values(), strict=True):
        interpreter.resize_tensor_input(item["index"], values.shape)
    interpreter.allocate_tensors()
    for item, values in zip(details, feeds.values(), strict=True):
        interpreter.set_tensor(item["index"], values)
    interpreter.invoke()
    wanted = run_all(network, feeds)
    for item in interpreter.get_output_details():
        made = interpreter.get_tensor(item["index"])
        np.testing.assert_allclose(made, wanted[item["name"]], atol=3e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_always_gives_the_same_bytes(
    tmp_path: Path, networks: dict[str, Network], recipe_of: RecipeOf, kind: str
) -> None:
    again = network_of(recipe_of(kind))
    for fmt, write in WRITERS.items():
        write(networks[kind], tmp_path / f"first.{fmt}")
        write(again, tmp_path / f"second.{fmt}")
        assert (tmp_path / f"first.{fmt}").read_bytes() == (tmp_path / f"second.{fmt}").read_bytes()


@pytest.mark.parametrize(
    ("kind", "key", "change", "advice"),
    [
        ("small_bert", "inputs", {"name": "tokens"}, None),
        (
            "small_bert",
            "inputs",
            {"shape": [1, 13]},
            r"ids int32 \[1, 12\], the catalogue says ids",
        ),
        ("small_bert", "inputs", {"dtype": "float32"}, "catalogue says ids float32"),
        ("small_decoder", "outputs", {"shape": [1, 51]}, None),
    ],
)
def test_tensors_are_those_of_the_catalogue(
    recipe_of: RecipeOf, kind: str, key: str, change: dict[str, Any], advice: str | None
) -> None:
    """The first tensor's name and the number of logits are free, all else is the builder's."""
    recipe = recipe_of(kind)
    recipe["network"][key][0] |= change
    if advice is None:
        network = network_of(recipe)
        names = {"inputs": network.inputs[0].name, "outputs": network.outputs[0]}
        assert names[key] == recipe["network"][key][0]["name"]
        return
    with pytest.raises(ConvertError, match=advice):
        network_of(recipe)


@pytest.mark.parametrize(
    ("change", "advice"),
    [({"heads": 5.0}, "not divided by 5 heads"), ({"layers": 1.5}, "layers is a whole number")],
)
def test_parameters_that_make_no_transformer(
    recipe_of: RecipeOf, change: dict[str, float], advice: str
) -> None:
    recipe = recipe_of("small_bert")
    recipe["network"]["parameters"] |= change
    with pytest.raises(ConvertError, match=advice):
        network_of(recipe)
