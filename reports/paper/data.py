"""Paper tables as data: CSV, JSON, Parquet, and Markdown for reading.

The data files are tidy: one row a number, with the texts of its row, in stored units and full
precision; what was not measured is an empty field.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from harness.text import csv_text, markdown_text
from reports.paper.table import (
    Number,
    PaperColumn,
    PaperEntry,
    PaperTable,
    caption_text,
    conditions_text,
)

if TYPE_CHECKING:
    import pandas as pd

_MISSING = "\u2014"
#: What every number has, after the texts of its row.
_NUMBER_KEYS = (
    *("column", "metric", "value", "low", "high", "trials", "units"),
    *("best", "simulated", "findings"),
)


def tables_csv(tables: Sequence[PaperTable]) -> str:
    """All tables as one tidy table."""
    return str(_frame(tables, csv_text).to_csv(index=False, lineterminator="\n"))


def tables_parquet(tables: Sequence[PaperTable]) -> bytes:
    """The same as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = _frame(tables, str)
    kinds = {
        **{name: pa.float64() for name in ("value", "low", "high")},
        **{name: pa.int64() for name in ("trials", "units")},
        **{name: pa.bool_() for name in ("best", "simulated")},
    }
    columns = {
        name: pa.array(frame[name].tolist(), kinds.get(name, pa.string()), from_pandas=True)
        for name in frame.columns
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def tables_json(tables: Sequence[PaperTable]) -> str:
    """Each table with its caption, columns, rows and footnotes."""
    return json.dumps([_document(table) for table in tables], indent=1, ensure_ascii=False) + "\n"


def tables_markdown(tables: Sequence[PaperTable]) -> str:
    """Each table under its title, with caption and notes."""
    return "\n\n".join(block for table in tables for block in _markdown(table)) + "\n"


def _frame(tables: Sequence[PaperTable], text: Callable[[str], str]) -> pd.DataFrame:
    import pandas as pd

    rows = [row for table in tables for row in _tidy(table, text)]
    facets = dict.fromkeys(key for row in rows for key in row if key not in _NUMBER_KEYS)
    return pd.DataFrame(rows, columns=[*facets, *_NUMBER_KEYS], dtype=object)


def _tidy(table: PaperTable, text: Callable[[str], str]) -> Iterator[dict[str, object]]:
    for row in table.rows:
        facets = {
            column.heading: text(entry)
            for column, entry in zip(table.columns, row, strict=True)
            if isinstance(entry, str) and not column.metric
        }
        for column, entry in zip(table.columns, row, strict=True):
            if isinstance(entry, Number):
                yield {
                    "table": text(table.name),
                    **facets,
                    "column": text(column.group),
                    "metric": column.metric,
                    **_number(entry),
                }


def _number(entry: Number) -> dict[str, object]:
    return {
        "value": entry.estimate.value,
        "low": entry.estimate.low,
        "high": entry.estimate.high,
        "trials": entry.trials,
        "units": entry.units,
        "best": entry.best,
        "simulated": entry.simulated,
        "findings": " ".join(view.id for view in entry.marks),
    }


def _document(table: PaperTable) -> dict[str, object]:
    return {
        "name": table.name,
        "caption": caption_text(table),
        "note": table.note,
        "simulated": table.simulated,
        "columns": [
            {"group": c.group, "heading": c.heading, "unit": c.unit, "metric": c.metric}
            for c in table.columns
        ],
        "rows": [[_json_entry(entry) for entry in row] for row in table.rows],
        "on_every_number": [view.id for view in table.common],
        "footnotes": {view.mark: f"{view.id}: {view.summary}" for view in table.footnotes},
    }


def _json_entry(entry: PaperEntry) -> object:
    if isinstance(entry, Number):
        return {"shown": entry.shown.parenthesised, **_number(entry)}
    return entry


def _markdown(table: PaperTable) -> Iterator[str]:
    yield f"## {markdown_text(table.title)}"
    if table.simulated:
        yield "**SIMULATED device, not a measurement of a real one.**"
    if conditions := conditions_text(table):
        yield markdown_text(conditions)
    sides = ["---:" if column.metric else "---" for column in table.columns]
    lines = [
        _line([markdown_text(_heading(column)) for column in table.columns]),
        _line(sides),
        *(_line([_markdown_entry(entry) for entry in row]) for row in table.rows),
    ]
    yield "\n".join(lines)
    notes = [markdown_text(table.note)] if table.note else []
    notes += [f"({v.mark}) {v.id}: {markdown_text(v.summary)}" for v in table.footnotes]
    if table.common:
        notes.append(f"On every number: {', '.join(view.id for view in table.common)}.")
    if notes:
        yield "\n".join(f"- {note}" for note in notes)


def _heading(column: PaperColumn) -> str:
    unit = f" [{column.unit}]" if column.unit else ""
    group = f"{column.group}: " if column.group else ""
    return f"{group}{column.heading}{unit}"


def _markdown_entry(entry: PaperEntry) -> str:
    if entry is None:
        return _MISSING
    if isinstance(entry, str):
        return markdown_text(entry)
    marks = f" ({','.join(view.mark for view in entry.marks)})" if entry.marks else ""
    shown = entry.shown.parenthesised
    return f"**{shown}**{marks}" if entry.best else f"{shown}{marks}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
