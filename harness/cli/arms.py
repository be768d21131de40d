"""The arms of a comparison: their engine builds pinned, their definitions stored as baselines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from device_agents.registry import local_build
from harness.errors import CapabilityMissing, UserError
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
        found = arms.arm(cell.arm).builds.get(cell.engine, "nothing")
        if found != cell.build:
            raise _changed(cell.arm, cell.engine, cell.build, found)


def interpreter(scenario: Scenario, cell: Cell) -> Path | None:
    """The interpreter that the cell's arm names, None for our own."""
    return scenario.arms.arm(cell.arm).python if scenario.arms and cell.arm else None


def _pinned(name: str, arm: Arm, engines: Iterable[str]) -> Arm:
    found = {}
    for engine in engines:
        try:
            found[engine] = local_build(engine, arm.python)
        except CapabilityMissing as missing:
            if arm.python is not None:
                raise UserError(f"{name} arm: {missing}") from None
            continue  # the trials say so, and phones have engines of their own
        wanted = arm.builds.get(engine, found[engine])
        if wanted != found[engine]:
            raise _changed(name, engine, wanted, found[engine])
    return replace(arm, builds=found)


def _changed(arm: str, engine: str, wanted: str, found: str) -> UserError:
    return UserError(
        f"the {arm} arm is pinned to {engine} {wanted}, but there is {found}; "
        "install the pinned one, or save the baseline anew"
    )
