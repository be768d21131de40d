"""Runs that stand in one report although they are not alike: said, so that nobody compares them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from harness.record import DeviceFacts, Outcome, TrialRecord
from harness.text import one_line
from harness.validity.comparability import Side, differences
from reports import labels
from reports.model import CellView
from reports.source import RunSource

#: Facets that may differ between two cells that a reader takes for the same one.
_APART = ("run", "engine_version", "placement")


def side_of(run: RunSource, records: Sequence[TrialRecord]) -> Side | None:
    """The valid trials of one cell; None where there are none."""
    good = tuple(record for record in records if record.outcome is Outcome.OK)
    if not good:
        return None
    cell = good[0].trial.cell
    facts = run.plan.facts.get(cell.device_id, DeviceFacts(cell.device_id))
    return Side(run.run_id, cell, good, facts)


def mixtures(sides: Sequence[tuple[CellView, Side]]) -> tuple[str, ...]:
    """One sentence for each two runs with cells of one name that must not be compared."""
    by_name: dict[tuple[str, ...], list[Side]] = {}
    for view, side in sides:
        name = tuple(view.facets[key] for key in labels.FACETS if key not in _APART)
        by_name.setdefault(name, []).append(side)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for same in by_name.values():
        for first, second in itertools.pairwise(same):
            if first.run_id != second.run_id:
                differing = found.setdefault((first.run_id, second.run_id), {})
                differing |= {one.field: str(one) for one in differences(first, second, ())}
    return tuple(
        f"Runs {first} and {second} differ in {one_line(', '.join(texts.values()))}: cells of the "
        "same name stand side by side, and nothing says what a difference between them comes from."
        for (first, second), texts in found.items()
        if texts
    )
