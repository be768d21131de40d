"""The JSON schema, and the scenarios that ship with it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from harness.errors import ScenarioError
from harness.scenario_file import load
from harness.scenario_file.schema import json_schema, schema_text

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"
SHIPPED = sorted(path for path in SCENARIOS.glob("*.yaml") if path.name != "catalogue.yaml")


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_file_is_fresh():
    assert (SCENARIOS / "schema.json").read_text(encoding="utf-8") == schema_text(), (
        "write the output of `benchfarm schema` to scenarios/schema.json"
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_scenarios_are_valid(validator, path):
    validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_scenarios_load(path):
    if path.name == "lab.yaml":
        with pytest.raises(ScenarioError, match="'models' is missing"):
            load(path)
    else:
        assert load(path).name == path.stem


def test_every_scenario_may_extend_the_shipped_lab(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"schema: 1\nextends: {json.dumps(str(SCENARIOS / 'lab.yaml'))}\ndevices: lab-host\n"
        "models: {family: mobilenet_v2, variants: fp32}\nblocks: {engine: tflite}\n"
    )
    assert load(path).repeats.min == 5


@pytest.mark.parametrize(
    "change",
    [
        {"repeat": 3},
        {"repeats": "often"},
        {"repeats": 0},
        {"schema": 2},
        {"models": []},
        {"models": [{"family": "n"}]},
        {"blocks": [{"threads": 1}]},
        {"blocks": [{"engine": "tflight"}]},
        {"loads": [{"kind": "generate"}]},
        {"loads": [{"kind": "sustained", "hours": 1, "minutes": 1}]},
        {"loads": [{"kind": "cold", "warmup": "none"}]},
        {"exclude": [{"engine": "tflite"}]},
        {"arms": {"reference": {"option": {}}}},
        {"gates": {"thermal": "warm"}},
        {"gates": {"thermal": {"kind": "auto", "max_c": 101}}},
        {"gates": {"battery_percent": [5]}},
        {"gates": {"battery_percent": [5, 101]}},
        {"ambient": 99},
        {"limits": [{"latency_p90_mss": 3}]},
    ],
    ids=json.dumps,
)
def test_schema_and_parser_refuse_alike(validator, tmp_path, change):
    right = {
        "schema": 1,
        "models": {"family": "n", "variants": ["a"]},
        "blocks": {"engine": "tflite"},
    }
    validator.validate(right)
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(right))
    load(path)
    assert not validator.is_valid(right | change)
    path.write_text(yaml.safe_dump(right | change))
    with pytest.raises(ScenarioError):
        load(path)
