"""Reports to files: one name per format, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import UserError
from reports.files import writing
from reports.model import ReportModel
from reports.source import RunSource
from reports.view import build_report

Renderer = Callable[[ReportModel], str]
FolderWriter = Callable[[Sequence[RunSource], Path], list[Path]]


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


def _perfetto(runs: Sequence[RunSource], folder: Path) -> list[Path]:
    from reports.perfetto import write_traces

    return write_traces(runs, folder)


#: The files of each format, the first one being the format's face.
FORMATS: dict[str, dict[str, Renderer]] = {
    "html": {"report.html": _html},
    "md": {"report.md": _markdown},
    "csv": {"cells.csv": _cells_csv, "trials.csv": _trials_csv},
}

#: Formats that are many files, in a folder of the format's name.
FOLDERS: dict[str, FolderWriter] = {"perfetto": _perfetto}


def write_reports(runs: Sequence[RunSource], formats: Sequence[str], out: Path) -> list[Path]:
    """Write ``runs`` as one report in every format; returns the paths in the order of formats.

    Equal runs give equal bytes. Raises UserError for an unknown format and StoreError, naming the
    path, when a file cannot be written.
    """
    check_formats(formats)
    texts = [name for name in formats if name in FORMATS]
    written = write_model(build_report(runs), texts, out) if texts else []
    for name in dict.fromkeys(formats):
        if name in FOLDERS:
            written += FOLDERS[name](runs, out / name)
    return written


def write_model(model: ReportModel, formats: Sequence[str], out: Path) -> list[Path]:
    """:func:`write_reports` for a report that is built already, and formats of FORMATS."""
    written = []
    for name in dict.fromkeys(formats):
        for file_name, render in FORMATS[name].items():
            written.append(_write(out / file_name, render(model)))
    return written


def check_formats(formats: Sequence[str]) -> None:
    """Raise UserError for a format that does not exist."""
    for name in formats:
        if name not in FORMATS and name not in FOLDERS:
            known = ", ".join((*FORMATS, *FOLDERS))
            raise UserError(f"no report format {name!r}; there are {known}")


def _write(path: Path, text: str) -> Path:
    with writing(path) as file:
        file.write(text.encode())
    return path
