"""The circumstantial witness that needs a whole run: how fast the CPU is with the same model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from statistics import median

from harness.record import Cell, Outcome, Placement, TrialRecord
from harness.validity.placement.latency import latency_witness
from harness.validity.placement.verdict import with_witnesses
from harness.validity.surroundings import CPU_DELEGATES

_LATENCY = "latency_p50_ns"


def placements_beside_cpu(records: Iterable[TrialRecord]) -> dict[str, Placement]:
    """The verdict on every trial, by trial id, with the latency of the run's CPU cells considered.

    Trials of the CPU's own delegates keep their verdict, as do those without a CPU cell of the same
    device, model, engine, batch, shapes and load. Trials without a verdict are left out.
    """
    judged = [record for record in records if record.placed is not None]
    by_cpu = _cpu_latencies(judged)
    found = {}
    for record in judged:
        placed, cell = record.placed, record.trial.cell
        latency_ns = record.metrics.get(_LATENCY)
        if placed is not None and latency_ns is not None and cell.delegate not in CPU_DELEGATES:
            witness = latency_witness(latency_ns, by_cpu.get(_work(cell), []))
            placed = with_witnesses(placed, [witness]) if witness else placed
        if placed is not None:
            found[record.trial.id] = placed
    return found


def _cpu_latencies(records: Iterable[TrialRecord]) -> dict[Hashable, list[float]]:
    """For each piece of work, one median latency per CPU cell: one for each number of threads."""
    by_cell: dict[str, list[float]] = defaultdict(list)
    cells: dict[str, Cell] = {}
    for record in records:
        cell = record.trial.cell
        good = record.outcome is Outcome.OK and cell.delegate in CPU_DELEGATES
        if good and _LATENCY in record.metrics:
            by_cell[cell.key].append(record.metrics[_LATENCY])
            cells[cell.key] = cell
    found: dict[Hashable, list[float]] = defaultdict(list)
    for key, latencies in by_cell.items():
        found[_work(cells[key])].append(median(latencies))
    return found


def _work(cell: Cell) -> Hashable:
    """What has to be the same for two latencies to mean the same."""
    shapes = tuple(sorted(cell.shapes.items()))
    return cell.device_id, cell.variant.digest, cell.engine, cell.batch, shapes, cell.load
