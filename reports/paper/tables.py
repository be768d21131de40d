"""The tables that papers on on-device inference have, each from whatever the report measured.

A table appears only where there is something to put in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.metrics import METRICS
from harness.stats.interval import Estimate, geometric_mean_interval
from harness.stats.operators import by_type
from harness.text import one_line
from harness.units import NS_PER_MS
from reports import labels
from reports.accuracy import ACCURACY_METRICS, accuracy_cells
from reports.compare import advantage, groups
from reports.energy import energy_cells, energy_note
from reports.marks import marks_for
from reports.model import CellView, ReportModel
from reports.operators import NOTE as PROFILE_NOTE
from reports.paper.notes import numbers_note, samples_of
from reports.paper.pivot import metric_column, trials_of
from reports.paper.table import (
    PaperColumn,
    PaperEntry,
    PaperTable,
    number,
    with_best,
    with_shared_marks_said_once,
)
from reports.summary import varying

_LATENCY = ("latency_p50_ns", "latency_p90_ns", "latency_p99_ns", "throughput_per_s")
_STARTUP = ("import_ns", "load_ns", "prepare_ns", "first_ns", "latency_p50_ns", "rss_peak_bytes")
_MEMORY = ("rss_peak_bytes", "rss_steady_bytes", "pss_steady_bytes", "size_bytes")
_SUSTAINED = ("peak_p50_ns", "late_p50_ns", "stability_percent", "throttle_onset_ns")
_ENERGY = ("energy_net_j", "energy_gross_j", "power_mean_w", "power_idle_w", "latency_p50_ns")
#: Ratios have no best: each is over a baseline of its own, which would win at times.
_SPEED_UP = PaperColumn("speed-up", "", "speed_up")
_RETENTION = PaperColumn("accuracy kept", "%", "retention", 0.01)

_AGAINST = "Speed-up is against float32 in the same setting."
_AGAINST_BOTH = (
    "Speed-up and accuracy kept are against float32 in the same setting; the interval of the "
    "latter is over paired samples (Bonett and Price)."
)


def paper_tables(model: ReportModel) -> tuple[PaperTable, ...]:
    """Every ready-made table that has numbers, in the order in which papers present them."""
    timed = _of(model, "timing")
    made: list[PaperTable | None] = [
        _metrics("latency", "Latency", timed, _LATENCY, model),
        _speed_up(timed, model),
        _quantization(model),
        _metrics("startup", "Start-up, first and steady inference", timed, _STARTUP, model),
        _metrics("memory", "Memory", _of(model, "memory") or timed, _MEMORY, model),
        _metrics("accuracy", "Accuracy", accuracy_cells(model), ACCURACY_METRICS, model),
        _metrics("sustained", "Sustained load", _with(timed, "late_p50_ns"), _SUSTAINED, model),
        _energy(timed, model),
        _operators(model),
        _capability(model),
    ]
    return tuple(table for table in made if table is not None)


def _metrics(
    name: str,
    heading: str,
    cells: Sequence[CellView],
    metrics: Iterable[str],
    model: ReportModel,
    more: str = "",
) -> PaperTable | None:
    shown = [m for m in metrics if any(m in cell.estimates for cell in cells)]
    columns = [metric_column(metric) for metric in shown]
    measured = [cell for cell in cells if any(metric in cell.estimates for metric in shown)]
    if not columns or not measured:
        return None

    def entries(cell: CellView) -> list[PaperEntry]:
        return [_number(cell, column, model) for column in columns]

    return _table(name, heading, measured, columns, entries, model, more)


def _energy(timed: Sequence[CellView], model: ReportModel) -> PaperTable | None:
    cells = energy_cells(timed)
    note = energy_note(cells)
    return _metrics("energy", "Energy per inference", cells, _ENERGY, model, note)


def _table(
    name: str,
    heading: str,
    cells: Sequence[CellView],
    columns: Sequence[PaperColumn],
    entries: Callable[[CellView], Sequence[PaperEntry]],
    model: ReportModel,
    more: str = "",
) -> PaperTable:
    """One row a cell: the facets in which cells differ, then ``columns``; ``more`` goes below."""
    differing = varying(tuple(cells)) - {"engine_version"} | {"model"}
    keys = [key for key in labels.FACETS if key in differing]
    rows: list[list[PaperEntry]] = [
        [*(cell.facets[key] or "-" for key in keys), *entries(cell)] for cell in cells
    ]
    metrics = [column.metric for column in columns if column.metric in METRICS]
    all_columns = [*(PaperColumn(labels.FACETS[key]) for key in keys), *columns]
    note = numbers_note(metrics, fresh=model.fresh, samples=samples_of(all_columns, rows))
    table = PaperTable(
        name,
        heading,
        tuple(all_columns),
        with_best(rows, all_columns, [cell.group for cell in cells]),
        labels.cell_text(cells[0].facets, frozenset(differing | {"run"})),
        " ".join(filter(None, (note, more, *model.mixed))),
        tuple(view for view in model.findings if view.everywhere),
    )
    return with_shared_marks_said_once(table)


def _number(cell: CellView, column: PaperColumn, model: ReportModel) -> PaperEntry:
    estimate = cell.estimates.get(column.metric)
    if estimate is None:
        return None
    marks = tuple(
        view for view in marks_for(cell, column.metric, model.findings) if not view.everywhere
    )
    return number(
        estimate,
        column,
        trials=trials_of(cell, column.metric),
        marks=marks,
        simulated=cell.simulated,
    )


def _speed_up(cells: Sequence[CellView], model: ReportModel) -> PaperTable | None:
    """Each cell against the float32 cell of its setting; the last row is the mean of ratios."""
    baselines = _baselines(cells)
    pairs = [(cell, baselines[cell.anchor]) for cell in cells if cell.anchor in baselines]
    factors = {c.anchor: found.factor for c, b in pairs if (found := advantage(c, b)) is not None}
    shown = [cell for cell, _ in pairs if cell.anchor in factors]
    if not shown:
        return None
    # The fastest may be the float32 cell, which has no row here: none of these is called the best.
    latency = replace(metric_column(shown[0].primary), better="neither")

    def entries(cell: CellView) -> list[PaperEntry]:
        factor = number(factors[cell.anchor], _SPEED_UP, simulated=cell.simulated)
        return [_number(cell, latency, model), factor]

    table = _table(
        "speed-up",
        "Speed-up over float32 in the same setting",
        shown,
        [latency, _SPEED_UP],
        entries,
        model,
        "The mean of ratios is geometric; its interval is over the rows.",
    )
    if len(shown) < 2:
        return table
    mean = geometric_mean_interval([factors[cell.anchor].value for cell in shown])
    blank = len(table.columns) - 2
    last: tuple[PaperEntry, ...] = (
        "geometric mean of ratios",
        *("" for _ in range(blank - 1)),
        "",
        number(mean, _SPEED_UP, trials=0, simulated=table.simulated),
    )
    return replace(table, rows=(*table.rows, last), last_row_apart=True)


def _baselines(cells: Sequence[CellView]) -> dict[str, CellView]:
    """The float32 cell of each other cell's setting, by anchor, where there is exactly one."""
    found: dict[tuple[str, ...], list[CellView]] = {}
    for group in groups(cells):
        for cell in group:
            if cell.precision == "fp32":
                found.setdefault(_setting(cell), []).append(cell)
    single = {setting: cells[0] for setting, cells in found.items() if len(cells) == 1}
    return {
        cell.anchor: single[_setting(cell)]
        for cell in cells
        if cell.precision != "fp32" and _setting(cell) in single
    }


def _setting(cell: CellView) -> tuple[str, ...]:
    names = ("engine", "engine_version", "delegate", "threads", "options", "arm")
    return (*cell.group, *(cell.facets[name] for name in names))


def _quantization(model: ReportModel) -> PaperTable | None:
    """Method by size, latency, speed-up and accuracy kept, as quantization papers have it."""
    cells = [cell for cell in _of(model, "timing") if cell.primary in cell.estimates]
    if len({cell.facets["variant"] for cell in cells}) < 2:
        return None
    baselines = _baselines(cells)
    kept = _retention(model)
    size, latency = metric_column("size_bytes"), metric_column(cells[0].primary)
    top1 = metric_column("accuracy_top1")
    columns = [size, latency, _SPEED_UP, *([top1, _RETENTION] if kept else [])]

    def entries(cell: CellView) -> Iterator[PaperEntry]:
        yield _number(cell, size, model)
        yield _number(cell, latency, model)
        baseline = baselines.get(cell.anchor)
        found = advantage(cell, baseline) if baseline else None
        yield number(found.factor, _SPEED_UP, simulated=cell.simulated) if found else None
        if kept:
            accuracy, share = kept.get(_artefact(cell), (None, None))
            yield number(accuracy, top1, trials=1, simulated=cell.simulated) if accuracy else None
            yield number(share, _RETENTION, trials=1, simulated=cell.simulated) if share else None

    return _table(
        "quantization",
        "Quantization methods",
        cells,
        columns,
        lambda cell: list(entries(cell)),
        model,
        _AGAINST_BOTH if kept else _AGAINST,
    )


def _retention(
    model: ReportModel,
) -> Mapping[tuple[str, ...], tuple[Estimate, Estimate | None]]:
    """Top-1 and the part of float32's top-1 that is kept, by artefact and how it was run."""
    return {
        _artefact(cell): (
            cell.estimates["accuracy_top1"],
            cell.loss.retention if cell.loss else None,
        )
        for cell in accuracy_cells(model)
        if "accuracy_top1" in cell.estimates
    }


def _artefact(cell: CellView) -> tuple[str, ...]:
    return (cell.digest, *(cell.facets[n] for n in ("device", "family", "engine", "delegate")))


def _operators(model: ReportModel) -> PaperTable | None:
    """Time per type of operator and processor, from the profile pass."""
    cells = [cell for cell in model.cells if cell.profile is not None]
    if not cells:
        return None
    columns = (
        PaperColumn("Model"),
        PaperColumn("Engine"),
        PaperColumn("Operator"),
        PaperColumn("Processor"),
        PaperColumn("nodes", "", "operator_nodes"),
        PaperColumn("time", "ms", "operator_ns", NS_PER_MS),
        PaperColumn("share", "%", "operator_share", 0.01),
    )
    rows = [row for cell in cells for row in _operator_rows(cell, columns)]
    return PaperTable("operators", "Time per operator", columns, tuple(rows), note=PROFILE_NOTE)


def _operator_rows(
    cell: CellView, columns: Sequence[PaperColumn]
) -> Iterator[tuple[PaperEntry, ...]]:
    profile = cell.profile
    if profile is None:
        return
    whole_ns = max(profile.whole_ns, sum(node.total_ns for node in profile.nodes))
    for item in by_type(profile):
        values = (item.nodes, item.total_ns / profile.runs, item.total_ns / max(whole_ns, 1))
        numbers = (
            number(Estimate(float(v), None, None, 1), column, simulated=cell.simulated)
            for v, column in zip(values, columns[4:], strict=True)
        )
        texts = (cell.facets["model"], cell.facets["engine"], item.op_type, item.processor)
        yield (*(one_line(text) for text in texts), *numbers)


def _capability(model: ReportModel) -> PaperTable | None:
    """Which device ran what: device and model by engine and delegate, with the placement."""
    cells = _of(model, "timing")
    ways = list(dict.fromkeys(_way(cell) for cell in cells))
    if len(ways) < 2 and len({cell.facets["device"] for cell in cells}) < 2:
        return None
    outcome: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        row = (cell.facets["phone"], cell.facets["model"])
        outcome.setdefault(row, {}).setdefault(_way(cell), _capability_text(cell))
    rows: list[tuple[PaperEntry, ...]] = [
        (*row, *(by_way.get(way) for way in ways)) for row, by_way in outcome.items()
    ]
    return PaperTable(
        "capability",
        "What ran where",
        (PaperColumn("Device"), PaperColumn("Model"), *(PaperColumn(way) for way in ways)),
        tuple(rows),
        note="An entry is the proven placement, or yes for the processor, or why there is none.",
        of_simulated=any(cell.simulated for cell in cells),
    )


def _way(cell: CellView) -> str:
    return f"{cell.facets['engine']} {cell.facets['delegate']}"


def _capability_text(cell: CellView) -> str:
    if not cell.counts.ok:
        return cell.counts.text
    return cell.facets["placement"] or "yes"


def _of(model: ReportModel, purpose: str) -> list[CellView]:
    return [cell for cell in model.cells if cell.purpose == purpose]


def _with(cells: Sequence[CellView], *metrics: str) -> list[CellView]:
    return [cell for cell in cells if any(metric in cell.estimates for metric in metrics)]
