"""The report as CSV: one wide table of cells, one long table of trials.

Numbers keep their stored units, which are in the column names, and their full precision. What was
not measured is an empty field.
"""

from __future__ import annotations

from harness.metrics import METRICS
from harness.text import csv_text
from reports import labels
from reports.model import CellView, ReportModel

#: A metric's columns in the table of cells: the estimate and its 95 % interval.
_PARTS = ("", "_low", "_high")


def cells_csv(model: ReportModel) -> str:
    """One row a cell: facets, counts, each metric with its interval, the findings."""
    metrics = [name for name in METRICS if any(name in cell.estimates for cell in model.cells)]
    columns = [
        *labels.FACETS,
        *("purpose", "precision", "model_sha256"),
        *("trials_ok", "trials_failed", "trials_invalid", "trials_skipped", "trials_missing"),
        *(f"{metric}{part}" for metric in metrics for part in _PARTS),
        "findings",
    ]
    return _csv([_cell_row(cell) for cell in model.cells], columns)


def trials_csv(model: ReportModel) -> str:
    """One row a metric of a trial: tidy data, made to be pivoted."""
    columns = [
        *labels.FACETS,
        *("purpose", "trial", "repeat", "attempt", "outcome", "started_at"),
        *("metric", "value", "findings"),
    ]
    return _csv([row for cell in model.cells for row in _trial_rows(cell)], columns)


def _cell_row(cell: CellView) -> dict[str, object]:
    counts = cell.counts
    row: dict[str, object] = {
        **_facets(cell),
        "purpose": cell.purpose,
        "precision": csv_text(cell.precision),
        "model_sha256": csv_text(cell.digest),
        "trials_ok": counts.ok,
        "trials_failed": counts.failed,
        "trials_invalid": counts.invalid,
        "trials_skipped": counts.skipped,
        "trials_missing": counts.missing,
        "findings": " ".join(item.id for item in cell.findings),
    }
    for metric, estimate in cell.estimates.items():
        values = (estimate.value, estimate.low, estimate.high)
        row |= {f"{metric}{part}": value for part, value in zip(_PARTS, values, strict=True)}
    return row


def _trial_rows(cell: CellView) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for trial in cell.trials:
        common: dict[str, object] = {
            **_facets(cell),
            "purpose": cell.purpose,
            "trial": csv_text(trial.id),
            "repeat": trial.repeat + 1,
            "attempt": trial.attempt,
            "outcome": trial.outcome.value,
            "started_at": csv_text(trial.started_at),
            "findings": " ".join(trial.finding_ids),
        }
        if not trial.metrics:
            rows.append(common)
        rows += [
            {**common, "metric": name, "value": value} for name, value in trial.metrics.items()
        ]
    return rows


def _facets(cell: CellView) -> dict[str, object]:
    return {name: csv_text(cell.facets[name]) for name in labels.FACETS}


def _csv(rows: list[dict[str, object]], columns: list[str]) -> str:
    # Imported here: it costs a third of a second of CPU that the HTML page does not need.
    import pandas as pd

    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return str(table.to_csv(index=False, lineterminator="\n"))
