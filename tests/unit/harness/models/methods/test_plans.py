"""Which layer gets which method, from patterns to files."""

from __future__ import annotations

import pytest

from harness.errors import CatalogueError
from harness.models.claims import check_file, claim_of
from harness.models.convert import ConvertError
from harness.models.convert.job import Layer, matching, plan_of
from harness.models.methods import complete
from harness.models.policy import Policy, Rule, Setting
from harness.variant import ModelFormat

LAYERS = (
    Layer("stem", "Conv", True),
    Layer("add", "Add", False),
    Layer("block01_expand", "Conv", True),
    Layer("softmax", "Softmax", False),
    Layer("head", "Gemm", True),
)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("first", ["stem"]),
        ("last", ["head"]),
        ("op:softmax", ["softmax"]),
        ("op:*", [layer.name for layer in LAYERS]),
        ("block*", ["block01_expand"]),
        ("s*", ["stem", "softmax"]),
    ],
)
def test_patterns(pattern: str, names: list[str]) -> None:
    assert matching(pattern, LAYERS) == names


@pytest.mark.parametrize(
    ("pattern", "near"), [("blok01_expand", "block01_expand"), ("op:Softmx", "op:Softmax")]
)
def test_a_pattern_that_no_layer_has_names_the_nearest(pattern: str, near: str) -> None:
    with pytest.raises(ConvertError, match=f"no layer matches '{pattern}'.*{near}"):
        matching(pattern, LAYERS)


def setting(method: str, **given: object) -> Setting:
    return Setting(method, complete(method, given) if method != "keep" else {})


def mixed(policy: Policy) -> dict[str, object]:
    return {"method": "mixed", "parameters": {}, "policy": policy.to_json()}


WIDE = setting("int8-static", activation_bits=16)


def test_keep_wins_and_the_first_rule_counts() -> None:
    policy = Policy(
        setting("int8-static"),
        keep=("first",),
        layers=(Rule("block*", setting("int4-weights")), Rule("*", setting("int8-weights"))),
    )
    plan = plan_of({"method": "mixed", "policy": policy.to_json()}, LAYERS)
    methods = {layer.name: plan.call_of(layer.name).method for layer in LAYERS}
    assert methods["stem"] == "keep"
    assert methods["block01_expand"] == "int4-weights"
    assert methods["head"] == "int8-weights"


@pytest.mark.parametrize("fmt", ModelFormat)
def test_a_mixed_file_is_what_its_policy_says(
    sources, make_files, calibration_feeds, fmt: ModelFormat
) -> None:
    policy = Policy(
        setting("int8-static"),
        keep=("first",),
        layers=(
            Rule("block1*_expand*", setting("int4-weights")),
            Rule("head*", setting("int8-weights")),
        ),
    )
    recipe = {"method": "mixed", "parameters": {}, "policy": policy.to_json()}
    item = make_files(sources[fmt], fmt, {"mixed": recipe}, calibration_feeds(fmt))["mixed"]
    check_file(claim_of("mixed", "mixed", item.layers), item.inspection)
    kinds = {weight.layer: weight.dtype for weight in item.inspection.layer_weights()}
    assert [kind for layer, kind in kinds.items() if layer.startswith("stem")] == ["float32"]
    fours = {kind for layer, kind in kinds.items() if layer.startswith("block1") and "exp" in layer}
    assert fours == {"int4"}
    how = {operator.name: operator.kind for operator in item.inspection.operators}
    (head,) = (layer for layer in kinds if layer.startswith("head"))
    (other,) = (layer for layer in kinds if layer.startswith("block05_project"))
    assert (how[head], how[other]) == ("weights", "integer")


def test_a_method_that_the_tool_leaves_out_is_told(sources, make_files) -> None:
    """There are no 4-bit depthwise convolutions in TFLite."""
    policy = Policy(setting("keep"), layers=(Rule("*_depthwise", setting("int4-weights")),))
    recipe = {"method": "mixed", "parameters": {}, "policy": policy.to_json()}
    tflite = ModelFormat.TFLITE
    item = make_files(sources[tflite], tflite, {"mixed": recipe}, None)["mixed"]
    with pytest.raises(CatalogueError, match=r"not what the policy says: block01_depthwise"):
        check_file(claim_of("mixed", "mixed", item.layers), item.inspection)


def test_an_unknown_layer_fails_the_build_in_one_line(sources, make_files) -> None:
    policy = Policy(setting("keep"), layers=(Rule("blok7", setting("int8-weights")),))
    recipe = {"method": "mixed", "parameters": {}, "policy": policy.to_json()}
    for fmt in ModelFormat:
        with pytest.raises(CatalogueError, match="no layer matches 'blok7'; the nearest") as caught:
            make_files(sources[fmt], fmt, {"mixed": recipe}, None)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fmt", ModelFormat)
def test_single_layers_have_activations_of_16_bits(
    sources, make_files, calibration_feeds, cosine, fmt: ModelFormat
) -> None:
    policy = Policy(setting("int8-static"), layers=(Rule("block02*", WIDE),))
    item = make_files(sources[fmt], fmt, {"mixed": mixed(policy)}, calibration_feeds(fmt))["mixed"]
    kinds = {tensor.name: tensor.dtype for tensor in item.inspection.activations}
    wide = {name for name, kind in kinds.items() if kind.endswith("int16")}
    own = {name for name in kinds if name.startswith("block02") and "add" not in name}
    back = {name for name in own if kinds[name].endswith("int8")}  # for the 8-bit layer behind
    assert {name.split("_quantized")[0].split("_convert")[0] for name in back} == {
        "block02_project"
    }
    assert len(wide & own) == 3
    assert len(wide - own) == 1  # what comes in, converted
    others = {kinds[name] for name in kinds if name not in wide | own}
    assert others <= {"int8", "uint8", "float32"}
    check_file(claim_of("mixed", "mixed", item.layers), item.inspection)
    assert cosine(fmt, item.path, sources[fmt]) > 0.6


def test_a_kept_layer_reads_the_wide_tensor_as_it_is(
    sources, make_files, calibration_feeds
) -> None:
    onnx = ModelFormat.ONNX
    policy = Policy(
        setting("int8-static"),
        keep=("block03_expand*", "block03_add"),
        layers=(Rule("block02*", WIDE), Rule("stem*", WIDE)),
    )
    made = make_files(sources[onnx], onnx, {"m": mixed(policy)}, calibration_feeds(onnx))
    kinds = {tensor.name: tensor.dtype for tensor in made["m"].inspection.activations}
    assert not [name for name in kinds if name.startswith("block02_project_convert")]
    assert kinds["image_QuantizeLinear_Output"] == "uint16"  # nothing else reads the image


def test_widths_of_activations_is_all_that_may_differ_in_onnx(
    sources, make_files, calibration_feeds
) -> None:
    onnx = ModelFormat.ONNX
    policy = Policy(
        setting("int8-static"),
        layers=(Rule("block02*", setting("int8-static", granularity="tensor")),),
    )
    with pytest.raises(CatalogueError, match="one setting of int8-static for a file, apart from"):
        make_files(sources[onnx], onnx, {"m": mixed(policy)}, calibration_feeds(onnx))


def test_what_has_no_16_bit_activations_is_told() -> None:
    from harness.models.convert.job import Call, Plan
    from harness.models.convert.methods.tflite import _check_wide

    layers = (Layer("norm", "SQUARED_DIFFERENCE", False), Layer("up", "TRANSPOSE_CONV", True))
    wide = Call.of(WIDE.to_json())
    _check_wide(Plan(wide, {"up": wide}), layers)
    with pytest.raises(
        ConvertError, match="16-bit activations of SQUARED_DIFFERENCE are not supported by ai-edge"
    ):
        _check_wide(Plan(wide, {"norm": wide}), layers)
