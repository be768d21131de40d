"""What is left out when the time does not suffice: the rule of ``finish_by``."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from harness.clock import Clock
from harness.plan.night import units
from harness.record import Trial, TrialRecord
from harness.units import format_duration

#: How the reasons of trials begin that were left out for lack of time.
DROPPED = "dropped to finish by"


@dataclass(slots=True)
class _Unit:
    """A quad or a trial that is in none; ``rank`` 0 is the most important one."""

    device_id: str
    rank: int
    trials: tuple[Trial, ...]
    reason: str | None = None
    decided: bool = False
    ended: set[str] = field(default_factory=set)


class Curfew:
    """Drops the least important first, so that the rest is over in time.

    Before each quad (or trial without one) the time that all more important ones still need is
    set aside; what does not fit in the rest is left out. A trial is expected to take as long as
    its cell's trials took so far, before the first one as long as the plan estimates, scaled by how
    wrong the plan has been about others.
    """

    def __init__(
        self,
        ends_at: datetime,
        trials: Sequence[Trial],
        ranking: Sequence[str],
        expected_s: Mapping[str, float],
        clock: Clock,
    ) -> None:
        """``expected_s`` are seconds of one trial, ``ranking`` cell keys from most to least."""
        rank = {key: place for place, key in enumerate(ranking)}
        self._ends_at, self._clock = ends_at, clock
        self._expected_s = dict(expected_s)
        self._took_s: dict[str, list[float]] = {}
        self._unit_of: dict[str, _Unit] = {}
        self._units: list[_Unit] = []
        for group in units(trials):
            place = min(rank.get(trial.cell.key, len(rank)) for trial in group)
            unit = _Unit(group[0].cell.device_id, place, group)
            self._units.append(unit)
            self._unit_of |= {trial.id: unit for trial in group}
        self._lock = threading.Lock()

    def add(self, record: TrialRecord) -> None:
        """Learn how long a trial took."""
        started, ended = map(datetime.fromisoformat, (record.started_at, record.ended_at))
        with self._lock:
            if record.trial.id in self._unit_of:
                self._unit_of[record.trial.id].ended.add(record.trial.id)
            self._took_s.setdefault(record.trial.cell.key, []).append(
                (ended - started).total_seconds()
            )

    def reason_to_skip(self, trial: Trial) -> str | None:
        """Why there is no time for this trial; the same for all of its quad."""
        unit = self._unit_of.get(trial.id)
        if unit is None:
            return None
        with self._lock:
            if not unit.decided:
                unit.decided, unit.reason = True, self._no_time(unit)
            return unit.reason

    def _no_time(self, unit: _Unit) -> str | None:
        left_s = (self._ends_at - self._clock.now()).total_seconds()
        first = sum(
            self._needs_s(other)
            for other in self._units
            if other.device_id == unit.device_id and other.rank < unit.rank
        )
        own = self._needs_s(unit)
        if first + own <= left_s:
            return None
        ends = self._ends_at.strftime("%Y-%m-%d %H:%M")
        return (
            f"{DROPPED} {ends}: {format_duration(max(0.0, left_s))} were left, this needs "
            f"{format_duration(own)} and what was declared before it {format_duration(first)}"
        )

    def _needs_s(self, unit: _Unit) -> float:
        if unit.reason is not None:
            return 0.0
        return sum(self._trial_s(trial) for trial in unit.trials if trial.id not in unit.ended)

    def _trial_s(self, trial: Trial) -> float:
        took = self._took_s.get(trial.cell.key)
        if took:
            return sum(took) / len(took)
        return self._expected_s.get(trial.cell.key, 0.0) * self._pace()

    def _pace(self) -> float:
        """How much longer trials take than the plan expects."""
        expected = sum(
            self._expected_s.get(key, 0.0) * len(took) for key, took in self._took_s.items()
        )
        return sum(map(sum, self._took_s.values())) / expected if expected > 0 else 1.0
