from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import CatalogueError, ScenarioError
from harness.models.methods import LAYER_METHODS, complete
from harness.models.policy import Policy, Rule, Setting, parse_policy, read_policy
from harness.scenario_file.nodes import Origin
from harness.variant import ModelFormat

TEXT = """\
schema: 1
default: int8-static
keep: [first, "op:Softmax"]
layers:
  - {match: "block1*", method: int4-weights, parameters: {block_size: 64}}
  - {match: "block2*", method: keep}
"""


def parsed(text: str) -> Policy:
    return parse_policy(text, Origin("policy.yaml", Path()))


def test_a_policy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(TEXT)
    policy = read_policy(path)
    assert policy.default == Setting("int8-static", complete("int8-static", {}))
    assert policy.keep == ("first", "op:Softmax")
    assert policy.layers[0].setting.parameters == {"block_size": 64, "accuracy_level": 0}
    assert policy.layers[1].setting == Setting("keep", {})
    assert policy.calibrated()


def test_parameters_are_all_in_the_recipe() -> None:
    plain = parsed(TEXT).to_json()
    assert plain["default"]["parameters"]["calibration"] == "minmax"
    assert plain["layers"][0]["match"] == "block1*"


SETTINGS = st.sampled_from(["keep", *LAYER_METHODS]).map(
    lambda name: Setting(name, {} if name == "keep" else complete(name, {}))
)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


@given(
    SETTINGS,
    st.lists(NAMES, max_size=3),
    st.lists(st.builds(Rule, NAMES, SETTINGS), max_size=3),
)
def test_what_is_written_is_read_again(
    default: Setting, keep: list[str], rules: list[Rule]
) -> None:
    policy = Policy(default, tuple(keep), tuple(rules))
    assert parsed(policy.to_yaml()) == policy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: 1\n", "'default' is missing"),
        ("schema: 2\ndefault: keep\n", "schema"),
        ("schema: 1\ndefault: int8-statc\n", "policy.yaml:2:default.*did you mean 'int8-static'"),
        ("schema: 1\ndefault: construct\n", "unknown 'construct'"),
        ("schema: 1\ndefault: keep\nlayers: [{match: a}]\n", "'method' is missing"),
        ("schema: 1\ndefault: keep\nlayers: [{method: keep}]\n", "'match' is missing"),
        (
            "schema: 1\ndefault: keep\nlayers: [{match: a, method: keep, parameters: {x: 1}}]\n",
            "keep has no parameters",
        ),
        (
            "schema: 1\ndefault: {method: int4-weights, parameters: {block_size: 7}}\n",
            "block_size is one of 16, 32",
        ),
        ("schema: 1\ndefault: keep\nlayrs: []\n", "did you mean 'layers'"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        parsed(text)
    assert "\n" not in str(caught.value)


def test_a_method_that_a_format_does_not_have() -> None:
    policy = parsed("schema: 1\ndefault: int4-dynamic\n")
    policy.check(ModelFormat.TFLITE)
    with pytest.raises(CatalogueError, match="not supported for onnx"):
        policy.check(ModelFormat.ONNX)
    assert not policy.calibrated()
