"""``benchfarm nightly``: two arms in one night, and an alarm only for what fresh quads confirm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.exits import (
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    EXIT_LIMIT_EXCEEDED,
    EXIT_WORSE,
)
from harness.cli.options import json_option, results_option, select_option, set_option

if TYPE_CHECKING:
    from harness.cli.campaign import Choices, Ended
    from harness.jobs.nightly import Night, NightRow
    from harness.scenario import Scenario
    from harness.store.lab_files import LabFiles, NightEntry
    from harness.store.run_reader import RunReader
    from harness.store.store import ResultsStore

#: The part of the time until ``finish_by`` in which nothing is measured for the first time.
_KEPT_FOR_SUSPECTS = 0.1


@click.command(short_help="Compare two arms overnight.")
@click.argument("scenario", type=click.Path(path_type=Path))
@select_option
@set_option
@click.option("--baseline", metavar="NAME", help="A stored arm takes the place of the reference.")
@click.option("--label", help="A name for the night's runs.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for junit.xml, nightly.md and nightly.json; default: in the run's folder.",
)
@click.option(
    "--otava",
    metavar="COMMAND",
    help="The program of Apache Otava, asked for a second opinion; default: otava, if on PATH.",
)
@results_option
@json_option
def nightly(
    scenario: Path,
    selectors: tuple[str, ...],
    overrides: tuple[str, ...],
    baseline: str | None,
    label: str | None,
    out: Path | None,
    otava: str | None,
    results: Path,
    as_json: bool,
) -> int:
    """Measure the arms of SCENARIO in quads A B B A, and judge them.

    What looks slower is measured again before it counts. Exit code 1: a confirmed regression or an
    exceeded limit. 4: something stayed open (failed, dropped for lack of time, incomparable). 0
    otherwise.
    """
    from harness.cli import campaign
    from harness.cli.baselines import baseline_override
    from harness.errors import StoreError, UserError
    from harness.jobs.nightly import confirmed, first_look
    from harness.jobs.nightly_accuracy import accuracy_rows
    from harness.jobs.nightly_files import entries
    from harness.scenario_file import parse_selector
    from harness.store.lab_files import LabFiles
    from harness.store.store import ResultsStore

    files, store = LabFiles(results), ResultsStore(results)
    if baseline is not None:
        overrides = (*overrides, baseline_override(files.baseline(baseline)))
    wanted, fresh = _tonight(scenario, overrides)
    if wanted.arms is None:
        raise UserError(
            f"{scenario} has no arms to compare; add arms, or name a stored one with --baseline"
        )
    choices = campaign.Choices(
        results, label, selectors=tuple(parse_selector(text) for text in selectors)
    )
    ended = _retried(campaign.start(wanted, choices), choices, store)
    first = store.resolve(ended.run_id)
    night = first_look(first, wanted.limits, files.calibrations())
    night = replace(night, rows=(*night.rows, *accuracy_rows(first)))
    again, why_not = _again(night, ended, fresh, choices, store)
    night = confirmed(night, again, why_not)
    notes = [*_notes(night, files), *_about_baseline(files, baseline, first)]
    tonight = entries(night)
    try:
        files.append(tonight)
        notes += [] if ended.interrupted else _second_opinion(tonight, files, otava)
    except StoreError as error:  # the verdicts matter more
        notes.append(f"not in the history: {error}")
    return _report(night, ended, notes, out, as_json=as_json)


def _tonight(path: Path, overrides: Sequence[str]) -> tuple[Scenario, Scenario]:
    """The scenario as it is measured first, and as its suspects are measured again.

    ``finish_by`` becomes a moment; a part of the time before it is kept for the suspects.
    """
    from harness.plan import night_end
    from harness.scenario_file import load

    wanted = load(path, overrides)
    if wanted.finish_by is None:
        return wanted, wanted
    now = datetime.now().astimezone()
    end = night_end(wanted.finish_by, now)
    moments = (end - (end - now) * _KEPT_FOR_SUSPECTS, end)
    first, again = (
        load(path, [*overrides, f"finish_by={moment.isoformat(timespec='seconds')}"])
        for moment in moments
    )
    return first, again


def _retried(ended: Ended, choices: Choices, store: ResultsStore) -> Ended:
    """The run after one more attempt at its quads that lost a trial."""
    from harness.cli import campaign
    from harness.cli.outcome import incomplete
    from harness.errors import HarnessError

    if ended.interrupted or not incomplete(store.resolve(ended.run_id)):
        return ended
    click.echo("quads that lost a trial are measured once more", err=True)
    try:
        return campaign.resume(ended.run_id, replace(choices, retry_failed=True))
    except HarnessError as error:
        click.echo(f"they stay as they are: {error}", err=True)
        return ended


def _again(
    night: Night, ended: Ended, scenario: Scenario, choices: Choices, store: ResultsStore
) -> tuple[RunReader | None, str]:
    """A run of fresh quads of the suspects, or why there is none."""
    from harness.cli import campaign
    from harness.errors import HarnessError

    suspects = night.suspects
    if not suspects:
        return None, ""
    if ended.interrupted:
        return None, "the night was interrupted before it could be measured again"
    click.echo(f"{len(suspects) // 2} suspected, measured again before they count", err=True)
    only = replace(choices, wanted=lambda trial: trial.cell.key in suspects)
    try:
        done = _retried(campaign.start(scenario, only), choices, store)
        return store.resolve(done.run_id), ""
    except HarnessError as error:  # what was measured is judged all the same
        return None, f"it could not be measured again: {error}"


def _notes(night: Night, files: LabFiles) -> list[str]:
    """What a reader of the verdicts should know about the night."""
    from harness.units import format_percent
    from harness.validity.calibration import unit_of

    run = night.runs[0]
    notes = [f"not measured: {skip.what}: {skip.reason}" for skip in run.plan.skips]
    known = files.calibrations()
    for device_id, facts in run.plan.facts.items():
        calibration = known.get(unit_of(facts))
        notes.append(
            f"{device_id} is not calibrated; `benchfarm calibrate` tells its false-alarm rate"
            if calibration is None
            else f"{device_id}: calibrated {calibration.at[:10]}, "
            f"{calibration}; it finds changes of "
            f"{format_percent(calibration.detectable)} in 80 of 100 cases"
        )
    notes += files.history()[1]
    return notes


def _second_opinion(tonight: Sequence[NightEntry], files: LabFiles, otava: str | None) -> list[str]:
    """What Otava sees in the history of what was measured tonight."""
    from harness.jobs.second_opinion import second_opinions

    measured = {entry.series for entry in tonight}
    series = files.history()[0]
    return second_opinions([series[name] for name in series if name in measured], otava)


def _about_baseline(files: LabFiles, name: str | None, run: RunReader) -> list[str]:
    """Whether the system is the one that the baseline was saved on."""
    from harness.validity.calibration import os_build_of

    if name is None:
        return []
    saved = files.baseline(name).get("os_builds", {})
    return [
        f"{device_id}: baseline {name!r} was saved on {saved[device_id]}, now there is "
        f"{os_build_of(facts)}; both arms were measured tonight, so the verdicts stand"
        for device_id, facts in run.plan.facts.items()
        if device_id in saved and saved[device_id] != os_build_of(facts)
    ]


def _report(
    night: Night, ended: Ended, notes: list[str], out: Path | None, *, as_json: bool
) -> int:
    """Write the files, print the verdicts, return the exit code."""
    from harness.cli.outcome import check_limits, incomplete
    from harness.jobs.nightly import OPEN, Status
    from harness.jobs.nightly_files import document, summary, write_night
    from reports.render import write_model
    from reports.view import build_report

    run = night.runs[0]
    exceeded, unchecked = check_limits(run, regressions=False)
    notes = [*(f"limit exceeded: {line}" for line in exceeded), *unchecked, *notes]
    written = write_night(night, out or run.folder / "nightly", notes)
    page = write_model(build_report(list(night.runs)), ["html"], run.folder / "report")[0]
    if as_json:
        click.echo(json.dumps(document(night, notes), indent=2, ensure_ascii=False))
    else:
        _print(night, notes)
        click.echo(summary(night))
        for path in (*written, page):
            click.echo(path)
    if ended.interrupted:
        return EXIT_INTERRUPTED
    if night.having(Status.REGRESSION):
        return EXIT_WORSE
    if exceeded:
        return EXIT_LIMIT_EXCEEDED
    open_ = night.having(*OPEN) or unchecked or any(incomplete(one) for one in night.runs)
    return EXIT_INCOMPLETE if open_ or not night.rows else 0


def _is_told(row: NightRow) -> bool:
    """Whether a line says more of it: an open question, or blocks that were measured again."""
    from harness.jobs import repeated

    return row.status.value != "good" or bool(
        repeated.told(row.reference, row.candidate, row.metric)
    )


def _print(night: Night, notes: Sequence[str]) -> None:
    from harness.cli.tables import Table, print_table
    from harness.jobs.nightly_files import explained, ratio_text, row_name, told
    from harness.plan import label
    from reports.quantities import heading

    rows = tuple(
        (
            label(row.cell),
            row.cell.device_id,
            heading(row.metric),
            ratio_text(row.comparison),
            str(row.quads),
            row.comparison.verdict.value,
            row.status.value,
            ", ".join(row.doubts),
        )
        for row in night.rows
    )
    headers = ("cell", "device", "metric", "ratio", "quads", "verdict", "status", "doubts")
    lines = [
        line
        for row, causes in explained(row for row in night.rows if _is_told(row))
        for line in (
            f"{row.status.upper()}: {row_name(row)}: {told(row)}",
            *(f"  likely cause: {cause}" for cause in causes),
        )
    ]
    print_table(Table(headers, rows, (*lines, *notes)))
