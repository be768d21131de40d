"""Stored runs to a :class:`~reports.model.ReportModel`: the one place that reads records.

Only OK trials enter an estimate. FAILED and INVALID ones are listed with their reasons, and the
memory pass is made of cells of its own, so its numbers never meet those of a timed pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.findings import Finding
from harness.record import (
    Cause,
    Cell,
    Failure,
    Outcome,
    PlacementVerdict,
    TrialRecord,
)
from harness.stats.interval import Estimate
from harness.stats.operators import Profile
from harness.text import clean, one_line
from harness.validity.checks import check_cell
from harness.validity.comparability import Side
from reports import labels
from reports.accuracy import accuracy_estimates, accuracy_loss
from reports.energy import energy_estimates, power_sources
from reports.estimates import estimates
from reports.marks import merge_findings, seen_findings
from reports.mixing import mixtures, side_of
from reports.model import (
    CellView,
    Channel,
    Counts,
    FailureView,
    FloatArray,
    Picture,
    ReportModel,
    RunView,
    SkipView,
    TrialRow,
    TrialSeries,
)
from reports.pictures import Album
from reports.series import Latency, merge_quantiles, quantiles_ms, trial_series
from reports.source import RunSource, TrialSource

#: Points of one line, and of all lines together: what a browser scrolls smoothly and a page of a
#: few megabytes holds.
MAX_POINTS = 600
_ALL_POINTS = 300_000
_MIN_POINTS = 120
_LINES_PER_TRIAL = 4
_LOG_TAIL_LINES = 30


@dataclass(slots=True)
class _Gathered:
    """What is known of one cell while its trials are read."""

    cell: Cell
    records: list[TrialRecord] = field(default_factory=list)
    missing: int = 0
    quantiles: list[FloatArray] = field(default_factory=list)
    series: dict[str, TrialSeries] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    profile: Profile | None = None


def build_report(runs: Sequence[RunSource]) -> ReportModel:
    """Read the runs once and summarise them; cells of different runs are never pooled."""
    planned = sum(len(run.plan.trials) for run in runs)
    limit = _ALL_POINTS // max(1, planned * _LINES_PER_TRIAL)
    limit = min(MAX_POINTS, max(_MIN_POINTS, limit))
    channels: dict[str, Channel] = {}
    album = Album()
    cells: list[CellView] = []
    run_views: list[RunView] = []
    failures: list[FailureView] = []
    skips: list[SkipView] = []
    all_findings: list[tuple[str, Finding]] = []
    sides: list[tuple[CellView, Side]] = []
    for run in runs:
        gathered = _gather(run, channels, album, limit)
        for one in gathered:
            view = _cell_view(run, one, f"c{len(cells) + 1}", gathered)
            cells.append(view)
            failures += _failures(view, one)
            skips += _trial_skips(run, view, one)
            all_findings += [(view.anchor, item) for item in _all_findings(one)]
            if len(runs) > 1 and (side := side_of(run, one.records)) is not None:
                sides.append((view, side))
        skips += [
            SkipView(run.run_id, one_line(s.device_id), one_line(s.what), one_line(s.reason))
            for s in run.plan.skips
        ]
        run_views.append(_run_view(run, gathered))
    return ReportModel(
        runs=tuple(run_views),
        cells=tuple(cells),
        findings=merge_findings(all_findings, cells),
        failures=tuple(failures),
        skips=tuple(skips),
        channels=channels,
        counts=_sum_counts(view.counts for view in cells),
        mixed=mixtures(sides),
    )


def _gather(
    run: RunSource, channels: dict[str, Channel], album: Album, limit: int
) -> list[_Gathered]:
    """The run's cells in the scenario's order, not in that of measuring, which may be shuffled."""
    by_cell: dict[int, str] = {}  # Cell.key hashes JSON; ask each Cell object once

    def key(cell: Cell) -> str:
        if id(cell) not in by_cell:
            by_cell[id(cell)] = cell.key
        return by_cell[id(cell)]

    gathered: dict[str, _Gathered] = {}
    for trial in run.plan.trials:
        gathered.setdefault(key(trial.cell), _Gathered(trial.cell))
    cell_of = {trial.id: key(trial.cell) for trial in run.plan.trials}
    missing = {trial.id for trial in run.missing()}
    for trial in run.plan.trials:
        one = gathered[cell_of[trial.id]]
        if trial.id in missing:
            one.missing += 1
        else:
            source = run.trial(trial.id)
            _read_trial(one, source, channels, limit)
            if (file := source.screenshot()) is not None:
                one.pictures[trial.id] = album.picture(file)
    for one in gathered.values():
        one.records.sort(key=lambda record: record.trial.repeat)
    rank = {key: place for place, key in enumerate(run.plan.ranking)}
    ordered = sorted(gathered, key=lambda key: rank.get(key, len(rank)))
    return [gathered[key] for key in ordered]


def _read_trial(
    one: _Gathered, source: TrialSource, channels: dict[str, Channel], limit: int
) -> None:
    record = source.record
    one.records.append(record)
    if record.outcome is Outcome.SKIPPED:
        return
    if one.cell.purpose == "profile":
        one.profile = source.profile()
    latency = Latency(source.samples())
    series = trial_series(source, latency, channels, limit)
    if series is not None:
        one.series[record.trial.id] = series
    if record.outcome is Outcome.OK and one.cell.purpose == "timing":
        curve = quantiles_ms(latency.timed_ns())
        if curve is not None:
            one.quantiles.append(curve)


def _cell_view(
    run: RunSource, one: _Gathered, anchor: str, gathered: Sequence[_Gathered]
) -> CellView:
    cell = one.cell
    good = [record for record in one.records if record.outcome is Outcome.OK]
    name = labels.run_name(run.run_id, run.plan.label)
    facets = labels.facets(cell, name, good or one.records, _phone(run, cell))
    findings = seen_findings(good, _on_cell(cell, len(good)))
    return CellView(
        anchor=anchor,
        key=cell.key,
        run_id=run.run_id,
        purpose=cell.purpose,
        primary=cell.primary_metric,
        facets=facets,
        precision=cell.variant.precision,
        group=(run.run_id, cell.device_id, cell.variant.model, *_same_work(cell)),
        digest=cell.variant.digest,
        counts=_counts(one.records, one.missing),
        estimates=_estimates(good),
        phases=estimates(_phases(record) for record in good),
        findings=findings,
        trials=tuple(_trial_row(record) for record in one.records),
        quantiles=merge_quantiles(one.quantiles),
        series=one.series,
        pictures=one.pictures,
        simulated=_is_simulated(run, one),
        profile=one.profile,
        power_sources=power_sources(good),
        loss=accuracy_loss(cell, [(other.cell, other.records) for other in gathered]),
    )


def _estimates(good: Sequence[TrialRecord]) -> dict[str, Estimate]:
    """Every metric over the good trials; accuracy and energy have intervals of their own kind."""
    known = {**estimates(_metrics(record) for record in good), **accuracy_estimates(good)}
    return {
        metric: value
        for metric, value in {**known, **energy_estimates(good)}.items()
        if value is not None
    }


def _phone(run: RunSource, cell: Cell) -> str:
    facts = run.plan.facts.get(cell.device_id)
    return str(facts.values.get("model", "")) if facts else ""


def _on_cell(cell: Cell, good: int) -> tuple[Finding, ...]:
    """Findings on a cell as a whole; accuracy and profiles are taken once."""
    return check_cell(good) if good and cell.purpose not in ("accuracy", "profile") else ()


def _same_work(cell: Cell) -> tuple[str, ...]:
    """Cells of one model compare only under the same load, batch and input shapes."""
    shapes = ",".join(f"{name}{shape}" for name, shape in sorted(cell.shapes.items()))
    return (cell.purpose, labels.load_text(cell.load), str(cell.batch), shapes)


def _metrics(record: TrialRecord) -> dict[str, float]:
    size = record.trial.cell.variant.size_bytes
    known = {"size_bytes": float(size)} if size else {}
    return {**known, **record.metrics}


def _phases(record: TrialRecord) -> dict[str, float]:
    times = {name: getattr(record.load_times, name) for name in labels.PHASES}
    phases = {name: float(value) for name, value in times.items() if value is not None}
    if "warmup_ns" in record.metrics:
        phases["warmup_ns"] = record.metrics["warmup_ns"]
    return phases


def _trial_row(record: TrialRecord) -> TrialRow:
    reason = record.reason or (record.failure.message if record.failure else "")
    if record.failure:
        reason = f"{record.failure.cause.value}: {reason}"
    return TrialRow(
        id=record.trial.id,
        repeat=record.trial.repeat,
        attempt=record.attempt,
        outcome=record.outcome,
        started_at=record.started_at,
        reason=one_line(reason),
        metrics=_own_metrics(record),
        finding_ids=tuple(sorted({item.id for item in record.findings})),
        windows=record.windows,
    )


def _own_metrics(record: TrialRecord) -> dict[str, float]:
    """Nothing of a trial whose delegate fell back: it would stand under the delegate's name."""
    fell_back = record.placed and record.placed.verdict is PlacementVerdict.FELL_BACK
    return {} if fell_back or record.outcome is Outcome.SKIPPED else _metrics(record)


def _all_findings(one: _Gathered) -> Iterable[Finding]:
    for record in one.records:
        yield from record.findings
    good = sum(record.outcome is Outcome.OK for record in one.records)
    yield from _on_cell(one.cell, good)


def _is_simulated(run: RunSource, one: _Gathered) -> bool:
    facts = run.plan.facts.get(one.cell.device_id)
    marked = any(f.id == "SIMULATED-DEVICE" for record in one.records for f in record.findings)
    return marked or bool(facts and facts.values.get("simulated"))


def _failures(view: CellView, one: _Gathered) -> list[FailureView]:
    return [
        _failure_view(view, record) for record in one.records if record.outcome is Outcome.FAILED
    ]


def _failure_view(view: CellView, record: TrialRecord) -> FailureView:
    failure = record.failure or Failure(Cause.ERROR, record.reason or "no reason was recorded")
    where = labels.cell_text(view.facets, frozenset({"run"}))
    tail = "\n".join(clean(failure.log_tail).splitlines()[-_LOG_TAIL_LINES:])
    return FailureView(
        run_id=view.run_id,
        trial_id=record.trial.id,
        cell=f"{where}, repeat {record.trial.repeat + 1}",
        cause=failure.cause,
        message=one_line(failure.message),
        signal_name=failure.signal_name,
        log_tail=tail,
    )


def _trial_skips(run: RunSource, view: CellView, one: _Gathered) -> list[SkipView]:
    what = labels.cell_text(view.facets, frozenset({"run", "device"}))
    return [
        SkipView(
            run.run_id,
            view.facets["device"],
            f"{what}, repeat {record.trial.repeat + 1}",
            one_line(record.reason or "no reason was recorded"),
        )
        for record in one.records
        if record.outcome is Outcome.SKIPPED
    ]


def _counts(records: Sequence[TrialRecord], missing: int) -> Counts:
    by = Counter(record.outcome for record in records)
    return Counts(
        planned=len(records) + missing,
        ok=by[Outcome.OK],
        failed=by[Outcome.FAILED],
        skipped=by[Outcome.SKIPPED],
        invalid=by[Outcome.INVALID],
        missing=missing,
    )


def _sum_counts(all_counts: Iterable[Counts]) -> Counts:
    listed = list(all_counts)
    names = ("planned", "ok", "failed", "skipped", "invalid", "missing")
    return Counts(**{name: sum(getattr(counts, name) for counts in listed) for name in names})


def _run_view(run: RunSource, gathered: Sequence[_Gathered]) -> RunView:
    records = [record for one in gathered for record in one.records]
    ended = [record.ended_at for record in records if record.ended_at]
    engines = {
        f"{one_line(record.trial.cell.engine)} {version}"
        for record in records
        if (version := labels.engine_version(record))
    }
    return RunView(
        run_id=run.run_id,
        scenario=one_line(run.plan.scenario),
        label=one_line(run.plan.label) if run.plan.label else None,
        created_at=run.plan.created_at,
        ended_at=max(ended, default=None),
        counts=_sum_counts(_counts(one.records, one.missing) for one in gathered),
        harness=run.plan.harness,
        scenario_text=clean(run.plan.scenario_text),
        facts=tuple(run.plan.facts[name] for name in sorted(run.plan.facts)),
        engines=tuple(sorted(engines)),
    )
