"""The thermal gate on a simulated phone behind a real adb server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from device_agents.android.packages import runner_files
from harness.errors import UserError
from phones.android.lab import Lab, missing


@pytest.fixture(scope="module")
def warm_lab() -> Iterator[Lab]:
    """One phone whose heat goes four hundred times faster than the clock."""
    if missing():
        pytest.skip(missing())
    try:
        runner_files()
    except UserError as error:
        pytest.skip(str(error))
    with Lab("pixel8", latency_ms=2.0, time_factor=400.0) as made:
        yield made


def test_a_warm_phone_cools_down_first(warm_lab, benchfarm, write_scenario, tmp_path) -> None:
    warm_lab.phones[0].set("skin_c", 39.0)
    scenario = write_scenario(
        devices=["platform=android"],
        repeats=1,
        gates={"thermal": "auto", "timeout_minutes": 3},
        prepare={"stay_awake": False, "animations": True},
        ambient=25,
    )
    done = benchfarm("run", scenario, **warm_lab.environment)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results" / "runs").glob("*/trials/*/trial.json")
    record = json.loads(path.read_text())
    cooling = record["cooling"]
    assert (cooling["sensor"], cooling["met"]) == ("skin", True)
    # On a slow machine it has cooled down before the gate looks.
    assert cooling["begin_c"] >= cooling["end_c"]
    assert cooling["end_c"] <= 30.0
    found = {item["id"] for item in record["findings"]}
    assert not {"GATE-TIMEOUT", "START-STATE", "AMBIENT-UNRECORDED", "NO-THERMAL-SENSOR"} & found
    assert "repeated_blocks" in record["metrics"]  # status, cap and screen watched the blocks
