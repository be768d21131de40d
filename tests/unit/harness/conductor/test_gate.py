from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from harness.channels import FOREIGN_CPU
from harness.clock import CancelToken, ManualClock
from harness.conditions import Gates
from harness.conductor.gate import Waiting, wait_for_start
from harness.conductor.phases import PhaseLog
from harness.conductor.progress import Silent
from harness.device import Reading
from harness.errors import Cancelled
from harness.record import ChannelRecord, Trial
from harness.scenario import Burst


class Busyness:
    """Telemetry that tells made-up readings of the foreign CPU, one a poll, then the last."""

    def __init__(self, *values: float | None) -> None:
        self._values: Iterator[float | None] = iter(values)
        self._last: float | None = None
        self.unavailable: str | None = None

    def channels(self) -> Sequence[ChannelRecord]:
        return [ChannelRecord(FOREIGN_CPU, "%", "host", "/proc/stat", self.unavailable)]

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        self._last = next(self._values, self._last)
        return [] if self._last is None else [Reading(FOREIGN_CPU, 0, self._last)]


def wait(gates: Gates, telemetry: Busyness, make_cell) -> tuple[str | None, float]:
    clock = ManualClock()
    trial = Trial("t", make_cell(Burst()), 0, 0)
    log = PhaseLog(trial, clock, Silent())
    waiting = Waiting(telemetry, clock, CancelToken(), log, lambda: None)  # type: ignore[arg-type]
    met = wait_for_start(gates, waiting)
    return met, clock.monotonic_ns() / 1e9


def test_no_gate_asks_nothing(make_cell) -> None:
    assert wait(Gates(), Busyness(100.0), make_cell) == (None, 0)


def test_a_quiet_machine_starts_after_three_looks(make_cell) -> None:
    assert wait(Gates(foreign_cpu_percent=10), Busyness(3.0), make_cell) == (None, 3)


def test_what_cannot_be_read_is_not_waited_for(make_cell) -> None:
    telemetry = Busyness(None)
    telemetry.unavailable = "no /proc/stat"
    text, waited_s = wait(Gates(foreign_cpu_percent=10), telemetry, make_cell)
    assert (waited_s, "no /proc/stat" in str(text)) == (0, True)


def test_waits_until_the_others_are_done(make_cell) -> None:
    gates = Gates(foreign_cpu_percent=10)
    assert wait(gates, Busyness(90, 50, 20, 4, 4), make_cell) == (None, 5)


@pytest.mark.parametrize(("value", "words"), [(80.0, "80 %"), (None, "0 of 3 readings")])
def test_gives_up_with_what_it_saw(make_cell, value: float | None, words: str) -> None:
    gates = Gates(foreign_cpu_percent=10, timeout_minutes=2)
    text, waited_s = wait(gates, Busyness(value), make_cell)
    assert text is not None
    assert words in text
    assert waited_s == 120


def test_cancelling_ends_the_wait(make_cell) -> None:
    cancel = CancelToken()
    cancel.cancel("enough")
    clock = ManualClock()
    log = PhaseLog(Trial("t", make_cell(Burst()), 0, 0), clock, Silent())
    waiting = Waiting(Busyness(99), clock, cancel, log, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(Cancelled):
        wait_for_start(Gates(foreign_cpu_percent=1), waiting)
