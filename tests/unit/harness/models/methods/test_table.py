from __future__ import annotations

import pytest

from harness.errors import CatalogueError
from harness.models.methods import (
    LAYER_METHODS,
    METHODS,
    check_format,
    check_parameters,
    check_size,
    complete,
    parse_value,
    precision_of,
)
from harness.variant import ModelFormat


def test_every_parameter_is_written_out() -> None:
    made = complete("int8-static", {"granularity": "tensor"})
    assert made == {
        "calibration": "minmax",
        "percentile": 99.999,
        "granularity": "tensor",
        "symmetric": False,
        "activation_bits": 8,
    }


def test_defaults_are_choices_of_their_own() -> None:
    for name in METHODS:
        assert complete(name, complete(name, {})) == complete(name, {})


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        ("int9", {}, "unknown method 'int9'"),
        ("int8-static", {"calibraton": "minmax"}, "did you mean 'calibration'"),
        ("int8-static", {"calibration": "max"}, "one of minmax, entropy, percentile, not 'max'"),
        ("int8-static", {"activation_bits": 8.0}, "one of 8, 16"),
        ("int8-static", {"symmetric": 1}, "one of false, true"),
        ("int8-static", {"percentile": 100.5}, "above 50, at most 100"),
        ("prune", {"ratio": 0}, "above 0, at most 0.95"),
        ("prune", {"ratio": float("nan")}, "above 0"),
        ("prune", {"ratio": "half"}, "is a number"),
        ("fp16", {"bits": 16}, "it has none"),
    ],
)
def test_wrong_parameters(method: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(CatalogueError, match=message) as caught:
        complete(method, given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "given", "fmt", "message"),
    [
        ("int4-dynamic", {}, ModelFormat.ONNX, "int4-dynamic is not supported for onnx: onnxrun"),
        ("int2-weights", {}, ModelFormat.TFLITE, "use int2-dynamic"),
        ("int8-static", {"calibration": "entropy"}, ModelFormat.TFLITE, "calibration: entropy"),
        ("int8-dynamic", {"granularity": "block32"}, ModelFormat.ONNX, "no blocks"),
    ],
)
def test_what_a_tool_does_not_have(
    method: str, given: dict[str, object], fmt: ModelFormat, message: str
) -> None:
    with pytest.raises(CatalogueError, match=message):
        check_parameters(method, complete(method, given), fmt)


def test_each_method_has_a_format_and_a_precision() -> None:
    for name in LAYER_METHODS:
        assert any(fmt not in METHODS[name].unsupported for fmt in ModelFormat)
        assert precision_of(name) == name.split("-")[0]
    assert precision_of("fp16") == "fp16"
    for fmt in ModelFormat:
        check_format("int8-static", fmt)


def test_two_gibibytes_are_the_limit() -> None:
    check_size(2**31 - 1, "model")
    with pytest.raises(CatalogueError, match=r"has 2\.0 GiB, quantizers take at most 2 GiB"):
        check_size(2**31, "model")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("8", 8), ("99.9", 99.9), ("tensor", "tensor")]
)
def test_values_on_the_command_line(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)
