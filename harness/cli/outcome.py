"""The end of a run: report files, the table on the terminal, and the exit code."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.campaign import Ended
from harness.cli.exits import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_LIMIT_EXCEEDED
from harness.record import Cell, Outcome
from harness.scenario import Limit
from harness.scenario_file import loads
from harness.store.run_reader import RunReader
from harness.store.store import ResultsStore

if TYPE_CHECKING:
    from reports.model import ReportModel


def conclude(results: Path, ended: Ended, output: str = "table") -> int:
    """Write the reports of a run beside its data, print it, return the exit code.

    ``output`` is ``table``, or ``md``, ``csv``, ``json`` to print the result in that form alone.
    """
    from reports.render import write_model
    from reports.view import build_report

    run = ResultsStore(results).resolve(ended.run_id)
    model = build_report([run])
    written = write_model(model, ["html", "md", "csv"], run.folder / "report")
    _print(model, output)
    click.echo(f"Run {run.run_id}", err=output != "table")
    click.echo(f"Report: {written[0]}", err=output != "table")
    if any(trial.cell.arm for trial in run.plan.trials):
        click.echo(
            f"Which arm is slower: benchfarm compare {run.run_id} --results {results}",
            err=output != "table",
        )
    exceeded, unchecked = check_limits(run)
    for line in [*(f"limit exceeded: {line}" for line in exceeded), *unchecked]:
        click.echo(line, err=True)
    if ended.interrupted:
        click.echo(
            "interrupted; what was measured is kept. Go on with: "
            f"benchfarm run --resume {run.run_id} --results {results}",
            err=True,
        )
        return EXIT_INTERRUPTED
    failed = sum(record.outcome is Outcome.FAILED for record in run.records())
    if failed:
        click.echo(
            f"{failed} trial{'s' * (failed != 1)} failed. Measure again: "
            f"benchfarm run --resume {run.run_id} --retry-failed --results {results}",
            err=True,
        )
    if exceeded:
        return EXIT_LIMIT_EXCEEDED
    return EXIT_INCOMPLETE if unchecked or incomplete(run) else 0


def _print(model: ReportModel, output: str) -> None:
    from harness.cli.tables import print_table
    from reports.csv import cells_csv
    from reports.markdown import render_markdown
    from reports.terminal import (
        accuracy_table,
        json_rows,
        operator_tables,
        soak_tables,
        terminal_table,
    )

    match output:
        case "md":
            click.echo(render_markdown(model), nl=False)
        case "csv":
            click.echo(cells_csv(model), nl=False)
        case "json":
            click.echo(json.dumps(json_rows(model), indent=2, ensure_ascii=False))
        case _:
            tables = [
                terminal_table(model),
                accuracy_table(model),
                *soak_tables(model),
                *operator_tables(model),
            ]
            for table in tables:
                if table is not None:
                    print_table(table)


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


def check_limits(run: RunReader, *, regressions: bool = True) -> tuple[list[str], list[str]]:
    """Lines for the scenario's limits that are exceeded, and for those nothing was held to.

    ``regressions``: also ``max_regression``, as far as one run can tell.
    """
    from harness.validity.limits import exceeded, unchecked

    scenario = loads(run.plan.scenario_text, str(run.folder / "plan.json"), run.folder)
    if not scenario.limits:
        return [], []
    values = cell_values(run)
    over, open_ = exceeded(scenario.limits, values), unchecked(scenario.limits, values)
    if regressions and any(limit.max_regression is not None for limit in scenario.limits):
        worse, unknown = _regressions(run, scenario.limits)
        over, open_ = [*over, *worse], [*open_, *unknown]
    return over, open_


def _regressions(run: RunReader, limits: Sequence[Limit]) -> tuple[list[str], list[str]]:
    """The pairs that are worse by more than ``max_regression``, and those nothing is known of."""
    from harness.jobs.nightly import first_look
    from harness.jobs.nightly_files import row_name, told

    bound = [row for row in first_look(run, limits, {}).rows if row.bound is not None]
    worse = [f"max_regression: {row_name(row)}: {told(row)}" for row in bound if row.suspected]
    unknown = [
        f"limit max_regression was not checked: {row_name(row)}: {row.reason}"
        for row in bound
        if row.comparison.difference is None
    ]
    return worse, unknown if bound else ["limit max_regression was not checked: no pair matches"]
