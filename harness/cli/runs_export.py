"""``benchfarm runs export``: stored runs to give away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import results_option

if TYPE_CHECKING:
    from harness.store.store import ResultsStore


@click.command("export", short_help="Copy runs into an archive or a folder.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--anonymize", is_flag=True, help="Without serial numbers, host names, people and folders."
)
@click.option(
    "--artifact",
    is_flag=True,
    help="As an artifact-evaluation package: runs, tables, digests, a Makefile, CITATION.cff.",
)
@results_option
def export_runs(
    runs: tuple[str, ...], path: Path, anonymize: bool, artifact: bool, results: Path
) -> int:
    """Copy runs into PATH, a .tar.gz archive or a folder; several only as one artifact."""
    from harness.store.store import ResultsStore

    store = ResultsStore(results)
    if artifact:
        _export_artifact(store, runs, path, anonymous=anonymize)
    elif len(runs) > 1:
        raise click.UsageError("several runs are exported together with --artifact only")
    else:
        store.export(runs[0], path, anonymous=anonymize)
    click.echo(path)
    return 0


def _export_artifact(
    store: ResultsStore, runs: tuple[str, ...], path: Path, *, anonymous: bool
) -> None:
    from harness import __version__
    from harness.store.artifact import FORMATS, write_artifact
    from harness.store.store import ResultsStore
    from reports.render import write_reports

    readers = [store.resolve(selector) for selector in runs]

    def render(packed: Path, tables: Path) -> None:
        copies = ResultsStore(packed)
        found = [copies.resolve(reader.run_id) for reader in readers]
        write_reports(found, FORMATS, tables)

    write_artifact(readers, path, render, version=__version__, anonymous=anonymous)
