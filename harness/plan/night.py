"""How much of a plan fits into the time there is, and when a night is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.record import Trial

if TYPE_CHECKING:
    from harness.plan import Plan, PlanEstimate

#: A night where the scenario does not say when it ends.
NIGHT_S = 8 * 3600.0
#: A time of day that passed so recently is taken for missed, not for tomorrow's.
_MISSED = timedelta(hours=4)


def night_end(finish_by: str, now: datetime) -> datetime:
    """When a run has to be over; ``now`` is an aware time in the time zone of the host.

    A time of day means its next occurrence. Raises UserError for a time that has passed.
    """
    if len(finish_by) > len("06:30"):
        end = datetime.fromisoformat(finish_by)
        end = end if end.tzinfo else end.replace(tzinfo=now.tzinfo)
    else:
        hour, minute = finish_by.split(":")
        end = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        if end < now - _MISSED:
            end += timedelta(days=1)
    if end <= now:
        ago = str(now - end).partition(".")[0]
        raise UserError(
            f"finish_by {finish_by} was {ago} ago; start earlier, or give a later time with its "
            "day, as in --set finish_by=2026-11-22T06:30"
        )
    return end


def units(trials: Iterable[Trial]) -> list[tuple[Trial, ...]]:
    """What is measured or left out as a whole: a quad, or a trial that is in none."""
    grouped: dict[object, list[Trial]] = defaultdict(list)
    for trial in trials:
        grouped[trial.id if trial.quad is None else trial.quad].append(trial)
    return [tuple(group) for group in grouped.values()]


def fitting(plan: Plan, estimate: PlanEstimate, seconds: float) -> tuple[int, int]:
    """How many cells (pairs, with arms) are measured in full in that time, and of how many.

    The most important ones come first; devices work side by side.
    """
    rank = {key: place for place, key in enumerate(plan.ranking)}
    groups = _by_importance(plan.trials, rank)
    left = dict.fromkeys(plan.devices, seconds)
    fit = 0
    for keys, device in groups:
        left[device] -= sum(estimate.cell_seconds[key] for key in keys)
        fit += left[device] >= 0
    return fit, len(groups)


def _by_importance(
    trials: Sequence[Trial], rank: dict[str, int]
) -> list[tuple[frozenset[str], str]]:
    """The cells that belong together and their device, the most important ones first."""
    found = {
        frozenset(trial.cell.key for trial in unit): unit[0].cell.device_id
        for unit in units(trials)
    }
    return sorted(found.items(), key=lambda one: min(rank[key] for key in one[0]))
