"""``benchfarm run``: a scenario file in, a table and a report out."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option, select_option, set_option


@click.command(short_help="Run a scenario file.")
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@select_option
@set_option
@click.option("--label", help="A name for the run; a label stands for its newest run.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was interrupted.")
@click.option("--retry-failed", is_flag=True, help="With --resume: measure failed trials again.")
@click.option("-k", "keyword", metavar="EXPR", help="Only trials matching words: 'int8 and t1'.")
@click.option("-x", "stop_at_failure", is_flag=True, help="Stop at the first failed trial.")
@results_option
def run(
    scenario: Path | None,
    selectors: tuple[str, ...],
    overrides: tuple[str, ...],
    label: str | None,
    resume: str | None,
    retry_failed: bool,
    keyword: str | None,
    stop_at_failure: bool,
    results: Path,
) -> int:
    """Measure everything SCENARIO asks for, store it, and report.

    With --resume the stored scenario of that run is used, and SCENARIO is left out.
    """
    from harness.cli import campaign
    from harness.cli.console import trial_text
    from harness.cli.keyword import parse_keyword
    from harness.cli.outcome import conclude
    from harness.scenario_file import load, parse_selector

    matches = parse_keyword(keyword) if keyword else None
    choices = campaign.Choices(
        results=results,
        label=label,
        selectors=tuple(parse_selector(text) for text in selectors),
        wanted=lambda trial: matches is None or matches(trial_text(trial)),
        stop_at_failure=stop_at_failure,
        retry_failed=retry_failed,
    )
    if resume is not None:
        if scenario is not None or overrides or selectors or label:
            raise click.UsageError("--resume takes the stored scenario; leave out the others")
        return conclude(results, campaign.resume(resume, choices))
    if scenario is None:
        raise click.UsageError("which scenario? (try scenarios/quickstart.yaml)")
    if retry_failed:
        raise click.UsageError("--retry-failed goes with --resume RUN")
    return conclude(results, campaign.start(load(scenario, overrides), choices))
