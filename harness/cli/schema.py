"""``benchfarm schema``: the JSON schema of scenario files, for editors."""

from __future__ import annotations

import json

import click


@click.command(short_help="Print the JSON schema of scenario files.")
def schema() -> int:
    """Print the JSON schema of scenario files; editors use it for completion and checks."""
    from harness.scenario_file.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False))
    return 0
