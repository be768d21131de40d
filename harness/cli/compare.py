"""``benchfarm compare``: verdicts on two runs, or on the cells of one run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.exits import EXIT_INCOMPLETE, EXIT_WORSE
from harness.cli.options import json_option, results_option

if TYPE_CHECKING:
    from harness.jobs.compare import CellComparison, Compared
    from harness.stats.interval import Estimate


@click.command(short_help="Slower, faster or equivalent?")
@click.argument("reference", metavar="RUN")
@click.argument("candidate", metavar="[CANDIDATE]", required=False)
@click.option("--by", help="What differs between the sides: engine, variant, threads...; commas.")
@click.option("--reference", "level", help="Within one run: the value of --by to compare with.")
@click.option("--margin", help="The margin for every metric, as in 2%; each has its own otherwise.")
@click.option("--metric", "metrics", multiple=True, help="As in latency_p50; may be repeated.")
@results_option
@json_option
def compare(
    reference: str,
    candidate: str | None,
    by: str | None,
    level: str | None,
    margin: str | None,
    metrics: tuple[str, ...],
    results: Path,
    as_json: bool,
) -> int:
    """Compare run CANDIDATE with the reference RUN cell by cell, or one RUN's cells by a factor.

    The reference is named first.
    Everything but the factor must be the same, or the pair is incomparable. Exit code 1: the
    candidate is confirmed slower (or larger) beyond the margin. 4: nothing could be compared.
    """
    from harness.jobs.compare import Question, compare_runs, compare_within
    from harness.store.lab_files import LabFiles
    from harness.store.store import ResultsStore

    if candidate is not None and level is not None:
        raise click.UsageError("--reference picks a side within one run; two runs name the sides")
    question = Question(
        factors=tuple(word.strip() for word in (by or "").split(",") if word.strip()),
        metrics=tuple(metric for name in metrics for metric in _metric(name)),
        margin=None if margin is None else _margin(margin),
        reference=level,
        calibrations=LabFiles(results).calibrations(),
    )
    store = ResultsStore(results)
    run = store.resolve(reference)
    if candidate is None:
        compared = compare_within(run, question)
    else:
        compared = compare_runs(run, store.resolve(candidate), question)
    if as_json:
        click.echo(json.dumps(_document(compared), indent=2, ensure_ascii=False))
    else:
        _print(compared)
    return _exit_code(compared)


def _exit_code(compared: Compared) -> int:
    if any(row.confirmed_worse for row in compared.rows):
        return EXIT_WORSE
    return EXIT_INCOMPLETE if compared.nothing_compared else 0


def _metric(name: str) -> tuple[str, ...]:
    from harness.stats.margins import comparable_metrics, find_metrics

    found = tuple(find_metrics(name))
    if not found:
        raise click.UsageError(
            f"no verdict on {name!r}; there are verdicts on {', '.join(comparable_metrics())}"
        )
    return found


def _margin(text: str) -> float:
    """``2%`` and ``0.02`` are the same."""
    number = text.strip().removesuffix("%")
    try:
        fraction = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        fraction = 0.0
    if not 0 < fraction < 1:
        raise click.UsageError(f"--margin {text!r}: write a part of the reference, as in 2%")
    return fraction


# --- for programs -------------------------------------------------------------------------------


def _document(compared: Compared) -> dict[str, object]:
    return {
        "factors": list(compared.factors),
        "comparisons": [_row_document(row, compared.factors) for row in compared.rows],
        "unpaired": list(compared.unpaired),
        "confirmed_worse": sum(row.confirmed_worse for row in compared.rows),
    }


def _row_document(row: CellComparison, factors: tuple[str, ...]) -> dict[str, object]:
    comparison = row.comparison
    return {
        **{
            name: {
                "run": side.run_id,
                "cell": side.cell.key,
                "level": _level(row, name, factors),
                "trials": trials,
            }
            for name, side, trials in zip(
                ("reference", "candidate"), (row.reference, row.candidate), row.n, strict=True
            )
        },
        "metric": row.metric,
        "verdict": row.word,
        "confirmed_worse": row.confirmed_worse,
        "ratio": _interval(comparison.ratio),
        "bootstrap": _interval(comparison.bootstrap),
        "bootstrap_agrees": comparison.bootstrap_agrees,
        "unit_false_alarms": _interval(row.calibration.rate if row.calibration else None),
        "p_value": comparison.difference.p_value if comparison.difference else None,
        "margin": comparison.margin,
        "reason": comparison.reason or None,
        "findings": [{"id": item.id, "seen": item.seen} for item in row.findings],
        "doubts_on_trials": list(row.doubts),
        "repeated_blocks": dict(zip(("reference", "candidate"), row.repeated, strict=True)),
        "ratio_over_all_blocks": _interval(row.over_all_blocks),
    }


def _interval(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


# --- for people ---------------------------------------------------------------------------------


def _print(compared: Compared) -> None:
    from harness.cli.tables import Table, print_table
    from reports.quantities import heading

    headers = (
        "cell", "candidate", "reference", "metric", "candidate is", "reference is",
        "ratio", "verdict", "trials", "findings",
    )  # fmt: skip
    rows = tuple(
        (
            _cell(row),
            _level(row, "candidate", compared.factors),
            _level(row, "reference", compared.factors),
            heading(row.metric),
            *_values(row),
            _ratio(row),
            row.word,
            "{1}, {0}".format(*row.n),
            ", ".join([*(item.id for item in row.findings), *row.doubts]),
        )
        for row in compared.rows
    )
    print_table(Table(headers, rows, tuple(_notes(compared))))


def _cell(row: CellComparison) -> str:
    from harness.validity.comparability import level
    from harness.validity.limits import describe

    cell = replace(row.candidate.cell, arm="")  # the level says it
    return f"{describe(cell)}, {level(cell, ('options',))}" if cell.options else describe(cell)


def _name(row: CellComparison) -> str:
    """The pair and the metric."""
    from harness.metrics import METRICS

    return f"{_cell(row)}, {METRICS[row.metric].title}"


def _level(row: CellComparison, name: str, factors: tuple[str, ...]) -> str:
    """What tells this side from the other: its level of the factors, or its run."""
    from harness.validity.comparability import level

    side = row.reference if name == "reference" else row.candidate
    found = level(side.cell, factors)
    return ", ".join(part for part in (side.run_id if "run" in factors else "", found) if part)


def _values(row: CellComparison) -> tuple[str, str]:
    from harness.jobs.compare import values_of
    from reports.estimates import estimate
    from reports.quantities import estimate_text

    theirs, ours = (values_of(side, row.metric) for side in (row.reference, row.candidate))
    shown = [
        estimate_text(row.metric, estimate(row.metric, values) if values else None)
        for values in (ours, theirs)
    ]
    return shown[0], shown[1]


def _ratio(row: CellComparison) -> str:
    ratio = row.comparison.ratio
    if ratio is None or ratio.low is None or ratio.high is None:
        return ""
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def _notes(compared: Compared) -> list[str]:
    """Why there is no verdict, what the cross-check says, what the findings mean."""
    from harness.findings import KINDS
    from harness.jobs.repeated import told

    lines = [
        f"{_name(row)}: {row.word}: {row.comparison.reason}"
        for row in compared.rows
        if row.comparison.reason
    ]
    lines += [
        _disagreement(row) for row in compared.rows if row.comparison.bootstrap_agrees is False
    ]
    repeats = ((row, told(row.reference, row.candidate, row.metric)) for row in compared.rows)
    lines += [f"{_name(row)}: {text}" for row, text in repeats if text]
    calibrated = {
        row.calibration.device_id: row.calibration for row in compared.rows if row.calibration
    }
    lines += [f"{device_id}: {known}" for device_id, known in calibrated.items()]
    found = {item.id for row in compared.rows for item in row.findings}
    lines += [f"{name}: {KINDS[name].summary} {KINDS[name].advice}" for name in sorted(found)]
    lines += compared.unpaired
    if not compared.rows:
        lines.append("nothing is compared: no pair of cells has the values that were asked for")
    if confirmed := sum(row.confirmed_worse for row in compared.rows):
        lines.append(f"confirmed worse beyond the margin: {confirmed} of {len(compared.rows)}")
    return lines


def _disagreement(row: CellComparison) -> str:
    checked = row.comparison.bootstrap
    bounds = f"[{checked.low:.3f}, {checked.high:.3f}]" if checked else ""
    return (
        f"{_name(row)}: {row.word}, but the bootstrap over trials and inferences {bounds} "
        "would decide otherwise; measure more trials"
    )
