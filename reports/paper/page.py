"""Paper tables as one HTML page: sortable, filterable, offline."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from markupsafe import Markup

from reports.page import plain_environment, policy, static
from reports.paper.table import PaperTable, conditions_text
from reports.quantities import NOT_MEASURED


def tables_html(tables: Sequence[PaperTable]) -> str:
    """The whole page; equal tables give equal bytes."""
    scripts = [static("tables.js")]
    findings = {view.id: view for table in tables for view in (*table.footnotes, *table.common)}
    return (
        plain_environment()
        .get_template("tables.html.j2")
        .render(
            tables=tables,
            title=" and ".join(table.title for table in tables),
            grouped=_groups,
            conditions=conditions_text,
            findings=tuple(findings.values()),
            not_measured=NOT_MEASURED,
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own file
            style=Markup(static("report.css")),  # noqa: S704
            policy=policy(scripts),
        )
    )


def _groups(table: PaperTable) -> list[tuple[str, int]]:
    """The headings above the columns with how many each spans; none without groups."""
    runs = itertools.groupby(table.columns, key=lambda column: column.group)
    found = [(group, len(list(columns))) for group, columns in runs]
    return found if any(group for group, _ in found) else []
