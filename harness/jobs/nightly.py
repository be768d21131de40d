"""A night's verdicts on two arms: suspected once, confirmed by fresh quads, or gone.

A slowdown is *suspected* when the night's quads say worse. Fresh quads of the same pairs, measured
right after, decide: it is a *regression* when all quads together say worse and the fresh ones alone
point the same way at a one-sided level of 5 %. So an alarm needs two independent accidents
where nothing has changed. A pair that differs in more than its arms is incomparable, never worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.findings import Finding, Severity
from harness.fleet.curfew import DROPPED
from harness.jobs.causes import likely_causes
from harness.jobs.compare import BY_ARM, Question, compare_sides, values_of
from harness.jobs.pairing import Pair, pair_arms, quads_of, sides_of
from harness.metrics import METRICS
from harness.record import Cell, DeviceFacts, Outcome, TrialRecord
from harness.scenario import Limit
from harness.stats.comparison import (
    Better,
    Comparison,
    Verdict,
    control_false_discoveries,
    points_to_worse,
)
from harness.stats.interval import Estimate
from harness.stats.margins import comparable_metrics, margin_of
from harness.store.run_reader import RunReader
from harness.validity.calibration import Calibration, doubts, in_force
from harness.validity.comparability import Side, differences, single_unit
from harness.validity.limits import matches

#: What is watched besides the metric that a load is about, each with its own margin.
_ALSO_WATCHED = ("rss_peak_bytes", "load_ns", "energy_net_j")
_RUN_TO_RUN = ("run",)


class Status(StrEnum):
    """What a night says about one metric of one pair."""

    REGRESSION = "regression"  #: confirmed by fresh quads
    UNCONFIRMED = "unconfirmed"  #: suspected, and no fresh quads could decide
    WENT_AWAY = "went away"  #: suspected, and fresh quads do not show it
    GOOD = "good"  #: no regression seen
    INCOMPARABLE = "incomparable"
    INCOMPLETE = "incomplete"  #: too few quads are valid
    DROPPED = "dropped"  #: left out to finish in time


#: What makes a night incomplete: nobody knows whether these are regressions.
OPEN = (Status.UNCONFIRMED, Status.INCOMPARABLE, Status.INCOMPLETE, Status.DROPPED)


@dataclass(frozen=True, slots=True)
class NightRow:
    """One metric of one pair. ``comparison`` is of all quads, ``again`` of the fresh ones alone.

    ``bound`` is the scenario's ``max_regression`` where it stands in for the metric's margin.
    """

    reference: Side
    candidate: Side
    metric: str
    status: Status
    comparison: Comparison
    planned_quads: int
    again: Comparison | None = None
    bound: float | None = None
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    calibration: Calibration | None = None  #: of the unit, where one is in force
    causes: tuple[str, ...] = ()

    @property
    def quads(self) -> int:
        """Complete quads behind the comparison."""
        return len(quads_of(self.reference, self.candidate, self.metric))

    @property
    def cell(self) -> Cell:
        """The pair's cell as the scenario declares it."""
        return replace(self.reference.cell, arm="", build="")

    @property
    def doubts(self) -> tuple[str, ...]:
        """IDs of findings on the trials that are more than notes."""
        records = (*self.reference.records, *self.candidate.records)
        found = {
            one.id
            for record in records
            for one in record.findings
            if one.severity is not Severity.NOTE
        }
        return tuple(sorted(found))

    @property
    def suspected(self) -> bool:
        """Whether fresh quads are needed."""
        if self.metric not in comparable_metrics():  # accuracy, which one trial settles
            return False
        return self.comparison.verdict is Verdict.WORSE and margin_of(self.metric).gates


@dataclass(frozen=True, slots=True)
class Night:
    """All rows of a night, and the runs they come from: the first one and the repetition."""

    rows: tuple[NightRow, ...]
    runs: tuple[RunReader, ...]

    @property
    def suspects(self) -> frozenset[str]:
        """Keys of the cells whose pairs have to be measured again."""
        return frozenset(
            side.cell.key
            for row in self.rows
            if row.suspected
            for side in (row.reference, row.candidate)
        )

    def having(self, *statuses: Status) -> list[NightRow]:
        """The rows with one of the statuses."""
        return [row for row in self.rows if row.status in statuses]


def first_look(
    run: RunReader, limits: Sequence[Limit], calibrations: Mapping[str, Calibration]
) -> Night:
    """The verdicts of a run with arms, adjusted for their number; suspects are UNCONFIRMED."""
    records = _by_cell(run.records())
    planned = _planned_quads(run)
    rows = [
        _first_row(pair, metric, limits, calibrations, records, planned, run.plan.facts.values())
        for pair in pair_arms(run, sides_of(run))
        for metric in _watched(pair)
    ]
    adjusted = control_false_discoveries([row.comparison for row in rows])
    return Night(
        tuple(
            _settled(replace(row, comparison=comparison))
            for row, comparison in zip(rows, adjusted, strict=True)
        ),
        (run,),
    )


def confirmed(night: Night, again: RunReader | None, why_not: str = "") -> Night:
    """The night after fresh quads of its suspects; ``why_not`` where there are none."""
    runs = (*night.runs, again) if again is not None else night.runs
    fresh = {_pair_key(pair): pair for pair in pair_arms(again, sides_of(again))} if again else {}
    records = _by_cell(again.records()) if again else {}
    readers = {run.run_id: run for run in runs}
    decided = (
        _decided(row, fresh.get((row.reference.cell.key, row.candidate.cell.key)), records, why_not)
        if row.suspected
        else row
        for row in night.rows
    )
    return Night(tuple(_explained(row, readers) for row in decided), runs)


def _first_row(
    pair: Pair,
    metric: str,
    limits: Sequence[Limit],
    calibrations: Mapping[str, Calibration],
    records: Mapping[str, Sequence[TrialRecord]],
    planned: Mapping[str, int],
    units: Iterable[DeviceFacts],
) -> NightRow:
    reference, candidate = pair
    bound = _bound(candidate.cell, metric, limits)
    comparison = _compared(pair, metric, bound)
    status, reason = Status.GOOD, comparison.reason
    if comparison.verdict is Verdict.INCOMPARABLE:
        status = Status.INCOMPARABLE
    elif comparison.difference is None:
        status, reason = _why_nothing(pair, records, comparison.reason)
    return NightRow(
        reference,
        candidate,
        metric,
        status,
        comparison,
        planned[candidate.cell.key],
        bound=bound,
        reason=reason,
        findings=(
            *single_unit(reference, candidate, BY_ARM, units),
            *doubts(calibrations, candidate.facts),
        ),
        calibration=in_force(calibrations, candidate.facts, metric),
    )


def _settled(row: NightRow) -> NightRow:
    if row.suspected:
        return replace(row, status=Status.UNCONFIRMED)
    return replace(row, reason=row.reason or row.comparison.reason)


def _decided(
    row: NightRow,
    fresh: Pair | None,
    records: Mapping[str, Sequence[TrialRecord]],
    why_not: str,
) -> NightRow:
    """A suspect's status by its fresh quads."""
    if fresh is None:
        return replace(row, reason=why_not or "it was not measured again")
    again = _compared(fresh, row.metric, row.bound)
    if again.verdict is Verdict.INCOMPARABLE:
        return replace(row, status=Status.INCOMPARABLE, again=again, reason=again.reason)
    if again.difference is None or again.ratio is None:
        _, reason = _why_nothing(fresh, records, again.reason)
        return replace(row, again=again, reason=f"the repetition: {reason}")
    changed = differences(row.reference, fresh[0], _RUN_TO_RUN)
    if changed:
        reason = "the repetition differs in " + "; ".join(map(str, changed))
        return replace(row, status=Status.INCOMPARABLE, again=again, reason=reason)
    pooled = replace(
        row,
        reference=_pooled(row.reference, fresh[0]),
        candidate=_pooled(row.candidate, fresh[1]),
        again=again,
    )
    together = _compared((pooled.reference, pooled.candidate), row.metric, row.bound)
    better: Better = "higher" if METRICS[row.metric].better == "higher" else "lower"
    status, reason = Status.UNCONFIRMED, "fresh quads are too noisy to tell"
    if together.verdict is Verdict.WORSE and points_to_worse(again, better=better):
        status, reason = Status.REGRESSION, ""
    elif together.verdict is not Verdict.WORSE or _rules_out(again.ratio, row.comparison.ratio):
        status, reason = Status.WENT_AWAY, "fresh quads do not show it"
    return replace(pooled, comparison=together, status=status, reason=reason)


def _explained(row: NightRow, runs: Mapping[str, RunReader]) -> NightRow:
    if row.status not in (Status.REGRESSION, Status.UNCONFIRMED):
        return row
    return replace(row, causes=likely_causes(row.reference, row.candidate, row.metric, runs))


def _rules_out(again: Estimate, first: Estimate | None) -> bool:
    """Whether fresh quads are sure enough to say that it is not what was seen first."""
    if first is None or again.low is None or again.high is None:
        return False
    return not again.low <= first.value <= again.high


def _compared(pair: Pair, metric: str, bound: float | None) -> Comparison:
    return compare_sides(*pair, metric, Question(BY_ARM, margin=bound))


def _why_nothing(
    pair: Pair, records: Mapping[str, Sequence[TrialRecord]], problem: str
) -> tuple[Status, str]:
    """Whether a pair without a verdict was left out on purpose, or what became of its trials."""
    bad = [
        record
        for side in pair
        for record in records.get(side.cell.key, ())
        if record.outcome is not Outcome.OK
    ]
    dropped = [str(one.reason) for one in bad if (one.reason or "").startswith(DROPPED)]
    if dropped:
        return Status.DROPPED, dropped[0]
    told = [one.failure.message if one.failure else str(one.reason) for one in bad]
    return Status.INCOMPLETE, "; ".join(dict.fromkeys([problem, *told[:2]]))


def _watched(pair: Pair) -> list[str]:
    """The primary metric, measured or not, and what else both arms measured."""
    primary = pair[1].cell.primary_metric
    known = comparable_metrics()
    also = [
        name
        for name in _ALSO_WATCHED
        if name in known and name != primary and all(values_of(side, name) for side in pair)
    ]
    return [primary, *also] if primary in known else also


def _bound(cell: Cell, metric: str, limits: Iterable[Limit]) -> float | None:
    """The scenario's own bound on the cell's primary metric, the strictest of those that match."""
    bounds = [
        limit.max_regression
        for limit in limits
        if limit.max_regression is not None and matches(cell, limit.match)
    ]
    return min(bounds) if bounds and metric == cell.primary_metric else None


def _planned_quads(run: RunReader) -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for trial in run.plan.trials:
        if trial.quad is not None:
            found.setdefault(trial.cell.key, set()).add(trial.quad)
    return {key: len(quads) for key, quads in found.items()}


def _by_cell(records: Iterable[TrialRecord]) -> dict[str, list[TrialRecord]]:
    found: dict[str, list[TrialRecord]] = {}
    for record in records:
        found.setdefault(record.trial.cell.key, []).append(record)
    return found


def _pair_key(pair: Pair) -> tuple[str, str]:
    return pair[0].cell.key, pair[1].cell.key


def _pooled(first: Side, again: Side) -> Side:
    return replace(first, records=(*first.records, *again.records))
