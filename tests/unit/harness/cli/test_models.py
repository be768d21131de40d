"""``benchfarm models`` from the command line to what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.errors import HarnessError

CATALOGUE = """\
schema: 1
families:
  tiny:
    task: image-classification
    licence: Apache-2.0
    builder: mobilenet_v2
    parameters: {width: 0.1}
    weights: seeded
    seed: 3
    input: {name: image, layout: NHWC, shape: [1, 32, 32, 3], range: [0, 1]}
    output: {name: logits, shape: [1, 10]}
    formats: [onnx, tflite]
    variants:
      fp32: {precision: fp32, method: construct}
      pruned: {precision: fp32, method: prune, source: fp32, parameters: {ratio: 0.3}}
      int4-dynamic: {precision: int4, method: int4-dynamic, source: fp32}
"""

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path / "cache"))
    catalogue = tmp_path / "mine.yaml"
    catalogue.write_text(CATALOGUE)

    def run(*words: object, own: bool = False) -> Result:
        extra = ["--catalogue", str(catalogue)] if own else []
        words = ("models", *map(str, words), *extra)
        return CliRunner().invoke(cli, words, standalone_mode=False)

    return run


def test_methods_tell_what_is_not_supported(call: Call) -> None:
    said = call("methods").output
    assert "int4-dynamic: 4-bit weights" in said
    assert "not supported for onnx: onnxruntime has no such operator" in said


def test_list_is_without_the_grid_unless_asked(call: Call) -> None:
    short, long = (json.loads(call("list", "--json", *more).output) for more in ([], ["--grid"]))
    assert {row["state"] for row in short} == {"not built"}
    assert not any("_w050_" in row["variant"] for row in short)
    assert any("_w050_" in row["variant"] for row in long)


def test_build_show_verify(call: Call) -> None:
    said = call("build", "tiny/pruned", "tiny/int4-dynamic", own=True).output
    assert "tiny/int4-dynamic onnx: not built: int4-dynamic is not supported for onnx" in said
    assert "tiny/int4-dynamic tflite: " in said
    shown = call("show", "tiny/pruned").output
    assert "of the multiply-accumulates" in shown
    assert "weights by type, in bytes: float32" in shown
    everything = call("show", "tiny/int4-dynamic", "--tensors").output
    assert "weight stem_weights: int4" in everything
    verified = call("verify", "tiny/int4-dynamic", "tiny/pruned")
    assert verified.output.count(": ok") == 12
    assert verified.return_value == 0


def test_verify_ends_with_one_when_something_is_wrong(call: Call, tmp_path: Path) -> None:
    call("build", "tiny/fp32", own=True)
    model = next((tmp_path / "cache" / "objects").rglob("*.tflite"))
    model.chmod(0o644)
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    result = call("verify")
    assert "bytes: damaged: FAILED: build or import it again" in result.output
    assert result.return_value == 1


def test_a_search_writes_a_policy_that_builds(
    call: Call, tmp_path: Path, shared_models: Path
) -> None:
    model, policy = shared_models / "mnist.onnx", tmp_path / "policy.yaml"
    said = call(
        "search", model, "--methods", "int8-weights,int4-weights", "--min-sqnr", "20",
        "--calibration", "random", "-o", policy,
    )  # fmt: skip
    assert "times the float file" in said.output
    assert "Signal-to-noise ratio with one layer quantized alone" in policy.read_text()
    built = call("build", model, "--policy", policy)
    assert "mnist/mixed onnx: 0." in built.output
    table = call("sensitivity", model, "--method", "int4-weights", "--calibration", "random")
    assert "SQNR dB" in table.output
    assert "Convolution28" in call("layers", model).output


MISTAKES = [
    (("build", "mine.onnx"), "say how with --method"),
    (("build", "mine.onnx", "--method", "mixed"), "belong together"),
    (("build", "mine.onnx", "--method", "int9"), "unknown method 'int9'"),
    (("build", "mine.onnx", "--method", "fp16", "-p", "bits"), "'bits' is not NAME=VALUE"),
    (("build", "mine.onnx", "--method", "fp16", "--shape", "x=a"), "give whole numbers"),
    (("build", "mine.onnx", "--method", "fp16"), "there is no such file"),
    (("build", "tinny"), "unknown model family 'tinny'"),
    (("show", "nothing"), "nothing called 'nothing' was built here"),
    (("search", "digits", "-o", "p.yaml"), "say what is good enough"),
    (("search", "digits", "-o", "p.yaml", "--max-loss", "1"), "a percentage such as 1%"),
    (("search", "digits", "-o", "p", "--min-sqnr", "9", "--methods", "fp16"), "no method for"),
    (("coreml", "digits/int8-static", "-o", "x"), "is no float variant"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_mistakes_are_one_line(call: Call, words: tuple[str, ...], message: str) -> None:
    error = call(*words).exception
    assert isinstance(error, HarnessError)
    assert message in str(error)
    assert "\n" not in str(error)
    assert error.exit_code == 2


@pytest.mark.slow
def test_a_core_ml_package(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("coremltools.version", reason="the extra coreml is not installed")
    said = call(
        "coreml", "mobilenet_v2_w035_r96", "--weights", "int8", "-o", tmp_path / "apple"
    ).output
    assert "not run here: Core ML runs on Apple devices only" in said
    (manifest,) = (tmp_path / "apple").glob("*.json")
    told = json.loads(manifest.read_text())
    assert told["inspection"]["operators"]["conv"] == 52
    assert told["inspection"]["weight_bytes"]["int8"] > 0
    assert (tmp_path / "apple" / told["package"] / "Manifest.json").is_file()


def test_a_file_with_free_dimensions_is_shown_and_verified_once_they_are_fixed(
    call: Call, tmp_path: Path
) -> None:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    source, target = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "length", 4]) for name in "xy"
    )
    weights = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [source], [target], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "free.onnx"
    path.write_bytes(model.SerializeToString())
    assert "operators computing in float: MatMul 1" in call("show", path).output
    with pytest.raises(HarnessError, match="fix them with --shape x=1"):
        raise call("verify", path).exception or AssertionError
    verified = call("verify", path, "--shape", "x=1,3,4")
    assert verified.return_value == 0, verified.output
    assert "it runs (8 samples)" in verified.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "fp16"], "--method is for a FILE"),
        (["--policy", "p.yaml"], "--policy is for a FILE"),
        (["-p", "granularity=tensor"], "-p is for a FILE"),
        (["--shape", "x=1,2"], "--shape is for a FILE"),
        (["--as", "mine"], "--as names what --calibration or --method makes"),
        (["--as", "mine", "--calibration", "x.npz", "digits/fp32"], "--as names one variant"),
    ],
)
def test_options_that_a_family_would_ignore_are_refused(
    call: Call, words: list[str], told: str
) -> None:
    assert told in str(call("build", "digits/int8-static", *words).exception)


def test_a_familys_variant_on_data_of_ones_own(call: Call, tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "few.npz", image=np.random.default_rng(0).random((9, 8, 8, 1), np.float32))
    made = call("build", "digits/int8-static", "--calibration", tmp_path / "few.npz", "--as", "own")
    assert made.exception is None, made.exception
    assert "digits/own tflite: 0.30 times the size" in made.output
    assert "calibrated on 9 samples; 100 to 1000 are advised" in made.output
    assert "digits/own" in call("list").output
    assert "data few.npz" in call("show", "digits/own").output
