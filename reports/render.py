"""Reports to files: one name per format, each written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import StoreError, UserError
from reports.model import ReportModel
from reports.source import RunSource
from reports.view import build_report

Renderer = Callable[[ReportModel], str]


def _html(model: ReportModel) -> str:
    from reports.html import render_html

    return render_html(model)


def _markdown(model: ReportModel) -> str:
    from reports.markdown import render_markdown

    return render_markdown(model)


def _cells_csv(model: ReportModel) -> str:
    from reports.csv import cells_csv

    return cells_csv(model)


def _trials_csv(model: ReportModel) -> str:
    from reports.csv import trials_csv

    return trials_csv(model)


#: The files of each format, the first one being the format's face.
FORMATS: dict[str, dict[str, Renderer]] = {
    "html": {"report.html": _html},
    "md": {"report.md": _markdown},
    "csv": {"cells.csv": _cells_csv, "trials.csv": _trials_csv},
}


def write_reports(runs: Sequence[RunSource], formats: Sequence[str], out: Path) -> list[Path]:
    """Write ``runs`` as one report in every format; returns the paths in the order of formats.

    Equal runs give equal bytes. Raises UserError for an unknown format and StoreError, naming the
    path, when a file cannot be written.
    """
    return write_model(build_report(runs), formats, out)


def write_model(model: ReportModel, formats: Sequence[str], out: Path) -> list[Path]:
    """:func:`write_reports` for a report that is built already."""
    check_formats(formats)
    written = []
    for name in dict.fromkeys(formats):
        for file_name, render in FORMATS[name].items():
            written.append(_write(out / file_name, render(model)))
    return written


def check_formats(formats: Sequence[str]) -> None:
    """Raise UserError for a format that does not exist."""
    for name in formats:
        if name not in FORMATS:
            raise UserError(f"no report format {name!r}; there are {', '.join(FORMATS)}")


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    return path
