"""``benchfarm plan``: what a scenario would measure; nothing is built, pushed or run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, select_option, set_option

if TYPE_CHECKING:
    from harness.plan import Plan, PlanEstimate
    from harness.record import Skip
    from harness.scenario import Scenario


@click.command(short_help="Show what a scenario would measure.")
@click.argument("scenario", type=click.Path(path_type=Path))
@select_option
@set_option
@json_option
def plan(
    scenario: Path, selectors: tuple[str, ...], overrides: tuple[str, ...], as_json: bool
) -> int:
    """Show the matrix of SCENARIO, what is skipped and why, and how long it takes."""
    from harness.cli import campaign
    from harness.cli.arms import pinned
    from harness.clock import CancelToken
    from harness.plan import estimate
    from harness.scenario_file import load, parse_selector

    wanted = load(scenario, overrides)
    if selectors:
        wanted = replace(wanted, devices=tuple(parse_selector(text) for text in selectors))
    wanted = pinned(wanted)
    source = campaign.model_source(wanted, build=False)
    planned, facts = campaign.planned(wanted, source, CancelToken())
    campaign.refuse_empty(planned, planned.trials)
    times = estimate(planned)
    night = _night(wanted, planned, times)
    if as_json:
        document = _document(planned, times) | {"night": night, "arms": _arms(wanted)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(planned, times)
        made_up = [one for one in planned.devices if facts[one].values.get("simulated") is True]
        if made_up:
            are = "is" if len(made_up) == 1 else "are"
            click.echo(f"SIMULATED: {', '.join(made_up)} {are} simulated.")
        if night is not None:
            click.echo(night["text"])
    return 0


def _night(wanted: Scenario, planned: Plan, times: PlanEstimate) -> dict[str, object] | None:
    """How much fits until ``finish_by``, or into eight hours, where the scenario is for a night."""
    from datetime import datetime

    from harness.plan import NIGHT_S, fitting, night_end
    from harness.units import format_duration

    if wanted.arms is None and wanted.finish_by is None:
        return None
    now = datetime.now().astimezone()
    end = night_end(wanted.finish_by, now) if wanted.finish_by else None
    seconds = (end - now).total_seconds() if end else NIGHT_S
    fit, cells = fitting(planned, times, seconds)
    what = "pairs of arms" if wanted.arms else "cells"
    until = f"until {end:%Y-%m-%d %H:%M}" if end else f"in a night of {format_duration(NIGHT_S)}"
    text = f"{fit} of {cells} {what} fit {until}, if nothing is measured again"
    if 0 < times.seconds < seconds:
        per_cell = times.seconds * len(planned.devices) / max(1, cells)
        most = int(seconds * len(planned.devices) / per_cell)
        text = f"{text}; about {most} like these would"
    return {"seconds": seconds, "fit": fit, "of": cells, "text": f"At best, {text}."}


def _arms(wanted: Scenario) -> dict[str, object] | None:
    """What each arm is pinned to."""
    if wanted.arms is None:
        return None
    return {
        name: {
            "model": {pattern: str(path) for pattern, path in arm.models.items()},
            "options": arm.options,
            "python": str(arm.python) if arm.python else None,
            "runner": str(arm.runner) if arm.runner else None,
            "builds": arm.builds,
        }
        for name, arm in wanted.arms.named
    }


def _document(planned: Plan, times: PlanEstimate) -> dict[str, object]:
    """The plan for programs."""
    from harness.plan import label

    return {
        "trials": [
            {
                "id": trial.id,
                "device": trial.cell.device_id,
                "cell": label(trial.cell),
                "repeat": trial.repeat,
            }
            for trial in planned.trials
        ],
        "skips": [asdict(skip) for skip in planned.skips],
        "unknown_devices": list(planned.unknown),
        "estimate": asdict(times),
    }


def _left_out(skip: Skip) -> str:
    from harness.plan.devices import WHOLE_DEVICE

    return f"{skip.what} on {skip.device_id}" if skip.what == WHOLE_DEVICE else skip.what


def _print(planned: Plan, times: PlanEstimate) -> None:
    """The plan for people: a row a cell, sorted, since trials are in drawn order; then the rest."""
    from harness.cli.tables import Table, print_table
    from harness.plan import label
    from harness.units import format_duration

    cells = Counter((trial.cell.device_id, label(trial.cell)) for trial in planned.trials)
    seconds = {
        (trial.cell.device_id, label(trial.cell)): times.cell_seconds[trial.id.rpartition("-r")[0]]
        for trial in planned.trials
    }
    rows = tuple(
        (device, text, str(count), format_duration(seconds[device, text]))
        for (device, text), count in sorted(cells.items())
    )
    print_table(Table(("device", "cell", "trials", "at least"), rows))
    if planned.skips:
        click.echo(f"\nNot measured ({len(planned.skips)}):")
        skips = ((_left_out(skip), skip.reason) for skip in planned.skips)
        for (what, reason), count in Counter(skips).items():
            click.echo(f"  {what}: {reason}" + (f" ({count} times)" if count > 1 else ""))
    for device in planned.unknown:
        click.echo(f"  {device}: not asked yet; its cells are a guess")
    click.echo(
        f"\n{len(planned.trials)} trials in {len(cells)} cells, "
        f"at least {format_duration(times.seconds)}"
    )
    click.echo("Taken for granted: " + "; ".join(times.assumptions) + ".")
