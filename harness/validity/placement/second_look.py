"""The verdict on a trial once the whole run is there: other trials of it are witnesses, too.

A delegate may claim the whole graph and compute on the CPU all the same. What shows it needs the
run's CPU cells: the same latency, and the same results to the last bit. And results that are far
from the CPU's are those of another computation, however fast it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from numpy.typing import NDArray

from harness.findings import Finding
from harness.record import Cell, Outcome, TrialRecord, Witness
from harness.scenario import Require
from harness.validity.checks import apply_require
from harness.validity.placement.latency import latency_witness
from harness.validity.placement.outputs import output_mismatch, output_witness
from harness.validity.placement.verdict import judge, placement_doubts
from harness.validity.surroundings import CPU_DELEGATES

_LATENCY = "latency_p50_ns"
#: What is decided here, and again whenever the run has grown.
_WITNESSES = ("latency", "outputs")
_FINDINGS = ("FELL-BACK", "PLACEMENT-UNPROVEN", "OUTPUT-MISMATCH")

Arrays = Sequence[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A trial, and what the model answered to the trial's input where that was kept."""

    record: TrialRecord
    outputs: Arrays | None = None


def second_look(run: Iterable[Seen], require: Require) -> list[TrialRecord]:
    """The records of ``run`` that read differently with the run's CPU cells beside them.

    Only timed trials that were measured on something else than plain ``cpu`` are looked at. Trials
    without a CPU cell of the same device, model, engine, batch, shapes and load keep their verdict.
    """
    trials = [one for one in run if one.record.placed is not None and _is_timed(one.record)]
    latencies, outputs = _cpu_latencies(trials), _cpu_outputs(trials)
    changed = []
    for one in trials:
        cell = one.record.trial.cell
        if cell.delegate == "cpu":
            continue
        found = _judged(
            one, latencies.get(_work(cell), []), outputs.get(_answer(one.record)), require
        )
        if found != one.record:
            changed.append(found)
    return changed


def _is_timed(record: TrialRecord) -> bool:
    measured = record.outcome in (Outcome.OK, Outcome.INVALID)
    return measured and record.trial.cell.purpose == "timing"


def _judged(
    one: Seen, latencies: Sequence[float], reference: Seen | None, require: Require
) -> TrialRecord:
    record, cell = one.record, one.record.trial.cell
    placed = record.placed
    if placed is not None:
        direct = [item for item in placed.witnesses if item.name not in _WITNESSES]
        placed = judge([*direct, *_circumstances(one, latencies, reference)])
    findings = [item for item in record.findings if item.id not in _FINDINGS]
    findings += [*placement_doubts(cell, placed), *_mismatch(one, reference)]
    outcome, reason = apply_require(Outcome.OK, findings, require, placed)
    return replace(record, placed=placed, findings=tuple(findings), outcome=outcome, reason=reason)


def _circumstances(
    one: Seen, latencies: Sequence[float], reference: Seen | None
) -> Iterator[Witness]:
    """Traces of a fallback; a delegate that computes on the CPU by itself leaves none."""
    if one.record.trial.cell.delegate in CPU_DELEGATES:
        return
    latency_ns = one.record.metrics.get(_LATENCY)
    found = [latency_witness(latency_ns, latencies) if latency_ns is not None else None]
    if reference is not None and reference.outputs is not None and one.outputs is not None:
        found.append(output_witness(one.outputs, reference.outputs))
    yield from (witness for witness in found if witness is not None)


def _mismatch(one: Seen, reference: Seen | None) -> Iterator[Finding]:
    if reference is not None and reference.outputs is not None and one.outputs is not None:
        yield from output_mismatch(one.outputs, reference.outputs, one.record.outputs)


def _cpu_latencies(trials: Iterable[Seen]) -> dict[Hashable, list[float]]:
    """For each piece of work, one median latency per CPU cell: one for each number of threads."""
    by_cell: dict[str, list[float]] = defaultdict(list)
    cells: dict[str, Cell] = {}
    for one in trials:
        record, cell = one.record, one.record.trial.cell
        good = record.outcome is Outcome.OK and cell.delegate in CPU_DELEGATES
        if good and _LATENCY in record.metrics:
            by_cell[cell.key].append(record.metrics[_LATENCY])
            cells[cell.key] = cell
    found: dict[Hashable, list[float]] = defaultdict(list)
    for key, values in by_cell.items():
        found[_work(cells[key])].append(median(values))
    return found


def _cpu_outputs(trials: Iterable[Seen]) -> dict[Hashable, Seen]:
    """For each question, the first answer of a plain CPU cell."""
    found: dict[Hashable, Seen] = {}
    for one in trials:
        cell = one.record.trial.cell
        if cell.delegate == "cpu" and one.outputs and one.record.outcome is Outcome.OK:
            found.setdefault(_answer(one.record), one)
    return found


def _work(cell: Cell) -> Hashable:
    """What has to be the same for two latencies to mean the same."""
    return *_question(cell), cell.load


def _answer(record: TrialRecord) -> Hashable:
    """What has to be the same for two answers to be comparable."""
    return *_question(record.trial.cell), record.input_digests


def _question(cell: Cell) -> tuple[Hashable, ...]:
    shapes = tuple(sorted(cell.shapes.items()))
    return cell.device_id, cell.variant.digest, cell.engine, cell.batch, shapes
