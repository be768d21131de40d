"""Any pivot of a report: facets as rows, facets as columns, metrics inside.

Cells are never pooled silently. Where several cells fall into one place and differ in anything but
the physical unit, the request is refused with the names of the facets that would have to be rows,
columns or a filter. Units of one place are pooled: the geometric mean over the units' estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from harness.errors import UserError
from harness.metrics import METRICS
from harness.stats.interval import Estimate, geometric_mean_interval
from reports import labels
from reports.energy import energy_note
from reports.marks import marks_for
from reports.model import CellView, FindingView, ReportModel
from reports.paper.notes import numbers_note, samples_of
from reports.paper.table import Number, PaperColumn, PaperEntry, PaperTable, number, with_best
from reports.quantities import scale, title
from reports.summary import varying

#: What rows and columns may be, with their headings.
FACETS: dict[str, str] = {
    **labels.FACETS,
    "family": "Family",
    "variant": "Variant",
    "phone": "Phone",
    "precision": "Precision",
}
#: The parts of a name that another facet holds as a whole.
_PARTS = {"model": {"family", "variant"}, "phone": {"device"}}
#: Short names for what people ask for most.
ALIASES = {"energy": "energy_net_j", "power": "power_mean_w", "accuracy": "accuracy_top1"}


@dataclass(frozen=True, slots=True)
class PivotRequest:
    """What a table shows: facet names, stored metric names, and ``where`` facets must match."""

    rows: tuple[str, ...]
    metrics: tuple[str, ...]
    cols: tuple[str, ...] = ()
    where: dict[str, str] = field(default_factory=dict)
    name: str = "pivot"
    title: str = ""


def metric_name(word: str) -> str:
    """The stored name for ``latency_p50``, ``rss_peak`` or ``energy``.

    Raises UserError, with the nearest names, for what is no metric or could be several.
    """
    if word in METRICS:
        return word
    if word in ALIASES:
        return ALIASES[word]
    found = [name for name in METRICS if name.rpartition("_")[0] == word]
    if len(found) == 1:
        return found[0]
    near = found or get_close_matches(word, [*METRICS, *ALIASES], n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"no metric {word!r}{hint}")


def check_facets(names: Iterable[str]) -> None:
    """Raise UserError for a facet that does not exist."""
    for name in names:
        if name not in FACETS:
            raise UserError(f"no facet {name!r}; there are {', '.join(FACETS)}")


def pivot(model: ReportModel, request: PivotRequest) -> PaperTable:
    """The table that was asked for.

    Raises UserError for unknown facets, for a request that matches no measured cell, and for one
    that would mix cells which differ in more than the physical unit.
    """
    check_facets((*request.rows, *request.cols, *request.where))
    cells = [cell for cell in model.cells if _is_asked_for(cell, request)]
    if not cells:
        raise UserError(f"no cell of these runs has {', '.join(request.metrics)} as asked for")
    common = tuple(view for view in model.findings if view.everywhere)
    places: dict[tuple[str, ...], dict[tuple[str, ...], list[CellView]]] = {}
    for cell in cells:
        row, col = _key(cell, request.rows), _key(cell, request.cols)
        places.setdefault(row, {}).setdefault(col, []).append(cell)
    cols = list(dict.fromkeys(col for by_col in places.values() for col in by_col))
    columns = [PaperColumn(FACETS[name]) for name in request.rows]
    columns += [metric_column(metric, _spoken(col)) for col in cols for metric in request.metrics]
    rows = [
        [
            *row,
            *(
                _entry(by_col.get(col, ()), metric_column(metric), model, common)
                for col in cols
                for metric in request.metrics
            ),
        ]
        for row, by_col in places.items()
    ]
    note = numbers_note(
        request.metrics,
        pooled=_is_pooled(rows),
        fresh=model.fresh,
        samples=samples_of(columns, rows),
    )
    return PaperTable(
        name=request.name,
        title=request.title or _title(request),
        columns=tuple(columns),
        rows=_best(rows, columns, request),
        constant=_constant(cells, request),
        note=" ".join(filter(None, (note, _sources(cells, request), *model.mixed))),
        common=common,
    )


def _sources(cells: Sequence[CellView], request: PivotRequest) -> str:
    asked = any(metric.startswith(("energy_", "power_")) for metric in request.metrics)
    return energy_note(cells) if asked else ""


def metric_column(metric: str, group: str = "") -> PaperColumn:
    """The column of a metric, in its display unit."""
    shown = scale(metric)
    better = METRICS[metric].better if metric in METRICS else "neither"
    return PaperColumn(title(metric), shown.unit, metric, shown.divisor, better, group)


def _best(
    rows: Sequence[Sequence[PaperEntry]], columns: Sequence[PaperColumn], request: PivotRequest
) -> tuple[tuple[PaperEntry, ...], ...]:
    """Best over columns within a row where there are column groups, else over rows."""
    groups = [tuple(row[: len(request.rows)]) for row in rows] if request.cols else None
    return with_best(rows, columns, groups)


def _entry(
    cells: Sequence[CellView],
    column: PaperColumn,
    model: ReportModel,
    common: tuple[FindingView, ...],
) -> PaperEntry:
    measured = [cell for cell in cells if column.metric in cell.estimates]
    # A memory or accuracy pass speaks only where the timed one has nothing to say.
    measured = [cell for cell in measured if cell.purpose == "timing"] or measured
    if not measured:
        return None
    _refuse_mixtures(measured, column.metric)
    marks = {
        view.id: view
        for cell in measured
        for view in marks_for(cell, column.metric, model.findings)
        if view not in common
    }
    return number(
        over_units([cell.estimates[column.metric] for cell in measured]),
        column,
        trials=sum(trials_of(cell, column.metric) for cell in measured),
        units=len(measured),
        marks=tuple(marks.values()),
        simulated=any(cell.simulated for cell in measured),
    )


def trials_of(cell: CellView, metric: str) -> int:
    """How many trials a number is over; that of the accuracy pass counts samples itself."""
    return cell.counts.ok if cell.purpose == "accuracy" else cell.estimates[metric].n


def _is_pooled(rows: Iterable[Iterable[PaperEntry]]) -> bool:
    return any(isinstance(entry, Number) and entry.units > 1 for row in rows for entry in row)


def over_units(estimates: Sequence[Estimate]) -> Estimate:
    """One unit's estimate as it is; of several the geometric mean, the spread being theirs.

    Trials of one unit do not tell how units differ: below three units there is no interval.
    """
    if len(estimates) == 1:
        return estimates[0]
    trials = sum(one.n for one in estimates)
    values = [one.value for one in estimates]
    if min(values) <= 0:
        return Estimate(sum(values) / len(values), None, None, trials)
    pooled = geometric_mean_interval(values)
    return Estimate(pooled.value, pooled.low, pooled.high, trials)


def _refuse_mixtures(cells: Sequence[CellView], metric: str) -> None:
    differing = {
        name
        for name in (*labels.FACETS, "precision")
        if name != "device" and len({_facet(cell, name) for cell in cells}) > 1
    }
    if differing or len({cell.facets["device"] for cell in cells}) < len(cells):
        names = ", ".join(sorted(differing)) or "load"
        raise UserError(
            f"several cells with {title(metric)} fall into one place and differ in: {names}; "
            "add these to --rows or --cols, or pick one with --where"
        )


def _is_asked_for(cell: CellView, request: PivotRequest) -> bool:
    return any(metric in cell.estimates for metric in request.metrics) and all(
        _facet(cell, name) == wanted for name, wanted in request.where.items()
    )


def _key(cell: CellView, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_facet(cell, name) or "-" for name in names)


def _facet(cell: CellView, name: str) -> str:
    return cell.precision if name == "precision" else cell.facets[name]


def _spoken(col: tuple[str, ...]) -> str:
    return ", ".join(part for part in col if part != "-")


def _title(request: PivotRequest) -> str:
    what = ", ".join(title(metric) for metric in request.metrics)
    by = ", ".join(FACETS[name].lower() for name in (*request.rows, *request.cols))
    return f"{what[:1].upper()}{what[1:]} by {by}"


def _constant(cells: Sequence[CellView], request: PivotRequest) -> str:
    """What all cells have in common and no row or column says."""
    said = {*request.rows, *request.cols}
    said |= {whole for whole, parts in _PARTS.items() if parts & said}
    said |= {"device"} if "phone" in said else set()
    return labels.cell_text(cells[0].facets, frozenset(varying(tuple(cells)) | said | {"run"}))
