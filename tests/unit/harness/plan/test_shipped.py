"""The scenarios that ship with us have something to measure, even on the smallest machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plan import estimate, expand, latency_key
from harness.record import DeviceFacts
from harness.scenario_file import load

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"
SHIPPED = sorted(
    path for path in SCENARIOS.glob("*.yaml") if path.name not in ("catalogue.yaml", "lab.yaml")
)
ONE_CORE = {"local": DeviceFacts("local", {"cores": 1})}
PHONES = {
    f"{platform}:1": DeviceFacts(f"{platform}:1", {"platform": platform, "cores": 8})
    for platform in ("android", "ios")
}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_there_are_trials_on_a_single_core_or_a_phone(variants, path):
    scenario = load(path)
    assert expand(scenario, ONE_CORE, variants).trials or expand(scenario, PHONES, variants).trials


def test_the_quickstart_takes_less_than_two_minutes(variants):
    plan = expand(load(SCENARIOS / "quickstart.yaml"), ONE_CORE, variants)
    assert plan.skips == ()
    assert len(plan.trials) == 2 * 2 * 3
    slow = {latency_key(trial.cell): 0.05 for trial in plan.trials}  # a slow desktop core
    assert estimate(plan, slow).seconds < 120
