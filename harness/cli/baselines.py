"""``benchfarm baselines``: arms kept under a name, pinned by digests."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import json_option, results_option, select_option, set_option

if TYPE_CHECKING:
    from harness.record import Cell
    from harness.scenario import DeviceSelector, Scenario


@click.group(short_help="Keep an arm under a name, to compare later builds with.")
def baselines() -> None:
    """Stored arms; `benchfarm nightly SCENARIO --baseline NAME` compares with one."""


@baselines.command("save")
@click.argument("name")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--arm", type=click.Choice(("reference", "candidate")), default="candidate")
@select_option
@set_option
@results_option
def save(
    name: str,
    scenario: Path,
    arm: str,
    selectors: tuple[str, ...],
    overrides: tuple[str, ...],
    results: Path,
) -> int:
    """Pin an arm of SCENARIO as it is now: model files, options and engine builds.

    A scenario without arms has one thing to keep, which is taken.
    """
    from harness.scenario_file import load, parse_selector
    from harness.store.lab_files import LabFiles

    chosen = tuple(parse_selector(text) for text in selectors)
    kept = definition(load(scenario, overrides), arm, chosen)
    click.echo(LabFiles(results).save_baseline(name, kept))
    return 0


@baselines.command("list")
@results_option
@json_option
def list_baselines(results: Path, as_json: bool) -> int:
    """List the stored arms."""
    from harness.cli.tables import Table, print_table
    from harness.store.lab_files import LabFiles

    found = LabFiles(results).baselines()
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    rows = tuple(
        (name, str(kept["created_at"]), str(kept["scenario"]), json.dumps(kept["arm"]))
        for name, kept in found.items()
    )
    notes = () if rows else (f"no baselines in {results}",)
    print_table(Table(("name", "saved", "scenario", "arm"), rows, notes))
    return 0


def baseline_override(stored: Mapping[str, Any]) -> str:
    """A stored arm as the ``--set`` that makes it the reference."""
    return f"arms.reference={json.dumps(stored['arm'])}"


def definition(
    scenario: Scenario, name: str, selectors: tuple[DeviceSelector, ...] = ()
) -> dict[str, object]:
    """An arm as it is now, complete enough to be measured again later: what a baseline keeps.

    Model files are named in the model cache, where their digest is their name.
    """
    from harness.cli import campaign, lab
    from harness.cli.arms import pinned
    from harness.clock import CancelToken, SystemClock
    from harness.plan import expand
    from harness.scenario import Arms
    from harness.validity.calibration import os_build_of

    arms = scenario.arms or Arms()
    alike = pinned(replace(scenario, arms=replace(arms, equal=True)))
    if selectors:
        alike = replace(alike, devices=selectors)
    facts = lab.facts_of(lab.sightings(), CancelToken())
    source = campaign.model_source(alike, build=True)
    planned = expand(alike, facts, source)
    campaign.refuse_empty(planned, planned.trials)
    cells = [trial.cell for trial in planned.trials if trial.cell.arm == name]
    arm = (alike.arms or arms).arm(name)
    kept: dict[str, object] = {
        "model": {
            glob.escape(f"{cell.variant.label} {cell.variant.format}"): str(
                source.path_of(cell.variant)
            )
            for cell in cells
        },
        "builds": arm.builds,
    }
    kept |= {"options": arm.options} if arm.options else {}
    kept |= {"python": str(arm.python)} if arm.python else {}
    kept |= {"runner": str(arm.runner)} if arm.runner else {}
    return {
        "created_at": SystemClock().now().isoformat(timespec="seconds"),
        "scenario": scenario.name,
        "arm": kept,
        "os_builds": {device: os_build_of(facts[device]) for device in planned.devices},
    }


def _pattern(cell: Cell) -> str:
    """Fits the cell's model and no other."""
    return glob.escape(f"{cell.variant.label} {cell.variant.format}")
