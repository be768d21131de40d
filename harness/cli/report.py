"""``benchfarm report``: stored runs to pages, tables and traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import results_option
from harness.errors import UserError

if TYPE_CHECKING:
    from reports.paper.pivot import PivotRequest


@click.command(short_help="Render stored runs.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--format",
    "formats",
    help="html, md, csv, latex, figures, json, parquet, perfetto; several with commas. "
    "Default: html, and md for a table of your own.",
)
@click.option("--rows", help="A table of your own: facets as rows, such as device,engine.")
@click.option("--cols", help="Facets as columns, such as variant.")
@click.option("--metric", "metrics", help="What it shows, such as latency_p50,rss_peak,energy.")
@click.option("--where", multiple=True, metavar="FACET=VALUE", help="Only cells that match.")
@click.option("--style", default="paper", help="Of figures: paper (default), slides or web.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder; default: the run's own.")
@results_option
def report(
    runs: tuple[str, ...],
    formats: str | None,
    rows: str | None,
    cols: str | None,
    metrics: str | None,
    where: tuple[str, ...],
    style: str,
    out: Path | None,
    results: Path,
) -> int:
    """Render stored runs; RUN is an id, a unique prefix, a label or `latest`."""
    from harness.store.store import ResultsStore
    from reports.plots.style import check_style
    from reports.render import check_formats, write_reports

    check_style(style)
    request = _request(rows, cols, metrics, where)
    wanted = _words(formats) or (["html"] if request is None else ["md"])
    check_formats(wanted, pivot=request is not None)
    store = ResultsStore(results)
    readers = [store.resolve(selector) for selector in runs]
    folder = out or readers[0].folder / "report"
    for path in write_reports(readers, wanted, folder, request, style):
        click.echo(path)
    if "figures" in wanted:
        for path in _history(results, folder / "figures" / "nightly", style):
            click.echo(path)
    return 0


def _history(results: Path, folder: Path, style: str) -> list[Path]:
    """Figures of the lab's nights, where there were enough of them."""
    from harness.store.lab_files import LabFiles
    from reports.plots.history import history_plots
    from reports.plots.write import write_figures

    plots = list(history_plots(LabFiles(results).history()[0]))
    return write_figures(plots, folder, style) if plots else []


def _request(
    rows: str | None, cols: str | None, metrics: str | None, where: tuple[str, ...]
) -> PivotRequest | None:
    """The table that was asked for, None where only the ready-made report is wanted."""
    if not (rows or cols or metrics or where):
        return None
    from reports.paper.pivot import PivotRequest, check_facets, metric_name

    if not rows:
        raise UserError("a table of your own needs --rows, such as --rows device,model")
    pairs = dict(_pair(text) for text in where)
    check_facets((*_words(rows), *_words(cols), *pairs))
    names = tuple(metric_name(word) for word in _words(metrics) or ["latency_p50"])
    return PivotRequest(tuple(_words(rows)), names, tuple(_words(cols)), pairs, "own")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--where {text!r} is not FACET=VALUE")
    return name.strip(), value.strip()


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
