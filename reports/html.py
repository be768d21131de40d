"""One self-contained HTML page: no request leaves it, no foreign text becomes markup.

Escaping is automatic in the templates. Behind it stands a content security policy that allows
exactly the two scripts written here, by their digests, and no connection anywhere.
"""

from __future__ import annotations

import base64

from jinja2 import Environment
from markupsafe import Markup

from harness.metrics import METRICS
from harness.text import clean, one_line
from reports import figures, labels, quantities
from reports.compare import Certainty, winners
from reports.model import CellView, ReportModel, TrialRow
from reports.operators import operator_views
from reports.page import plain_environment, policy, static
from reports.payload import packed_series
from reports.soak import soak_views
from reports.summary import device_text, summarise
from reports.tables import cell_tables, detail_metrics, number

#: Columns of a cell's table of trials; those without a value are left out.
_TRIAL_METRICS = (
    "latency_p50_ns",
    "latency_p50_all_ns",
    "repeated_blocks",
    "latency_p90_ns",
    "latency_p99_ns",
    "latency_max_ns",
    "throughput_per_s",
    "cold_start_ns",
    "inferences",
    "first_ns",
    "rss_steady_bytes",
    "pss_steady_bytes",
    "rss_peak_bytes",
)
#: Charts shown before the rest folds away.
SHOWN_CHARTS = 4


def render_html(model: ReportModel) -> str:
    """The whole page; the same model gives the same bytes."""
    scripts = [static(f"{name}.js") for name in ("vendor/uplot/uPlot.iife.min", "tables", "report")]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            model=model,
            title=" and ".join(dict.fromkeys(run.scenario for run in model.runs)) or "empty report",
            summary=summarise(model),
            tables=cell_tables(model),
            operators=operator_views(model),
            soaks=soak_views(model),
            dot_charts=figures.dot_charts(model),
            ecdf_charts=figures.ecdf_charts(model),
            startup_charts=figures.startup_charts(model),
            best=_best(model),
            series=packed_series(model),
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own files
            style=Markup(static("vendor/uplot/uPlot.min.css") + static("report.css")),  # noqa: S704
            policy=policy(scripts),
            shown_charts=SHOWN_CHARTS,
        )
    )


def _environment() -> Environment:
    environment = plain_environment()
    environment.filters["svg"] = Markup  # drawings escape their own text
    environment.filters["clean"] = lambda value: clean(str(value))
    environment.filters["line"] = lambda value: one_line(str(value))
    environment.filters["utc"] = utc_text
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    environment.globals.update(
        {
            "cell_text": labels.cell_text,
            "heading": quantities.heading,
            "not_measured": quantities.NOT_MEASURED,
            "device_text": device_text,
            "detail_metrics": detail_metrics,
            "number": number,
            "trial_columns": _trial_columns,
            "trial_value": _trial_value,
            "frozenset": frozenset,
        }
    )
    return environment


def utc_text(stamp: str | None) -> str:
    """``2026-11-20 21:12:33 UTC`` from a stored time."""
    if not stamp:
        return "unknown"
    return one_line(stamp).replace("T", " ").split(".")[0].split("+")[0].removesuffix("Z") + " UTC"


def _trial_columns(cell: CellView) -> list[str]:
    return [
        metric for metric in _TRIAL_METRICS if any(metric in row.metrics for row in cell.trials)
    ]


def _trial_value(row: TrialRow, metric: str) -> str:
    if metric not in row.metrics:
        return quantities.NOT_MEASURED
    return quantities.value_text(metric, row.metrics[metric])


def _best(model: ReportModel) -> frozenset[tuple[str, str]]:
    """(anchor, metric) of the values whose lead over the next is clear."""
    return frozenset(
        (found.better.anchor, found.metric)
        for found in winners(model.cells)
        if found.certainty is Certainty.CLEAR and found.metric in METRICS
    )
