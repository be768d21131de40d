"""Where the graph ran: shown on every record, and required by a scenario."""

from __future__ import annotations

import json
from pathlib import Path

WHOLE, PART = "vww_96_float", "deeplabv3_mnv2_dm05_pascal_quant"


def test_a_trial_that_does_not_prove_full_placement_is_invalid(
    benchfarm, tmp_path: Path, shared_models: Path
) -> None:
    scenario = tmp_path / "scenario.yaml"
    document = {
        "schema": 1,
        "models": [{"path": str(shared_models / f"{name}.tflite")} for name in (WHOLE, PART)],
        "blocks": [{"engine": "tflite", "delegate": "xnnpack"}],
        "loads": [{"kind": "burst", "inferences": 3}],
        "repeats": 1,
        "require": {"placement": "full"},
    }
    scenario.write_text(json.dumps(document), "utf-8")
    done = benchfarm("run", scenario)
    assert done.returncode == 4, done.stderr

    records = json.loads(benchfarm("runs", "show", "latest", "--json").stdout)
    by_model = {record["trial"]["cell"]["variant"]["model"]: record for record in records}
    whole, part = by_model[WHOLE], by_model[PART]
    assert (whole["outcome"], whole["placed"]["verdict"]) == ("OK", "FULL")
    assert whole["placed"]["witnesses"][0]["name"] == "assignment"
    assert (part["outcome"], part["placed"]["verdict"]) == ("INVALID", "PARTIAL")
    assert (part["placed"]["nodes"], part["placed"]["total"]) == (70, 72)
    assert part["reason"] == (
        "the scenario requires placement: full; it was PARTIAL 70/72 nodes in 2 partitions"
    )
