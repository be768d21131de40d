from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from harness.models.convert import engines, to_onnx, to_tflite
from harness.models.convert.inputs import random_images
from harness.models.convert.inspection import inspect
from harness.models.convert.layers import Network
from harness.models.convert.reference import run
from harness.variant import ModelFormat

WRITERS = {ModelFormat.ONNX: to_onnx.write, ModelFormat.TFLITE: to_tflite.write}


@pytest.fixture
def images(network: Network) -> np.ndarray:
    return random_images(5, 3, network.input_shape)


@pytest.mark.parametrize("fmt", ModelFormat)
def test_files_compute_what_the_layers_say(
    tmp_path: Path, network: Network, images: np.ndarray, fmt: ModelFormat
) -> None:
    path = tmp_path / f"net.{fmt}"
    WRITERS[fmt](network, path)
    wanted = run(network, images)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(engines.run(path, fmt, images), wanted, atol=1e-5)


@pytest.mark.parametrize("fmt", ModelFormat)
def test_the_bytes_are_always_the_same(tmp_path: Path, network: Network, fmt: ModelFormat) -> None:
    first, second = tmp_path / "first", tmp_path / "elsewhere"
    WRITERS[fmt](network, first)
    WRITERS[fmt](network, second)
    assert first.read_bytes() == second.read_bytes()


def test_onnx_takes_any_batch(tmp_path: Path, network: Network, images: np.ndarray) -> None:
    import onnxruntime

    path = tmp_path / "net.onnx"
    to_onnx.write(network, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 3, 11, 8]
    (output,) = session.run(None, {"image": images.transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(output, run(network, images), atol=1e-5)


def test_tflite_can_be_resized(tmp_path: Path, network: Network, images: np.ndarray) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "net.tflite"
    to_tflite.write(network, path)
    interpreter = Interpreter(str(path), num_threads=1)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, images)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(output, run(network, images), atol=1e-5)


def test_tflite_has_a_signature(tmp_path: Path, network: Network) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "net.tflite"
    to_tflite.write(network, path)
    signatures = Interpreter(str(path)).get_signature_list()
    assert signatures == {to_tflite.SIGNATURE: {"inputs": ["image"], "outputs": ["logits"]}}


def test_tflite_weights_are_aligned(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "net.tflite"
    to_tflite.write(network, path)
    content = path.read_bytes()
    for layer in network.layers:
        weights = getattr(layer, "bias", None)
        if weights is not None:
            assert content.index(weights.tobytes()) % 16 == 0


@pytest.mark.parametrize("fmt", ModelFormat)
def test_inspection_of_a_float_file(tmp_path: Path, network: Network, fmt: ModelFormat) -> None:
    path = tmp_path / f"net.{fmt}"
    WRITERS[fmt](network, path)
    seen = inspect(path, fmt)
    assert {operator.kind for operator in seen.operators} == {"float"}
    assert len(seen.operators) >= len(network.layers)
    assert {activation.dtype for activation in seen.activations} == {"float32"}
    floats = sum(
        array.nbytes
        for layer in network.layers
        for array in (getattr(layer, "weights", None), getattr(layer, "bias", None))
        if array is not None
    )
    limits = struct.calcsize("2f") if fmt is ModelFormat.ONNX else 0  # of ReLU6, as constants
    assert seen.weight_bytes["float32"] == floats + limits
