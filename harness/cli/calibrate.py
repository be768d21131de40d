"""``benchfarm calibrate``: equal arms on each unit, and what they say about its verdicts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.exits import EXIT_INCOMPLETE, EXIT_INTERRUPTED
from harness.cli.options import json_option, results_option, select_option, set_option

if TYPE_CHECKING:
    from harness.scenario import Scenario
    from harness.validity.calibration import Calibration

#: Without a scenario: one network of the catalogue, long enough to be a nightly load.
_STANDARD = """
schema: 1
name: calibrate
models: [{family: mobilenet_v2, variants: [fp32]}]
blocks: [{engine: tflite}]
loads: [{kind: single_stream, min_seconds: 1, min_inferences: 30}]
"""


@click.command(short_help="Measure each unit's false-alarm rate.")
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@select_option
@set_option
@click.option(
    "--quads",
    type=click.IntRange(4, 500),
    default=20,
    show_default=True,
    help="Quads of equal arms measured of each cell.",
)
@click.option(
    "--per-comparison",
    type=click.IntRange(2, 500),
    help="Quads of one comparison; default: those of the scenario, 3 without one.",
)
@results_option
@json_option
def calibrate(
    scenario: Path | None,
    selectors: tuple[str, ...],
    overrides: tuple[str, ...],
    quads: int,
    per_comparison: int | None,
    results: Path,
    as_json: bool,
) -> int:
    """Measure equal arms A B B A on each unit; keep its false-alarm rate and what it can find.

    With SCENARIO, its models and loads are used, which tells most about its verdicts.
    """
    from harness.cli import campaign
    from harness.jobs.calibrate import calibrations, equal_arms, usual_quads
    from harness.scenario_file import parse_selector
    from harness.store.lab_files import LabFiles
    from harness.store.store import ResultsStore

    given = _scenario(scenario, overrides)
    size = per_comparison or usual_quads(given)
    if size > quads:
        raise click.UsageError(f"--quads {quads} is less than one comparison of {size}")
    choices = campaign.Choices(results, selectors=tuple(parse_selector(text) for text in selectors))
    ended = campaign.start(equal_arms(given, quads), choices)
    run = ResultsStore(results).resolve(ended.run_id)
    found, problems = calibrations(run, size)
    files = LabFiles(results)
    for one in found:
        files.save_calibration(one)
    if as_json:
        click.echo(json.dumps([_document(one) for one in found], indent=2, ensure_ascii=False))
    else:
        _print(found, problems)
    if ended.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_INCOMPLETE if problems or not found else 0


def _document(one: Calibration) -> dict[str, object]:
    rate = {"value": one.rate.value, "low": one.rate.low, "high": one.rate.high}
    return {**asdict(one), "false_alarms": rate, "trusted": one.trusted}


def _scenario(path: Path | None, overrides: tuple[str, ...]) -> Scenario:
    """The user's scenario, or the standard one."""
    from harness.scenario_file import load, loads

    if path is not None:
        return load(path, overrides)
    if overrides:
        raise click.UsageError("--set changes a scenario; name one")
    return loads(_STANDARD, "calibrate", Path.cwd())


def _print(found: list[Calibration], problems: list[str]) -> None:
    from harness.cli.tables import Table, print_table
    from harness.units import format_percent

    rows = tuple(
        (
            one.device_id,
            cell,
            str(figures.measured_quads),
            str(figures.quads),
            format_percent(figures.false_alarms),
            format_percent(figures.spread),
            format_percent(figures.neighbour_spread),
            format_percent(figures.detectable),
        )
        for one in found
        for cell, figures in one.cells.items()
    )
    headers = (
        *("device", "cell", "quads", "a comparison", "false alarms", "spread"),
        *("of neighbours", "finds"),
    )
    notes = [
        f"{'SIMULATED ' if one.simulated else ''}{one.device_id}: {one}: {one.judgement}"
        for one in found
    ]
    print_table(Table(headers, rows, (*notes, *problems)))
