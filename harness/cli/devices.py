"""``benchfarm devices``: what is attached, whether it is ready, and who holds it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from harness.cli.options import json_option


@click.command(short_help="List the devices at hand.")
@json_option
@click.option("--facts", "with_facts", is_flag=True, help="Show every fact of each device.")
def devices(as_json: bool, with_facts: bool) -> int:
    """List the devices at hand, those that are not ready included, and who holds a lease."""
    from harness.cli import lab
    from harness.cli.tables import Table, print_table
    from harness.clock import CancelToken
    from harness.fleet.lease import holder

    found = lab.sightings()
    facts = lab.facts_of(found, CancelToken()) if with_facts or as_json else {}
    holders = {sighting.device_id: holder(sighting.device_id) for sighting in found}
    if as_json:
        listed = [
            asdict(sighting)
            | {
                "lease": asdict(info) if (info := holders[sighting.device_id]) else None,
                "facts": asdict(facts[sighting.device_id]) if sighting.device_id in facts else None,
            }
            for sighting in found
        ]
        click.echo(json.dumps(listed, indent=2, default=str, ensure_ascii=False))
        return 0
    rows = tuple(
        (
            sighting.device_id,
            sighting.name,
            sighting.state,
            str(holders[sighting.device_id] or "free"),
        )
        for sighting in found
    )
    advice = tuple(f"{s.device_id}: {s.advice}" for s in found if s.advice)
    print_table(Table(("device", "name", "state", "lease"), rows, advice))
    for device_id, known in facts.items():
        click.echo(f"\n{device_id}")
        for name, value in sorted(known.values.items()):
            click.echo(f"  {name}: {value}")
        for name, reason in sorted(known.unavailable.items()):
            click.echo(f"  {name}: unavailable: {reason}")
    return 0
