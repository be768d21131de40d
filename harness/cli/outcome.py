"""The end of a run: report files, the table on the terminal, and the exit code."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click

from harness.cli.campaign import Ended
from harness.cli.exits import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_LIMIT_EXCEEDED
from harness.record import Cell, Outcome
from harness.scenario_file import loads
from harness.store.run_reader import RunReader
from harness.store.store import ResultsStore


def conclude(results: Path, ended: Ended) -> int:
    """Write the reports of a run beside its data, print its table, return the exit code."""
    from harness.cli.tables import print_table
    from reports.render import write_reports
    from reports.terminal import run_table

    run = ResultsStore(results).resolve(ended.run_id)
    written = write_reports([run], ["html", "md", "csv"], run.folder / "report")
    print_table(run_table([run]))
    click.echo(f"Run {run.run_id}")
    click.echo(f"Report: {written[0]}")
    exceeded, unchecked = check_limits(run)
    for line in exceeded:
        click.echo(f"limit exceeded: {line}", err=True)
    for line in unchecked:
        click.echo(line, err=True)
    if ended.interrupted:
        click.echo(
            f"interrupted; what was measured is kept. Go on with: "
            f"benchfarm run --resume {run.run_id} --results {results}",
            err=True,
        )
        return EXIT_INTERRUPTED
    if exceeded:
        return EXIT_LIMIT_EXCEEDED
    return EXIT_INCOMPLETE if unchecked or incomplete(run) else 0


def incomplete(run: RunReader) -> bool:
    """Whether a planned trial failed, is invalid or was never tried."""
    bad = {Outcome.FAILED, Outcome.INVALID}
    return bool(run.missing()) or any(record.outcome in bad for record in run.records())


def cell_values(run: RunReader) -> list[tuple[Cell, dict[str, float]]]:
    """Every cell with its estimates over valid trials: what limits are checked against."""
    from reports.estimates import estimates

    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    cells: dict[str, Cell] = {}
    for record in run.records():
        if record.outcome is Outcome.OK:
            key = record.trial.cell.key
            cells[key] = record.trial.cell
            rows[key].append(record.metrics)
    return [
        (cell, {name: one.value for name, one in estimates(rows[key]).items()})
        for key, cell in cells.items()
    ]


def check_limits(run: RunReader) -> tuple[list[str], list[str]]:
    """Lines for the scenario's limits that are exceeded, and for those nothing was held to."""
    from harness.validity.limits import exceeded, unchecked

    scenario = loads(run.plan.scenario_text, str(run.folder / "plan.json"), run.folder)
    if not scenario.limits:
        return [], []
    values = cell_values(run)
    return exceeded(scenario.limits, values), unchecked(scenario.limits, values)
