"""Verdicts on two runs cell by cell, or on the cells of one run by a factor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import UserError
from harness.findings import Finding, Severity
from harness.jobs.pairing import (
    Pair,
    pair_across,
    pair_arms,
    pair_within,
    quads_of,
    sides_of,
)
from harness.jobs.repeated import over_all_blocks, repeated_blocks
from harness.metrics import METRICS
from harness.record import DeviceFacts, TrialRecord
from harness.stats.bootstrap import bootstrap_ratio
from harness.stats.comparison import (
    Better,
    Comparison,
    Verdict,
    compare,
    compare_quads,
    control_false_discoveries,
    survives_session_effect,
)
from harness.stats.interval import Estimate
from harness.stats.margins import margin_of
from harness.stats.samples import Int64Array, Samples
from harness.stats.summary import PERCENTILES, undisturbed
from harness.store.run_reader import RunReader
from harness.validity.calibration import Calibration, doubts, in_force
from harness.validity.comparability import (
    CELL_FACTORS,
    Side,
    check_factors,
    differences,
    level,
    power_difference,
    separate_sessions,
    single_unit,
)
from harness.validity.disturbance import is_from_blocks, unequal_repeats
from harness.validity.limits import describe

#: The factor of runs with arms: their trials were measured in quads and are judged within them.
BY_ARM = ("arm",)
#: The bootstrap looks at this many latencies of a trial at most.
MAX_LATENCIES = 100_000


@dataclass(frozen=True, slots=True)
class CellComparison:
    """One metric of one pair of cells. ``findings`` are those of the comparison itself."""

    reference: Side
    candidate: Side
    metric: str
    comparison: Comparison
    findings: tuple[Finding, ...] = ()
    calibration: Calibration | None = None  #: of the unit, where one is in force

    @property
    def word(self) -> str:
        """The verdict in the metric's own terms: ``slower``, ``smaller``, ``equivalent``."""
        verdict = self.comparison.verdict
        is_amount = self.metric.endswith(("_bytes", "_j", "_w"))
        worse, better = ("larger", "smaller") if is_amount else ("slower", "faster")
        return {Verdict.WORSE: worse, Verdict.BETTER: better}.get(verdict, verdict.value)

    @property
    def n(self) -> tuple[int, int]:
        """Valid trials that measured the metric: reference, candidate."""
        return len(values_of(self.reference, self.metric)), len(
            values_of(self.candidate, self.metric)
        )

    @property
    def repeated(self) -> tuple[float, float]:
        """Blocks that sensors had measured again: reference, candidate."""
        return repeated_blocks(self.reference, self.candidate)

    @property
    def over_all_blocks(self) -> Estimate | None:
        """The ratio with the disturbed blocks in it; see :func:`over_all_blocks`."""
        return over_all_blocks(self.reference, self.candidate, self.metric)

    @property
    def doubts(self) -> tuple[str, ...]:
        """IDs of findings on the trials of either side that are more than a note."""
        records = (*self.reference.records, *self.candidate.records)
        found = {item.id for record in records for item in record.findings if _is_doubt(item)}
        return tuple(sorted(found))

    @property
    def confirmed_worse(self) -> bool:
        """Whether this alone makes a comparison fail.

        The verdict is worse, the metric is one that may gate, and where the sides were measured in
        separate sessions, the change also stands out of two session effects.
        """
        if self.comparison.verdict is not Verdict.WORSE or not margin_of(self.metric).gates:
            return False
        separate = any(item.id == "SEPARATE-SESSIONS" for item in self.findings)
        return not separate or survives_session_effect(self.comparison)


@dataclass(frozen=True, slots=True)
class Compared:
    """The whole comparison. ``unpaired`` says which cells have no counterpart."""

    factors: tuple[str, ...]
    rows: tuple[CellComparison, ...]
    unpaired: tuple[str, ...] = ()

    @property
    def nothing_compared(self) -> bool:
        """Whether no pair of cells could be compared."""
        return all(row.comparison.difference is None for row in self.rows)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: by which factors, on which metrics, with which margin.

    Without ``metrics``, each cell is asked for the metric its load is about. ``margin`` replaces
    every metric's own. ``reference`` picks the reference's level of the factor within one run; the
    first in natural order otherwise.
    """

    factors: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    margin: float | None = None
    reference: str | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)  #: of units, by unit


def compare_within(run: RunReader, question: Question) -> Compared:
    """Cells of one run against each other, by factors that cells can differ in.

    Raises UserError for other factors and for a reference that no cell is.
    """
    factors = check_factors(question.factors) or _default_factors(run)
    if not factors or not set(factors) <= set(CELL_FACTORS):
        raise UserError(
            f"one run can be compared by {', '.join(CELL_FACTORS)}; "
            "for other factors name a second run"
        )
    sides = sides_of(run)
    levels = dict.fromkeys(level(side.cell, factors) for side in sides)
    if question.reference is not None and question.reference not in levels:
        raise UserError(f"no reference {question.reference!r}; there are {', '.join(levels)}")
    if factors == BY_ARM:
        pairs, alone = pair_arms(run, sides), list[Side]()
        if not pairs:
            raise UserError(f"{run.run_id} has no arms; compare it by another factor")
    else:
        pairs, alone = pair_within(sides, factors, question.reference)
    unpaired = [f"{describe(side.cell)}: nothing to compare it with" for side in alone]
    return _judged(pairs, unpaired, replace(question, factors=factors), [run])


def _default_factors(run: RunReader) -> tuple[str, ...]:
    """Arms are there to be compared."""
    return BY_ARM if any(trial.cell.arm for trial in run.plan.trials) else ()


def compare_runs(reference: RunReader, candidate: RunReader, question: Question) -> Compared:
    """Each cell of ``candidate`` against its counterpart in ``reference``.

    Raises UserError for an unknown factor and for a run compared with itself.
    """
    if reference.run_id == candidate.run_id:
        raise UserError(f"{reference.run_id} is compared with itself; name two runs, or use --by")
    factors = check_factors(("run", *question.factors))
    pairs, alone = pair_across(sides_of(reference), sides_of(candidate), factors)
    unpaired = [f"{describe(side.cell)}: only in run {side.run_id}" for side in alone]
    return _judged(pairs, unpaired, replace(question, factors=factors), [reference, candidate])


def _judged(
    pairs: Sequence[Pair], unpaired: Sequence[str], question: Question, runs: Sequence[RunReader]
) -> Compared:
    units = [facts for run in runs for facts in run.plan.facts.values()]
    latencies = _Latencies(runs)
    rows = [
        _row(reference, candidate, metric, question, units, latencies)
        for reference, candidate in pairs
        for metric in question.metrics or (candidate.cell.primary_metric,)
        if not question.metrics or _measured(reference, candidate, metric)
    ]
    verdicts = control_false_discoveries([row.comparison for row in rows])
    judged = tuple(
        replace(row, comparison=verdict) for row, verdict in zip(rows, verdicts, strict=True)
    )
    return Compared(question.factors, judged, tuple(unpaired))


def _row(
    reference: Side,
    candidate: Side,
    metric: str,
    question: Question,
    units: Sequence[DeviceFacts],
    latencies: Callable[[Side], list[Int64Array]],
) -> CellComparison:
    findings = (
        *separate_sessions(reference, candidate),
        *single_unit(reference, candidate, question.factors, units),
        *doubts(question.calibrations, candidate.facts),
    )
    comparison = compare_sides(reference, candidate, metric, question)
    in_quads = question.factors == BY_ARM  # the bootstrap knows no neighbours
    if comparison.difference is not None and metric in PERCENTILES and not in_quads:
        checked = bootstrap_ratio(
            latencies(candidate), latencies(reference), quantile=PERCENTILES[metric] / 100
        )
        comparison = replace(comparison, bootstrap=checked)
    calibration = in_force(question.calibrations, candidate.facts, metric)
    return CellComparison(reference, candidate, metric, comparison, findings, calibration)


def compare_sides(reference: Side, candidate: Side, metric: str, question: Question) -> Comparison:
    """The verdict on one metric of two sides, before it is adjusted for the number of verdicts."""
    declared = margin_of(metric)
    margin = declared.relative if question.margin is None else question.margin
    theirs, ours = values_of(reference, metric), values_of(candidate, metric)
    if theirs and ours:
        differing = differences(reference, candidate, question.factors)
        differing += power_difference(reference, candidate, metric)
        if differing:
            reason = "differ in " + "; ".join(map(str, differing))
            return Comparison(Verdict.INCOMPARABLE, margin, reason)
    inferences = min(sum(values_of(side, "inferences")) for side in (reference, candidate))
    if inferences < declared.min_inferences:
        reason = f"{inferences:.0f} inferences on a side, {declared.min_inferences} needed"
        return Comparison(Verdict.INCONCLUSIVE, margin, reason)
    better: Better = "higher" if METRICS[metric].better == "higher" else "lower"
    if question.factors == BY_ARM:
        quads = quads_of(reference, candidate, metric)
        found = compare_quads(quads, margin=margin, better=better)
    else:
        found = compare(theirs, ours, margin=margin, better=better)
    shares = (values_of(side, "repeated_percent") for side in (reference, candidate))
    unequal = unequal_repeats(*shares) if is_from_blocks(metric) else None
    if unequal is not None and found.verdict is not Verdict.INCONCLUSIVE:
        return replace(found, verdict=Verdict.INCONCLUSIVE, reason=unequal)
    return found


def values_of(side: Side, metric: str) -> list[float]:
    """The metric of every valid trial that measured it."""
    return [record.metrics[metric] for record in side.records if metric in record.metrics]


def _measured(reference: Side, candidate: Side, metric: str) -> bool:
    return bool(values_of(reference, metric) or values_of(candidate, metric))


def _is_doubt(item: Finding) -> bool:
    return item.severity is not Severity.NOTE


class _Latencies:
    """The timed latencies of a side's trials, one array a trial."""

    def __init__(self, runs: Iterable[RunReader]) -> None:
        self._runs = {run.run_id: run for run in runs}

    def __call__(self, side: Side) -> list[Int64Array]:
        run = self._runs[side.run_id]
        return [_thinned(_counted(run, record)) for record in side.records]


def _counted(run: RunReader, record: TrialRecord) -> Samples:
    """The samples that the numbers of a trial are made of."""
    trial = run.trial(record.trial.id)
    if not record.metrics.get("repeated_blocks"):
        return trial.samples()
    return undisturbed(trial.samples(), trial.blocks())[0]


def _thinned(samples: Samples) -> Int64Array:
    """Every k-th latency of a long trial: the bootstrap needs its distribution, not its length."""
    latency_ns = samples.timed_only.latency_ns
    return latency_ns[:: math.ceil(len(latency_ns) / MAX_LATENCIES) or 1].copy()
