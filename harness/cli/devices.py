"""``benchfarm devices``: what is attached, whether it is ready, and who holds it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option

if TYPE_CHECKING:
    from harness.cli.tables import Table
    from harness.device import Sighting

#: A change is shown within this time.
_WATCH_EVERY_S = 1.0
_CAPTURE_TIMEOUT_S = 120.0


@click.group(short_help="List the devices at hand.", invoke_without_command=True)
@json_option
@click.option("--facts", "with_facts", is_flag=True, help="Show every fact of each device.")
@click.option("--watch", is_flag=True, help="Go on showing what comes and goes, until Ctrl-C.")
@click.pass_context
def devices(ctx: click.Context, as_json: bool, with_facts: bool, watch: bool) -> int:
    """List the devices at hand, those that are not ready included, and who holds a lease."""
    if ctx.invoked_subcommand is not None:
        return 0
    if watch:
        if as_json or with_facts:
            raise click.UsageError("--watch shows a table of its own; leave out the others")
        return _watch()
    return _list(as_json=as_json, with_facts=with_facts)


@devices.command(short_help="Record a phone's answers as a profile for a simulated one.")
@click.argument("device_id")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write."
)
def capture(device_id: str, output: Path) -> int:
    """Record the answers of DEVICE_ID to everything we ask, without serial numbers and names.

    Look through the file before you hand it on: what a maker hides in an output nobody knows.
    """
    from device_agents.registry import agent_for
    from harness.clock import CancelToken, Deadline, SystemClock
    from harness.device import Capturing
    from harness.errors import UserError
    from harness.fleet.lease import Lease

    agent = agent_for(device_id)
    if not isinstance(agent, Capturing):
        raise UserError(f"{device_id}: devices of this platform cannot be captured")
    with Lease.acquire(device_id, "devices capture"):
        answers = agent.capture(
            device_id, Deadline(SystemClock(), _CAPTURE_TIMEOUT_S), CancelToken()
        )
    try:
        output.write_text(json.dumps(answers, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror or error}") from error
    click.echo(f"wrote {output}; look through it before you hand it on", err=True)
    return 0


def _list(*, as_json: bool, with_facts: bool) -> int:
    from harness.cli import lab
    from harness.cli.tables import print_table
    from harness.clock import CancelToken
    from harness.fleet.lease import holder

    found = lab.sightings()
    facts = lab.facts_of(found, CancelToken()) if with_facts or as_json else {}
    if as_json:
        listed = [
            asdict(sighting)
            | {
                "lease": asdict(info) if (info := holder(sighting.device_id)) else None,
                "facts": asdict(facts[sighting.device_id]) if sighting.device_id in facts else None,
            }
            for sighting in found
        ]
        click.echo(json.dumps(listed, indent=2, default=str, ensure_ascii=False))
        return 0
    print_table(_table(found))
    for device_id, known in facts.items():
        click.echo(f"\n{device_id}")
        for name, value in sorted(known.values.items()):
            click.echo(f"  {name}: {value}")
        for name, reason in sorted(known.unavailable.items()):
            click.echo(f"  {name}: unavailable: {reason}")
    return 0


def _table(found: Sequence[Sighting]) -> Table:
    from harness.cli.tables import Table
    from harness.fleet.lease import holder

    rows = tuple(
        (
            sighting.device_id,
            sighting.name,
            f"{sighting.state}, SIMULATED" if sighting.simulated else sighting.state,
            str(holder(sighting.device_id) or "free"),
        )
        for sighting in found
    )
    advice = tuple(f"{s.device_id}: {s.advice}" for s in found if s.advice)
    return Table(("device", "name", "state", "lease"), rows, advice)


def _watch() -> int:
    """A table that follows what is attached; on a pipe, a table whenever something changed."""
    from rich.console import Console
    from rich.live import Live

    from harness.cli import lab
    from harness.cli.tables import grid, print_table
    from harness.clock import CancelToken, SystemClock

    clock, cancel = SystemClock(), CancelToken()
    console = Console(highlight=False)
    if not console.is_terminal:
        shown = None
        while True:
            table = _table(lab.sightings())
            if table != shown:
                print_table(table)
                shown = table
            clock.sleep(_WATCH_EVERY_S, cancel)
    with Live(grid(_table(lab.sightings())), console=console, auto_refresh=False) as live:
        while True:
            clock.sleep(_WATCH_EVERY_S, cancel)
            live.update(grid(_table(lab.sightings())), refresh=True)
