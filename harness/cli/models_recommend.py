"""``benchfarm models recommend``: which variant to ship, from stored runs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.exits import EXIT_LIMIT_EXCEEDED
from harness.cli.options import json_option, results_option, select_option
from harness.errors import NoDeviceMatched, StoreError, UserError

if TYPE_CHECKING:
    from harness.jobs.candidates import Candidate
    from harness.jobs.recommend import Judged, Limits, Recommendation
    from harness.record import DeviceFacts
    from harness.stats.interval import Estimate
    from harness.store.run_reader import RunReader

_RULES = {
    "latency": "of the fastest within the limits the most accurate, then the smallest",
    "accuracy": "of the most accurate within the limits the fastest, then the smallest",
}
_ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


@click.command("recommend")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@select_option
@click.option("--max-accuracy-loss", "loss", help="Points lost against fp32, as in 1%.")
@click.option("--max-latency-ms", "latency_ms", type=_ABOVE_ZERO, help="90th percentile.")
@click.option("--max-rss-mb", "rss_mb", type=_ABOVE_ZERO, help="Peak RSS in millions of bytes.")
@click.option(
    "--max-energy-mj", "energy_mj", type=_ABOVE_ZERO,
    help="Energy of one inference: net of idle, or gross where only that was measured.",
)  # fmt: skip
@click.option(
    "--prefer", type=click.Choice(["latency", "accuracy"]), default="latency", show_default=True,
    help="Of what is within the limits, the fastest or the most accurate.",
)  # fmt: skip
@click.option(
    "--emit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the choice and the fallback order for each device class as JSON.",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Draw accuracy against latency as .svg, .pdf or .png (one class of devices only).",
)  # fmt: skip
@click.option(
    "--plot-by", type=click.Choice(["latency", "energy"]), default="latency", show_default=True,
    help="What --plot draws accuracy against.",
)  # fmt: skip
@results_option
@json_option
def recommend_models(
    runs: tuple[str, ...],
    selectors: tuple[str, ...],
    loss: str | None,
    latency_ms: float | None,
    rss_mb: float | None,
    energy_mj: float | None,
    prefer: str,
    emit: Path | None,
    plot: Path | None,
    plot_by: str,
    results: Path,
    as_json: bool,
) -> int:
    """Choose among the variants that RUN... measured: the best one within the limits.

    RUN is an id, a unique prefix, a label or `latest`. Exit code 1: on some device nothing fits.
    """
    from harness.jobs.deploy import deployment
    from harness.jobs.recommend import J_PER_MJ, Limits
    from harness.store.store import ResultsStore

    limits = Limits(
        None if loss is None else _share(loss),
        None if latency_ms is None else latency_ms * 1e6,
        None if rss_mb is None else rss_mb * 1e6,
        None if energy_mj is None else energy_mj * J_PER_MJ,
    )
    store = ResultsStore(results)
    answers = _answers([store.resolve(run) for run in runs], limits, selectors, prefer)
    document = deployment(answers, limits)
    if as_json:
        click.echo(json.dumps({**document, "candidates": _documents(answers)}, indent=2))
    else:
        for answer in answers:
            _print(answer, prefer)
    if emit is not None:
        _write(emit, json.dumps(document, indent=2) + "\n")
        click.echo(f"Written: {emit}", err=True)
    if plot is not None:
        _draw(plot, answers, plot_by)
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


def _answers(
    runs: list[RunReader], limits: Limits, selectors: tuple[str, ...], prefer: str
) -> list[Recommendation]:
    """One answer for each class of the selected devices."""
    from harness.jobs.recommend import recommend
    from harness.plan import Candidate as Device
    from harness.plan.devices import matches
    from harness.scenario_file import parse_selector

    selected = [parse_selector(text) for text in selectors]

    def wanted(device_id: str, facts: DeviceFacts) -> bool:
        device = Device(device_id, facts)
        return not selected or any(matches(one, device) for one in selected)

    found = recommend(runs, limits, wanted, prefer)
    if not found:
        known = ", ".join(sorted({name for run in runs for name in run.plan.facts}))
        raise NoDeviceMatched(f"these runs measured no such device; they have {known or 'none'}")
    if not any(answer.judged for answer in found):
        raise UserError("these runs have no latency of a single inference; run with a load")
    return found


def _draw(path: Path, answers: list[Recommendation], cost: str) -> None:
    """One class's candidates as a figure; those without accuracy cannot be placed."""
    from reports.pareto import Axis, Point, pareto_figure

    if len(answers) > 1:
        raise UserError("--plot draws one class of devices: choose one with -s")
    points = [
        Point(
            label=item.candidate.cell.variant.label,
            series=item.candidate.cell.engine,
            cost=found,
            accuracy_percent=_scaled(item.candidate.accuracy, 100),
            chosen=item is answers[0].choice,
        )
        for item in answers[0].judged
        if item.candidate.accuracy is not None
        and (found := _cost(item.candidate, cost)) is not None
    ]
    axis = Axis("latency", "p90, ms") if cost == "latency" else Axis("energy", "per inference, mJ")
    title = f"Accuracy and {cost} on {', '.join(answers[0].devices)}"
    _write(path, pareto_figure(points, title, path.suffix.removeprefix(".").lower(), axis))


def _cost(candidate: Candidate, cost: str) -> Estimate | None:
    """What a candidate takes, in the unit of the figure's axis."""
    from harness.jobs.candidates import LATENCY
    from harness.units import NS_PER_MS

    if cost == "latency":
        return _scaled(candidate.figures[LATENCY], 1 / NS_PER_MS)
    return None if candidate.energy is None else _scaled(candidate.energy, 1e3)


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
            "devices": list(answer.devices),
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


def _print(answer: Recommendation, prefer: str) -> None:
    from harness.cli.tables import Table, print_table

    energy = any(item.candidate.energy for item in answer.judged)
    columns = {
        name: column for name, column in _COLUMNS.items() if energy or name != _ENERGY_COLUMN
    }
    rows = tuple(tuple(text(item) for text in columns.values()) for item in answer.judged)
    print_table(Table(tuple(columns), rows, tuple(_notes(answer, prefer))))


def _size(item: Judged) -> str:
    from reports.quantities import value_text

    return value_text("size_bytes", float(item.candidate.cell.variant.size_bytes))


def _latency(item: Judged) -> str:
    from harness.jobs.candidates import LATENCY
    from harness.units import NS_PER_MS

    return f"{item.candidate.figures[LATENCY].value / NS_PER_MS:.4g}"


def _memory(item: Judged) -> str:
    from harness.jobs.candidates import MEMORY

    return _scaled_text(item.candidate.figures.get(MEMORY), 1e-6)


def _energy(item: Judged) -> str:
    mark = " gross" if item.candidate.energy_metric == "energy_gross_j" else ""
    return _scaled_text(item.candidate.energy, 1e3) + mark


def _accuracy(item: Judged) -> str:
    accuracy = item.candidate.accuracy
    return f"{accuracy.value * 100:.2f}" if accuracy else _not_measured()


def _loss(item: Judged) -> str:
    loss = item.candidate.loss
    return f"{loss * 100:.2f}" if loss is not None else _not_measured()


def _scaled_text(estimate: Estimate | None, factor: float) -> str:
    return f"{estimate.value * factor:.4g}" if estimate else _not_measured()


def _not_measured() -> str:
    from reports.quantities import NOT_MEASURED

    return NOT_MEASURED


_ENERGY_COLUMN = "energy [mJ]"
_COLUMNS: dict[str, Callable[[Judged], str]] = {
    "variant": lambda item: item.candidate.cell.variant.label,
    "engine": lambda item: item.candidate.cell.engine,
    "delegate": lambda item: item.candidate.cell.delegate,
    "threads": lambda item: str(item.candidate.cell.threads),
    "p90 [ms]": _latency,
    "size [MiB]": _size,
    "peak RSS [MB]": _memory,
    _ENERGY_COLUMN: _energy,
    "accuracy [%]": _accuracy,
    "lost [points]": _loss,
    "front": lambda item: "yes" if item.on_front else "",
    "why not": lambda item: item.why or "CHOSEN",
}


def _notes(answer: Recommendation, prefer: str) -> list[str]:
    notes = [_devices_text(answer.devices)]
    reference = answer.reference
    if reference is not None:
        cell = reference.cell
        notes.append(f"Accuracy is lost against {cell.variant.label} on {cell.engine}.")
    else:
        notes.append("No float32 accuracy was measured here: the choice knows nothing of accuracy.")
    if any(item.candidate.energy for item in answer.judged):
        notes.append("Energy is that of one inference, net of idle unless it says gross.")
    if answer.choice is None:
        notes.append("Nothing is within the limits.")
    else:
        notes.append(
            "Front: no other one is at least as good in latency, size, memory, energy and accuracy "
            f"and better in one of them. Chosen is {_RULES[prefer]}."
        )
    return notes


def _devices_text(devices: tuple[str, ...]) -> str:
    if len(devices) == 1:
        return f"Device: {devices[0]}."
    return f"Devices of one class: {', '.join(devices)}; each figure is the worst unit's."
