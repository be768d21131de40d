"""How long a plan takes, before anything is measured; it says what it took for granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.conditions import UNPLUG_S
from harness.record import Cell
from harness.scenario import (
    Burst,
    Cold,
    Load,
    Offline,
    Periodic,
    SingleStream,
    Sustained,
    Warmup,
)

if TYPE_CHECKING:
    from harness.plan import Plan

#: Process start, engine import, model load, input buffers, collection and storing of one trial.
#: A round figure for a desktop-class host and a model of tens of megabytes.
TRIAL_OVERHEAD_S = 2.0


@dataclass(frozen=True, slots=True)
class PlanEstimate:
    """Expected lengths in seconds. Devices work side by side, so ``seconds`` is the slowest's."""

    seconds: float
    device_seconds: dict[str, float]
    cell_seconds: dict[str, float]  #: all trials of a cell, by cell key
    assumptions: tuple[str, ...]


def latency_key(cell: Cell) -> str:
    """What the latency of an inference depends on: the cell without its load."""
    settings = [
        *(f"{name}={'x'.join(map(str, shape))}" for name, shape in sorted(cell.shapes.items())),
        *(f"{name}={value}" for name, value in sorted(cell.options.items())),
    ]
    where = (cell.device_id, cell.variant.digest, cell.engine, cell.delegate)
    return "|".join([*where, f"t{cell.threads}", f"b{cell.batch}", *settings])


def estimate(plan: Plan, history: Mapping[str, float] | None = None) -> PlanEstimate:
    """The time that ``plan`` takes if every planned trial runs.

    ``history`` gives seconds per inference by :func:`latency_key`, from earlier runs. Without it
    only the times that the loads prescribe are known, so that the estimate is a lower bound.
    """
    known = history or {}
    device_seconds: dict[str, float] = {}
    cell_seconds: dict[str, float] = {}
    trial_seconds: dict[str, float] = {}
    unknown = 0
    for trial in plan.trials:
        key = trial.id.rpartition("-r")[0]  # the cell's key, which is costly to make again
        if key not in trial_seconds:
            latency_s = known.get(latency_key(trial.cell))
            unknown += latency_s is None
            trial_seconds[key] = (
                TRIAL_OVERHEAD_S
                + _load_seconds(trial.cell, latency_s or 0.0)
                + _idle_seconds(trial.cell, plan)
                + _unplugged_seconds(trial.cell, plan)
            )
        cell_seconds[key] = cell_seconds.get(key, 0.0) + trial_seconds[key]
        device = trial.cell.device_id
        device_seconds[device] = device_seconds.get(device, 0.0) + trial_seconds[key]
    return PlanEstimate(
        max(device_seconds.values(), default=0.0),
        device_seconds,
        cell_seconds,
        _assumptions(unknown, len(trial_seconds), len(device_seconds)),
    )


def _assumptions(unknown: int, cells: int, devices: int) -> tuple[str, ...]:
    made = [
        f"{TRIAL_OVERHEAD_S:g} s per trial for process start, model load and collection",
        "warm-up takes its minimum",
        "every planned trial runs, and no start condition makes it wait",
    ]
    if unknown:
        made.append(
            f"latency is unknown for {unknown} of {cells} cells: their loads take the least time"
        )
    if devices > 1:
        made.append("devices work side by side")
    return tuple(made)


def _idle_seconds(cell: Cell, plan: Plan) -> float:
    return 2 * plan.idle_seconds if _works(cell) else 0.0


def _unplugged_seconds(cell: Cell, plan: Plan) -> float:
    """What a trial without its cable takes more: pulling it out, and a warm-up without a host."""
    if not plan.detached or not _works(cell) or isinstance(cell.load, Cold):
        return 0.0
    warmup = cell.load.warmup
    return UNPLUG_S + (warmup.max_seconds - warmup.min_seconds if warmup.rule == "steady" else 0.0)


def _works(cell: Cell) -> bool:
    """Whether it is a timed load: not a cold start, and no pass of its own."""
    return cell.purpose == "timing" and not isinstance(cell.load, Cold)


def _load_seconds(cell: Cell, latency_s: float) -> float:
    return _warmup_seconds(cell.load, latency_s) + _timed_seconds(cell.load, cell.batch, latency_s)


def _warmup_seconds(load: Load, latency_s: float) -> float:
    warmup = Warmup(rule="none") if isinstance(load, Cold) else load.warmup
    if warmup.rule == "none":
        return 0.0
    least = max(warmup.min_seconds, warmup.min_inferences * latency_s)
    return min(least, warmup.max_seconds) if warmup.rule == "steady" else least


def _timed_seconds(load: Load, batch: int, latency_s: float) -> float:
    match load:
        case SingleStream():
            return min(load.max_seconds, max(load.min_seconds, load.min_inferences * latency_s))
        case Burst():
            return load.inferences * latency_s
        case Offline():
            return max(load.min_seconds, -(-load.samples // batch) * latency_s)
        case Sustained() | Periodic():
            return load.seconds
        case Cold():
            return latency_s
