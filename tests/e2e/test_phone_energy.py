"""Energy on simulated phones, from the scenario to the report: rails, a gauge, and a charger."""

from __future__ import annotations

import json
import time

import pytest

from android_app.build.artefacts import ArtefactUnavailable
from device_agents.android.packages import runner_files
from harness.errors import UserError
from phones.android.lab import Lab, missing

FIGURES = {"energy_gross_j", "energy_net_j", "power_mean_w", "power_idle_w"}


@pytest.fixture(scope="module")
def lab():
    """A phone with rails, one on its charger, and one whose gauge has the other sign."""
    if missing():
        pytest.skip(missing())
    try:
        runner_files()
    except (UserError, ArtefactUnavailable) as error:
        pytest.skip(str(error))
    with Lab("pixel8", "galaxy-s24", "xiaomi-14", latency_ms=4.0) as made:
        yield made


def test_each_source_gives_a_number_or_its_reason(lab, benchfarm, write_scenario, tmp_path) -> None:
    rails, charged, gauge = lab.phones
    gauge.set("plugged", False)
    # The gauge tells it only when it refreshes; until then the phone says that it is charging.
    end = time.monotonic() + 60
    while b"status: 3" not in lab.adb("shell", "dumpsys battery", phone=gauge).stdout:
        assert time.monotonic() < end, "the gauge did not refresh"
    scenario = write_scenario(
        devices=["platform=android"],
        loads=[
            {
                "kind": "single_stream",
                "min_seconds": 15,
                "min_inferences": 10,
                "warmup": {"rule": "none"},
            }
        ],
        repeats=1,
        gates={"thermal": "off"},
        telemetry={"rate_hz": 2},
        energy={"idle_seconds": 12},
        prepare={"stay_awake": False, "animations": True},
    )
    done = benchfarm("run", scenario, **lab.environment)
    assert done.returncode == 0, done.stderr
    assert "energy per inference, net of idle [mJ]" in done.stdout
    found = {}
    for path in (tmp_path / "results" / "runs").glob("*/trials/*/trial.json"):
        record = json.loads(path.read_text())
        found[record["trial"]["cell"]["device_id"].partition(":")[2]] = record
    assert found[rails.serial]["energy"]["source"] == "rails"
    assert found[rails.serial]["energy"]["charging"] == "charging"
    assert found[gauge.serial]["energy"]["source"] == "battery", found[gauge.serial]["energy"]
    assert found[gauge.serial]["energy"]["charging"] == "discharging"
    assert "CHARGING" in found[charged.serial]["energy"]["refused"]["battery"]
    for serial, record in found.items():
        metrics = record["metrics"]
        if serial == charged.serial:
            assert not FIGURES & metrics.keys()
            assert "ENERGY-REFUSED" in [item["id"] for item in record["findings"]]
            continue
        assert metrics.keys() >= FIGURES
        power_w = metrics["power_mean_w"] - metrics["power_idle_w"]
        assert 2.0 < power_w < 9.0  # what the simulated processors draw
        low, high = record["energy"]["intervals"]["energy_net_j"]
        assert low < metrics["energy_net_j"] < high
