"""Reports to files: one name per format, each file written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from reports.files import writing
from reports.model import ReportModel
from reports.source import RunSource
from reports.view import build_report

if TYPE_CHECKING:
    from reports.paper.pivot import PivotRequest
    from reports.paper.table import PaperTable

Renderer = Callable[[ReportModel], str]
TableRenderer = Callable[["Sequence[PaperTable]"], str | bytes]


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


#: The files of each format of the whole report, the first one being the format's face.
FORMATS: dict[str, dict[str, Renderer]] = {
    "html": {"report.html": _html},
    "md": {"report.md": _markdown},
    "csv": {"cells.csv": _cells_csv, "trials.csv": _trials_csv},
}
#: Formats of the tables for publications, with what writes them.
TABLE_FORMATS = ("latex", "json", "parquet")
#: Formats in which one pivot table can be had.
PIVOT_FORMATS = ("html", "md", "csv", *TABLE_FORMATS)
#: Formats that are many files, in a folder of the format's name.
FOLDER_FORMATS = ("figures", "perfetto")


def write_reports(
    runs: Sequence[RunSource],
    formats: Sequence[str],
    out: Path,
    request: PivotRequest | None = None,
    style: str = "paper",
) -> list[Path]:
    """Write ``runs`` as one report in every format; returns the paths in the order of formats.

    With a ``request`` only that table is written; ``style`` is that of figures. Equal runs give
    equal bytes. Raises UserError for an unknown format and StoreError, naming the path, when a
    file cannot be written.
    """
    check_formats(formats, pivot=request is not None)
    model = build_report(runs)
    if request is not None:
        from reports.paper.pivot import pivot

        return _write_tables(model, (pivot(model, request),), formats, out, "table")
    written: list[Path] = []
    for name in dict.fromkeys(formats):
        if name in FORMATS:
            written += write_model(model, [name], out)
        elif name == "perfetto":
            from reports.perfetto import write_traces

            written += write_traces(runs, out / name)
        elif name == "figures":
            from reports.plots.write import report_plots, write_figures

            written += write_figures(report_plots(model), out / name, style)
        else:
            from reports.paper.tables import paper_tables

            written += _write_tables(model, paper_tables(model), [name], out, "tables")
    return written


def write_model(model: ReportModel, formats: Sequence[str], out: Path) -> list[Path]:
    """:func:`write_reports` for a report that is built already, and formats of FORMATS."""
    return [
        _write(out / file_name, render(model).encode())
        for name in dict.fromkeys(formats)
        for file_name, render in FORMATS[name].items()
    ]


def check_formats(formats: Sequence[str], *, pivot: bool = False) -> None:
    """Raise UserError for a format that does not exist, or that a pivot table does not have."""
    known = PIVOT_FORMATS if pivot else (*FORMATS, *TABLE_FORMATS, *FOLDER_FORMATS)
    for name in formats:
        if name not in known:
            what = "format of a pivot table" if pivot else "report format"
            raise UserError(f"no {what} {name!r}; there are {', '.join(known)}")


def _write_tables(
    model: ReportModel,
    tables: Sequence[PaperTable],
    formats: Sequence[str],
    out: Path,
    stem: str,
) -> list[Path]:
    from reports.paper import data
    from reports.paper.page import tables_html
    from reports.paper.write import write_latex

    renderers: dict[str, TableRenderer] = {
        "html": tables_html,
        "md": data.tables_markdown,
        "csv": data.tables_csv,
        "json": data.tables_json,
        "parquet": data.tables_parquet,
    }
    written: list[Path] = []
    for name in dict.fromkeys(formats):
        if name == "latex":
            written += write_latex(model, tables, out / name)
        else:
            content = renderers[name](tables)
            data_bytes = content if isinstance(content, bytes) else content.encode()
            written.append(_write(out / f"{stem}.{name}", data_bytes))
    return written


def _write(path: Path, content: bytes) -> Path:
    with writing(path) as file:
        file.write(content)
    return path
