"""``benchfarm runs``: the stored runs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.options import json_option, results_option
from harness.cli.runs_export import export_runs
from harness.errors import UserError


@click.group(short_help="List, show, export and delete stored runs.")
def runs() -> None:
    """The stored runs; RUN is an id, a unique prefix, a label (its newest run) or `latest`."""


runs.add_command(export_runs)


@runs.command("list")
@results_option
@json_option
def list_runs(results: Path, as_json: bool) -> int:
    """List all runs, newest first."""
    from harness.cli.tables import Table, print_table
    from harness.store.store import ResultsStore

    found = ResultsStore(results).runs()
    if as_json:
        click.echo(json.dumps([asdict(item) for item in found], indent=2, ensure_ascii=False))
        return 0
    rows = tuple(
        (
            item.run_id,
            item.label or "",
            item.state,
            f"{sum(item.counts.values())}/{item.planned}",
            item.problem or ", ".join(f"{count} {name}" for name, count in item.counts.items()),
        )
        for item in found
    )
    notes = () if rows else (f"no runs in {results}",)
    print_table(Table(("run", "label", "state", "trials", "outcomes"), rows, notes))
    return 0


@runs.command("show")
@click.argument("run")
@results_option
@json_option
def show_run(run: str, results: Path, as_json: bool) -> int:
    """Show the table of one run, or all its records as JSON."""
    from harness.cli.tables import print_table
    from harness.store.codec import to_json
    from harness.store.store import ResultsStore
    from reports.terminal import terminal_table
    from reports.view import build_report

    reader = ResultsStore(results).resolve(run)
    if as_json:
        records = [to_json(record) for record in reader.records()]
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        click.echo(f"Run {reader.run_id} in {reader.folder}")
        print_table(terminal_table(build_report([reader])))
    return 0


@runs.command("delete")
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
@results_option
def delete_run(run: str, yes: bool, results: Path) -> int:
    """Delete one run and everything measured in it."""
    from harness.store.store import ResultsStore

    store = ResultsStore(results)
    run_id = store.resolve(run).run_id
    if not yes and not _confirmed(run_id):
        click.echo(f"kept {run_id}")
        return 0
    store.delete(run_id)
    click.echo(f"deleted {run_id}")
    return 0


def _confirmed(run_id: str) -> bool:
    try:
        return click.confirm(f"Delete {run_id} for good?")
    except click.Abort as nobody:
        if sys.stdin.isatty():
            raise
        raise UserError(f"nobody answers whether to delete {run_id}; say --yes") from nobody


@runs.command("gc")
@results_option
def collect_garbage(results: Path) -> int:
    """Remove what killed runs left half-written; stored records stay."""
    from harness.store.store import ResultsStore

    for line in ResultsStore(results).gc() or ("nothing is half-written",):
        click.echo(line)
    return 0


@runs.command("reindex")
@results_option
def reindex(results: Path) -> int:
    """Build the index anew from the run folders."""
    from harness.store.store import ResultsStore

    click.echo(f"runs in the index: {ResultsStore(results).reindex()}")
    return 0
