"""A/A calibration: the scenario with two equal arms, and what its quads say about each unit."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from harness.jobs.pairing import pair_arms, quads_of, sides_of
from harness.plan import label
from harness.record import Cell
from harness.scenario import Scenario
from harness.scenario_file import loads
from harness.scenario_file.document import document_of
from harness.scenario_file.nodes import Origin, dump
from harness.stats.margins import comparable_metrics, margin_of
from harness.store.run_reader import RunReader
from harness.validity.calibration import (
    Calibration,
    CellCalibration,
    calibrate_cell,
    os_build_of,
    unit_of,
)

#: Quads of one comparison where the scenario does not say.
USUAL_QUADS = 3
#: What has no meaning where both arms are the same.
_LEFT_OUT = ("order", "limits", "finish_by", "memory", "accuracy", "profile", "energy", "detached")


def equal_arms(scenario: Scenario, quads: int) -> Scenario:
    """The scenario with its reference on both arms, and so many quads of each cell."""
    root = document_of(scenario.text, Origin(scenario.source, Path.cwd(), check_files=False))
    given: dict[str, Any] = root.plain()
    reference = (given.get("arms") or {}).get("reference", {})
    kept = {key: value for key, value in given.items() if key not in _LEFT_OUT}
    changed = kept | {
        "name": f"calibrate {scenario.name}"[:200],
        "arms": {"reference": reference, "candidate": reference, "equal": True},
        "repeats": 2 * quads,
    }
    return loads(dump(changed), scenario.source, Path.cwd())


def usual_quads(scenario: Scenario) -> int:
    """The quads of one of the scenario's comparisons, which its calibration is about."""
    return max(2, scenario.repeats.max // 2) if scenario.arms else USUAL_QUADS


def calibrations(run: RunReader, quads: int) -> tuple[list[Calibration], list[str]]:
    """One calibration for each unit of a run with equal arms, and a line for each cell without.

    ``quads`` is the size of the comparisons that it speaks about.
    """
    cells: dict[str, dict[str, CellCalibration]] = defaultdict(dict)
    metrics: dict[str, set[str]] = defaultdict(set)
    problems = []
    for pair in pair_arms(run, sides_of(run)):
        cell = pair[0].cell
        metric = _metric(cell)
        try:
            found = calibrate_cell(quads_of(*pair, metric), quads, margin_of(metric).relative)
        except ValueError as problem:
            problems.append(f"{label(cell)} on {cell.device_id}: not calibrated: {problem}")
            continue
        cells[cell.device_id][_name(cell)] = found
        metrics[cell.device_id].add(metric)
    return [
        _calibration(run, device_id, found, sorted(metrics[device_id]))
        for device_id, found in cells.items()
    ], problems


def _calibration(
    run: RunReader, device_id: str, cells: dict[str, CellCalibration], metrics: list[str]
) -> Calibration:
    facts = run.plan.facts[device_id]
    return Calibration(
        device_id=device_id,
        unit=unit_of(facts),
        os_build=os_build_of(facts),
        at=run.plan.created_at,
        run_id=run.run_id,
        metric=", ".join(metrics),
        margin=max(margin_of(metric).relative for metric in metrics),
        simulated=bool(facts.values.get("simulated")),
        cells=cells,
    )


def _metric(cell: Cell) -> str:
    """The metric that verdicts on the cell rest on."""
    primary = cell.primary_metric
    return primary if primary in comparable_metrics() else "latency_p50_ns"


def _name(cell: Cell) -> str:
    return label(cell).removesuffix(f" {cell.arm}")
