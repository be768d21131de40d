"""A table of a publication as data: what each renderer draws from, with nothing left to decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.stats.interval import Estimate
from reports.model import FindingView
from reports.paper.rounding import Rounded, rounded

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True, slots=True)
class PaperColumn:
    """A column. ``group`` is the heading above it; columns of text have no ``metric``.

    Estimates in the column are divided by ``divisor`` to be in ``unit``.
    """

    heading: str
    unit: str = ""
    metric: str = ""
    divisor: float = 1.0
    better: Better = "neither"
    group: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """One number: ``estimate`` in the stored unit, over ``trials`` trials of ``units`` units.

    ``best`` is set only where the interval excludes the next best. A number that sums up others has
    no trials of its own.
    """

    estimate: Estimate
    shown: Rounded
    trials: int
    units: int = 1
    marks: tuple[FindingView, ...] = ()
    best: bool = False
    simulated: bool = False


#: A text, a number, or None for what was not measured.
PaperEntry = str | Number | None


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table with everything its caption has to say.

    ``name`` is safe in file names and labels. ``common`` are findings on every number, said once.
    """

    name: str
    title: str
    columns: tuple[PaperColumn, ...]
    rows: tuple[tuple[PaperEntry, ...], ...]
    constant: str = ""  #: what all rows have in common
    note: str = ""  #: what its numbers and intervals are
    common: tuple[FindingView, ...] = ()
    last_row_apart: bool = False  #: a row that sums up the others
    of_simulated: bool = False  #: says something of a simulated device, though not in numbers

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Every number, row by row."""
        return tuple(entry for row in self.rows for entry in row if isinstance(entry, Number))

    @property
    def simulated(self) -> bool:
        """Whether anything in it comes from a simulated device."""
        return self.of_simulated or any(number.simulated for number in self.numbers)

    @property
    def footnotes(self) -> tuple[FindingView, ...]:
        """The findings that entries are marked with, in the order of their marks."""
        views = {view.id: view for number in self.numbers for view in number.marks}
        return tuple(sorted(views.values(), key=lambda view: (len(view.mark), view.mark)))

    @property
    def trials_text(self) -> str:
        """``n = 5 trials x 1 unit``, or the range where numbers differ."""
        if not any(number.trials for number in self.numbers):
            return ""
        counted = [number for number in self.numbers if number.trials]
        trials = _range({number.trials for number in counted})
        units = _range({number.units for number in counted})
        return (
            f"n = {trials} trial{'' if trials == '1' else 's'} "
            f"\u00d7 {units} unit{'' if units == '1' else 's'}"
        )


def caption_text(table: PaperTable) -> str:
    """The caption in plain words: what, conditions, n trials x units, what bold means."""
    warning = "SIMULATED device, not a measurement of a real one. " if table.simulated else ""
    return f"{warning}{table.title}. {conditions_text(table)}".rstrip()


def conditions_text(table: PaperTable) -> str:
    """The caption without title and warning."""
    parts = [f"All rows: {table.constant}."] if table.constant else []
    parts += [f"{table.trials_text}."] if table.trials_text else []
    if any(entry.best for entry in table.numbers):
        parts.append("Bold: best, where its interval and the next best's do not overlap.")
    return " ".join(parts)


def number(
    estimate: Estimate,
    column: PaperColumn,
    *,
    trials: int | None = None,
    units: int = 1,
    marks: tuple[FindingView, ...] = (),
    simulated: bool = False,
) -> Number:
    """An estimate rounded for ``column``; its trials are those it was made from."""
    shown = rounded(estimate, column.divisor)
    counted = estimate.n if trials is None else trials
    return Number(estimate, shown, counted, units, marks, simulated=simulated)


def with_best(
    rows: Sequence[Sequence[PaperEntry]],
    columns: Sequence[PaperColumn],
    groups: Sequence[object] | None = None,
) -> tuple[tuple[PaperEntry, ...], ...]:
    """The same rows with the best number of each metric marked, where it is clearly the best.

    ``groups`` says which rows answer the same question (all of them by default); the columns of
    one metric are compared together. Best means: its 95 % interval and that of the next best do not
    overlap.
    """
    keys = list(groups) if groups is not None else [None] * len(rows)
    marked = [list(row) for row in rows]
    for key in dict.fromkeys(keys):
        for metric in dict.fromkeys(column.metric for column in columns if column.metric):
            places = [
                (r, c)
                for r in range(len(rows))
                for c, column in enumerate(columns)
                if keys[r] == key and column.metric == metric
            ]
            _mark(marked, places, next(c.better for c in columns if c.metric == metric))
    return tuple(tuple(row) for row in marked)


def with_shared_marks_said_once(table: PaperTable) -> PaperTable:
    """Marks that every number bears go to ``common``: ten letters a number run off the page."""
    numbers = table.numbers
    shared = [v for v in table.footnotes if all(v in one.marks for one in numbers)]
    if not shared or len(numbers) < 2:
        return table
    rows = tuple(
        tuple(
            replace(entry, marks=tuple(v for v in entry.marks if v not in shared))
            if isinstance(entry, Number)
            else entry
            for entry in row
        )
        for row in table.rows
    )
    return replace(table, rows=rows, common=(*table.common, *shared))


def _mark(rows: list[list[PaperEntry]], places: Iterable[tuple[int, int]], better: Better) -> None:
    found = [(entry, r, c) for r, c in places if isinstance(entry := rows[r][c], Number)]
    if better == "neither" or len(found) < 2:
        return
    found.sort(key=lambda item: item[0].estimate.value, reverse=better == "higher")
    (first, r, c), (second, _, _) = found[:2]
    if _is_clear(first.estimate, second.estimate, better):
        rows[r][c] = replace(first, best=True)


def _is_clear(first: Estimate, second: Estimate, better: Better) -> bool:
    if None in (first.low, first.high, second.low, second.high):
        return False
    if better == "lower":
        return bool(first.high < second.low)  # type: ignore[operator]
    return bool(first.low > second.high)  # type: ignore[operator]


def _range(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
