"""``benchfarm report``: stored runs to pages and tables."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option


@click.command(short_help="Render stored runs.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--format",
    "formats",
    default="html",
    show_default=True,
    help="html, md, csv, perfetto; several with commas.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder; default: the run's own.")
@results_option
def report(runs: tuple[str, ...], formats: str, out: Path | None, results: Path) -> int:
    """Render stored runs; RUN is an id, a unique prefix, a label or `latest`."""
    from harness.store.store import ResultsStore
    from reports.render import check_formats, write_reports

    wanted = [word.strip() for word in formats.split(",") if word.strip()]
    check_formats(wanted)
    store = ResultsStore(results)
    readers = [store.resolve(selector) for selector in runs]
    for path in write_reports(readers, wanted, out or readers[0].folder / "report"):
        click.echo(path)
    return 0
