"""When a cell has been repeated often enough: the declared sequential rule of ``repeats``."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from typing import Protocol

from harness.record import Outcome, Trial, TrialRecord
from harness.scenario import Repeats
from harness.stats.interval import MIN_TRIALS, geometric_mean_interval, relative_half_width
from harness.stats.ratio import paired

#: The metric whose interval decides: the same that tables lead with.
DECIDING_METRIC = "latency_p50_ns"


class SkipRule(Protocol):
    """Decides before each trial whether it is needed; asked from several worker threads."""

    def add(self, record: TrialRecord) -> None:
        """Take a finished trial into account."""

    def reason_to_skip(self, trial: Trial) -> str | None:
        """Why this trial is not to be measured, or None."""


class RepeatRule:
    """Counts valid trials and says when an interval is narrow enough.

    Without arms, the interval of the cell's own value. With arms, that of their ratio, from the
    differences within quads; a quad is measured or left out as a whole. Stopping on the interval's
    width, not on a difference, keeps estimates unbiased in practice; the rule is part of the
    scenario and so is known to the reader. Its false alarms are simulated in
    ``tests/benchmarks/verdicts.py``.
    """

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats
        self._values: dict[str, list[float]] = defaultdict(list)
        self._quads: dict[int, dict[int, tuple[str, str, float]]] = defaultdict(dict)
        self._decided: dict[int, str | None] = {}
        self._lock = threading.Lock()

    def add(self, record: TrialRecord) -> None:
        """Count a finished trial; only valid ones carry weight."""
        value = record.metrics.get(DECIDING_METRIC)
        if record.outcome is not Outcome.OK or value is None:
            return
        trial, key = record.trial, record.trial.cell.key
        with self._lock:
            if trial.quad is None:
                self._values[key].append(value)
            else:
                self._quads[trial.quad][trial.quad_place] = (key, trial.cell.arm, value)

    def reason_to_skip(self, trial: Trial) -> str | None:
        """Why no further trial of the cell is needed, or None."""
        target = self._repeats.until_ci
        if target is None or trial.cell.purpose != "timing":
            return None
        with self._lock:
            if trial.quad is None:
                return self._enough(self._values[trial.cell.key], target)
            if trial.quad not in self._decided:
                self._decided[trial.quad] = self._enough_quads(trial.cell.key, target)
            return self._decided[trial.quad]

    def _enough(self, values: list[float], target: float) -> str | None:
        if len(values) < self._repeats.min:
            return None
        width = relative_half_width(geometric_mean_interval(values))
        return None if width is None else _verdict(width, target, f"{len(values)} trials")

    def _enough_quads(self, key: str, target: float) -> str | None:
        """Judged on the complete quads that the cell is part of."""
        differences: list[float] = []
        for places in self._quads.values():
            if len(places) == 4 and any(places[place][0] == key for place in places):
                differences += quad_differences(
                    [(arm, value) for _, (_, arm, value) in sorted(places.items())]
                )
        if len(differences) < max(self._repeats.min, MIN_TRIALS):
            return None
        width = paired(differences).half_width(0.95)
        return _verdict(width, target, f"{len(differences) // 2} quads")


def quad_differences(trials: list[tuple[str, float]]) -> list[float]:
    """Logarithmic differences candidate minus reference of a quad's two pairs of neighbours.

    ``trials`` are the arms and values of its four places, in order.
    """
    pairs = (dict(trials[:2]), dict(trials[2:]))
    return [math.log(pair["candidate"] / pair["reference"]) for pair in pairs]


def _verdict(width: float, target: float, seen: str) -> str | None:
    if width > target:
        return None
    return f"enough repeats: after {seen} the 95 % interval is ±{width:.1%}, within ±{target:.1%}"
