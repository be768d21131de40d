"""The arms of a comparison: their engine builds pinned, their definitions stored as baselines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from device_agents.registry import local_build, phone_build
from harness.errors import CapabilityMissing, UserError
from harness.plan.arms import build_of
from harness.record import Cell, Trial
from harness.scenario import Arm, Arms, Scenario


def pinned(scenario: Scenario) -> Scenario:
    """The scenario with each arm's local engine builds found and written down.

    Raises UserError where an arm names a build that is not the one that is there.
    """
    if scenario.arms is None:
        return scenario
    engines = sorted({engine for block in scenario.blocks for engine in block.engines})
    reference, candidate = (_pinned(name, arm, engines) for name, arm in scenario.arms.named)
    return replace(scenario, arms=Arms(reference, candidate, scenario.arms.equal))


def check_builds(trials: Iterable[Trial], scenario: Scenario) -> None:
    """Raise UserError where a planned trial's build is not what its arm's interpreter has now."""
    arms = scenario.arms or Arms()
    for cell in (trial.cell for trial in trials if trial.cell.build):
        known = arms.arm(cell.arm).builds
        local = cell.device_id.partition(":")[0] == "local"
        found = known.get(cell.engine if local else "android", "nothing")
        if found != cell.build:
            raise _changed(cell.arm, cell.engine, cell.build, found)


def build_path(scenario: Scenario, cell: Cell) -> Path | None:
    """The interpreter or the runner files that the cell's arm names, None for our own."""
    if scenario.arms is None or not cell.arm:
        return None
    return build_of(scenario.arms.arm(cell.arm), cell.device_id.partition(":")[0])


def _pinned(name: str, arm: Arm, engines: Iterable[str]) -> Arm:
    found = {}
    for engine in engines:
        try:
            found[engine] = local_build(engine, arm.python)
        except CapabilityMissing as missing:
            if arm.python is not None:
                raise UserError(f"{name} arm: {missing}") from None
            continue  # the trials say so, and phones have engines of their own
    if (runner := _phone_build(arm)) is not None:
        found["android"] = runner
    for what, there in found.items():
        if arm.builds.get(what, there) != there:
            raise _changed(name, what, arm.builds[what], there)
    return replace(arm, builds=found)


def _phone_build(arm: Arm) -> str | None:
    """The runner files of the arm; None where it names none and we have none."""
    try:
        return phone_build(arm.runner)
    except UserError:
        if arm.runner is not None:
            raise
        return None


def _changed(arm: str, engine: str, wanted: str, found: str) -> UserError:
    return UserError(
        f"the {arm} arm is pinned to {engine} {wanted}, but there is {found}; "
        "install the pinned one, or save the baseline anew"
    )
