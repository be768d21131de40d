"""When a cell has been repeated often enough: the declared sequential rule of ``repeats``."""

from __future__ import annotations

import threading
from collections import defaultdict

from harness.record import Cell, Outcome, TrialRecord
from harness.scenario import Repeats
from harness.stats.interval import geometric_mean_interval, relative_half_width

#: The metric whose interval decides: the same that tables lead with.
DECIDING_METRIC = "latency_p50_ns"


class RepeatRule:
    """Counts a cell's valid trials and says when its interval is narrow enough.

    Stopping on the interval's width, not on a difference, keeps estimates unbiased in practice;
    the rule is part of the scenario and so is known to the reader.
    """

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats
        self._values: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, record: TrialRecord) -> None:
        """Count a finished trial; only valid ones carry weight."""
        value = record.metrics.get(DECIDING_METRIC)
        if record.outcome is Outcome.OK and value is not None:
            with self._lock:
                self._values[record.trial.cell.key].append(value)

    def enough(self, cell: Cell) -> str | None:
        """Why no further trial of ``cell`` is needed, or None."""
        target = self._repeats.until_ci
        with self._lock:
            values = list(self._values[cell.key])
        if target is None or len(values) < self._repeats.min:
            return None
        width = relative_half_width(geometric_mean_interval(values))
        if width is None or width > target:
            return None
        return (
            f"enough repeats: after {len(values)} trials the 95 % interval is "
            f"±{width:.1%}, within ±{target:.1%}"
        )
