from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import CatalogueError
from harness.models.agreement import Agreement
from harness.models.claims import (
    Claim,
    check_file,
    check_outputs,
    check_precision_name,
    precision_found,
)
from harness.models.convert.inspection import inspect
from harness.models.inspection import Inspection, Operator, Weight
from harness.variant import ModelFormat


def file_of(*layers: tuple[str, str, int]) -> Inspection:
    """Layers by the type of their weights, how they compute, and how many weights they have."""
    names = [f"layer{place}" for place in range(len(layers))]
    return Inspection(
        weights=tuple(
            Weight(f"{name}_w", dtype, (count, 2), count * 2, name, "Conv", "weight")
            for name, (dtype, _, count) in zip(names, layers, strict=True)
        ),
        activations=(),
        operators=tuple(
            Operator(name, "Conv", kind) for name, (_, kind, _) in zip(names, layers, strict=True)
        ),
        inputs=(),
        outputs=(),
    )


GOOD = [
    (Claim("fp32"), [("float32", "float", 1)]),
    (Claim("fp16"), [("float16", "weights", 1)]),
    (Claim("int8", "static"), [("int8", "integer", 90), ("float32", "float", 9)]),
    (Claim("int8", "dynamic"), [("uint8", "dynamic", 1)]),
    (Claim("int8", "float"), [("int8", "weights", 1)]),
    (Claim("int8"), [("int4", "integer", 1)]),
    (Claim("int4", "dynamic"), [("int4", "dynamic", 81), ("float32", "float", 19)]),
    (Claim("int2", "float"), [("uint2", "weights", 1)]),
    (Claim("mixed", None, {"layer0": "keep", "layer1": "int4-weights"}),
     [("float32", "float", 1), ("int4", "weights", 1)]),
]  # fmt: skip
BAD = [
    (Claim("fp32"), [("int8", "integer", 1)], "only 0.0 % of the weights are float32"),
    (Claim("fp16"), [("float32", "float", 1)], "are float16: 1 float32"),
    (Claim("int8", "static"), [("float32", "float", 1)], "fewer .1 float32.; the tool left"),
    (Claim("int8", "static"), [("int8", "weights", 1)], "not compute in integers .*: 1 Conv"),
    (Claim("int8", "dynamic"), [("int8", "weights", 1)], "not compute in integers"),
    (Claim("int4"), [("int8", "weights", 1)], "only 0.0 % of the weights have 4 bits"),
    (Claim("int4"), [("int4", "weights", 7), ("float32", "float", 3)], "only 70.0 %"),
    (Claim("mixed", None, {"layer0": "int4-weights"}), [("int8", "weights", 1)], "layer0 .int8,"),
    (Claim("int8"), [], "no layer of the file multiplies"),
    (Claim("bf16"), [("int8", "integer", 1)], "cannot be proven; use one of fp32"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "layers"), GOOD)
def test_what_a_file_may_be_called(claim: Claim, layers: list[tuple[str, str, int]]) -> None:
    check_file(claim, file_of(*layers))


@pytest.mark.parametrize(("claim", "layers", "message"), BAD)
def test_what_a_file_is_not_called(
    claim: Claim, layers: list[tuple[str, str, int]], message: str
) -> None:
    with pytest.raises(CatalogueError, match=message):
        check_file(claim, file_of(*layers))


def figures(cosine: float, *, alive: bool = True) -> Agreement:
    return Agreement(8, 0.1, cosine, 20.0, alive)


def test_bad_outputs_are_a_finding_and_dead_ones_no_model() -> None:
    assert check_outputs(Claim("int8"), figures(0.95)) == ()
    assert check_outputs(Claim("int8"), figures(0.85)) == ("LOW-AGREEMENT",)
    with pytest.raises(CatalogueError, match="hardly change with the input"):
        check_outputs(Claim("int8"), figures(0.0, alive=False))
    assert check_outputs(Claim("int2"), figures(0.0, alive=False)) == ("LOW-AGREEMENT",)


def test_precision_names() -> None:
    check_precision_name("int4")
    with pytest.raises(CatalogueError, match="'INT8' cannot be proven"):
        check_precision_name("INT8")


REAL = [
    ("vww_96_int8.tflite", "int8", {"integer"}),
    ("mobilenet_v2_1.0_224_quant.tflite", "int8", {"integer"}),
    ("vww_96_float.tflite", "fp32", {"float"}),
    ("mnist.onnx", "fp32", {"float"}),
    ("kws_ref_model_float32.tflite", "mixed", {"float", "dynamic"}),  # its name says otherwise
]


@pytest.mark.parametrize(("name", "precision", "kinds"), REAL)
def test_real_models(shared_models: Path, name: str, precision: str, kinds: set[str]) -> None:
    path = shared_models / name
    seen = inspect(path, ModelFormat(path.suffix[1:]))
    assert precision_found(seen) == precision
    assert set(seen.to_json()["operators_by_kind"]) == kinds
    assert Inspection.from_json(seen.to_json()) == seen


def test_weights_inside_if_count(shared_models: Path) -> None:
    seen = inspect(shared_models / "silero_vad_16k_op15.onnx", ModelFormat.ONNX)
    assert seen.weight_bytes["float32"] > 1_200_000
    assert any("inner graphs" in note for note in seen.notes)
    assert seen.operator_counts("float")["LSTM"] == 2
