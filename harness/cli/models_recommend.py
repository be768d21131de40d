"""``benchfarm models recommend``: which variant to ship, from stored runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.exits import EXIT_LIMIT_EXCEEDED
from harness.cli.options import json_option, results_option, select_option
from harness.errors import NoDeviceMatched, StoreError, UserError

if TYPE_CHECKING:
    from harness.jobs.recommend import Judged, Recommendation
    from harness.stats.interval import Estimate

_ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


@click.command("recommend")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@select_option
@click.option("--max-accuracy-loss", "loss", help="Points lost against fp32, as in 1%.")
@click.option("--max-latency-ms", "latency_ms", type=_ABOVE_ZERO, help="90th percentile.")
@click.option("--max-rss-mb", "rss_mb", type=_ABOVE_ZERO, help="Peak RSS in millions of bytes.")
@click.option(
    "--emit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the choice and the fallback order for each device class as JSON.",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Draw accuracy against latency as .svg, .pdf or .png (one device only).",
)  # fmt: skip
@results_option
@json_option
def recommend_models(
    runs: tuple[str, ...],
    selectors: tuple[str, ...],
    loss: str | None,
    latency_ms: float | None,
    rss_mb: float | None,
    emit: Path | None,
    plot: Path | None,
    results: Path,
    as_json: bool,
) -> int:
    """Choose among the variants that RUN... measured: the fastest one within the limits.

    RUN is an id, a unique prefix, a label or `latest`. Exit code 1: on some device nothing fits.
    """
    from harness.jobs.deploy import deployment
    from harness.jobs.recommend import Limits, recommend
    from harness.store.store import ResultsStore

    limits = Limits(
        None if loss is None else _share(loss),
        None if latency_ms is None else latency_ms * 1e6,
        None if rss_mb is None else rss_mb * 1e6,
    )
    store = ResultsStore(results)
    answers = _selected(recommend([store.resolve(run) for run in runs], limits), selectors)
    document = deployment(answers, limits)
    if as_json:
        click.echo(json.dumps({**document, "candidates": _documents(answers)}, indent=2))
    else:
        for answer in answers:
            _print(answer)
    if emit is not None:
        _write(emit, json.dumps(document, indent=2) + "\n")
        click.echo(f"Written: {emit}", err=True)
    if plot is not None:
        _draw(plot, answers)
        click.echo(f"Written: {plot}", err=True)
    return 0 if all(answer.choice for answer in answers) else EXIT_LIMIT_EXCEEDED


def _share(text: str) -> float:
    """``1%`` and ``0.01`` are the same."""
    plain = text.strip()
    try:
        value = float(plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise click.UsageError(f"--max-accuracy-loss {text!r}: write points of accuracy, as in 1%")
    return value


def _selected(answers: list[Recommendation], selectors: tuple[str, ...]) -> list[Recommendation]:
    from harness.plan import Candidate
    from harness.plan.devices import matches
    from harness.scenario_file import parse_selector

    wanted = [parse_selector(text) for text in selectors]
    chosen = [
        answer
        for answer in answers
        if not wanted
        or any(matches(one, Candidate(answer.device_id, answer.facts)) for one in wanted)
    ]
    if not chosen:
        known = ", ".join(answer.device_id for answer in answers)
        raise NoDeviceMatched(f"these runs measured no such device; they have {known or 'none'}")
    if not any(answer.judged for answer in chosen):
        raise UserError("these runs have no latency of a single inference; run with a load")
    return chosen


def _draw(path: Path, answers: list[Recommendation]) -> None:
    """One device's candidates as a figure; those without accuracy cannot be placed."""
    from harness.jobs.recommend import LATENCY
    from harness.units import NS_PER_MS
    from reports.pareto import Point, pareto_figure

    if len(answers) > 1:
        raise UserError("--plot draws one device: choose it with -s")
    points = [
        Point(
            label=item.candidate.cell.variant.label,
            series=item.candidate.cell.engine,
            latency_ms=_scaled(item.candidate.figures[LATENCY], 1 / NS_PER_MS),
            accuracy_percent=_scaled(item.candidate.accuracy, 100),
            chosen=item is answers[0].choice,
        )
        for item in answers[0].judged
        if item.candidate.accuracy is not None
    ]
    title = f"Accuracy and latency on {answers[0].device_id}"
    _write(path, pareto_figure(points, title, path.suffix.removeprefix(".").lower()))


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    """The same estimate in another unit."""
    low, high = estimate.low, estimate.high
    return replace(
        estimate,
        value=estimate.value * factor,
        low=None if low is None else low * factor,
        high=None if high is None else high * factor,
    )


def _write(path: Path, content: str | bytes) -> None:
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def _documents(answers: list[Recommendation]) -> list[dict[str, object]]:
    return [
        {
            "device": answer.device_id,
            "model": item.candidate.cell.variant.label,
            "engine": item.candidate.cell.engine,
            "delegate": item.candidate.cell.delegate,
            "threads": item.candidate.cell.threads,
            "fits": item.fits,
            "on_pareto_front": item.on_front,
            "why_not": item.why or None,
        }
        for answer in answers
        for item in answer.judged
    ]


def _print(answer: Recommendation) -> None:
    from harness.cli.tables import Table, print_table

    headers = (
        "variant", "engine", "delegate", "threads", "p90 [ms]", "size [MiB]", "peak RSS [MB]",
        "accuracy [%]", "lost [points]", "front", "why not",
    )  # fmt: skip
    rows = tuple(_row(item) for item in answer.judged)
    print_table(Table(headers, rows, tuple(_notes(answer))))


def _row(item: Judged) -> tuple[str, ...]:
    from harness.jobs.recommend import LATENCY, MEMORY
    from harness.units import NS_PER_MS
    from reports.quantities import NOT_MEASURED, value_text

    one = item.candidate
    rss, accuracy = one.figures.get(MEMORY), one.accuracy
    return (
        one.cell.variant.label,
        one.cell.engine,
        one.cell.delegate,
        str(one.cell.threads),
        f"{one.figures[LATENCY].value / NS_PER_MS:.4g}",
        value_text("size_bytes", float(one.cell.variant.size_bytes)),
        f"{rss.value / 1e6:.4g}" if rss else NOT_MEASURED,
        f"{accuracy.value:.2%}".removesuffix("%") if accuracy else NOT_MEASURED,
        f"{one.loss * 100:.2f}" if one.loss is not None else NOT_MEASURED,
        "yes" if item.on_front else "",
        item.why or "CHOSEN",
    )


def _notes(answer: Recommendation) -> list[str]:
    notes = [f"Device: {answer.device_id}."]
    reference = answer.reference
    if reference is not None:
        cell = reference.cell
        notes.append(f"Accuracy is lost against {cell.variant.label} on {cell.engine}.")
    else:
        notes.append("No float32 accuracy was measured here: the choice knows nothing of accuracy.")
    if answer.choice is None:
        notes.append("Nothing is within the limits.")
    else:
        notes.append(
            "Front: no other one is at least as good in latency, size, memory and accuracy and "
            "better in one of them. Chosen is, of the fastest within the limits, the most "
            "accurate, then the smallest."
        )
    return notes
