"""``finish_by``: what was declared last is dropped first, quads as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from harness.clock import NS_PER_S, ManualClock
from harness.fleet.curfew import DROPPED, Curfew
from harness.plan.order import trials
from harness.record import Cell, Outcome, Trial, TrialRecord
from harness.scenario import Burst, Order, Repeats
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)


def pairs(count: int) -> list[Cell]:
    made = [Cell("local", VARIANT, "tflite", "cpu", n + 1, 1, Burst()) for n in range(count)]
    return [replace(cell, arm=arm) for cell in made for arm in ("reference", "candidate")]


class Night:
    """Runs a plan on a manual clock; each trial takes ``takes_s`` seconds."""

    def __init__(self, minutes: float, expected_s: float, repeats: int = 4) -> None:
        self.clock = ManualClock()
        self.cells = pairs(3)
        self.plan = trials(self.cells, Order("abba"), Repeats(repeats, repeats))
        keys = [cell.key for cell in self.cells]
        self.curfew = Curfew(
            self.clock.now() + timedelta(minutes=minutes),
            self.plan,
            keys,
            dict.fromkeys(keys, expected_s),
            self.clock,
        )
        self.ran: list[Trial] = []
        self.reasons: dict[str, str] = {}

    def run(self, takes_s: float) -> Night:
        for trial in self.plan:
            reason = self.curfew.reason_to_skip(trial)
            if reason is not None:
                self.reasons[trial.id] = reason
                continue
            started = self.clock.now()
            self.clock.advance(round(takes_s * NS_PER_S))
            self.ran.append(trial)
            stamps = (started.isoformat(), self.clock.now().isoformat())
            self.curfew.add(TrialRecord("run", trial, 1, Outcome.OK, *stamps))
        return self

    def quads(self, threads: int) -> int:
        ran = [trial for trial in self.ran if trial.cell.threads == threads]
        assert len(ran) % 4 == 0
        return len(ran) // 4


def test_everything_is_measured_where_the_time_suffices():
    night = Night(24, 60).run(60)
    assert (len(night.ran), night.reasons) == (24, {})


def test_the_least_important_is_dropped_first():
    night = Night(17, 60).run(60)
    assert [night.quads(threads) for threads in (1, 2, 3)] == [2, 2, 0]
    assert all(reason.startswith(DROPPED) for reason in night.reasons.values())
    reason = next(iter(night.reasons.values()))
    assert "13 min 00 s were left, this needs 4 min 00 s and what was declared" in reason
    assert reason.endswith("before it 12 min 00 s")


def test_what_is_left_is_used_for_a_part_of_the_next():
    assert [Night(20, 60).run(60).quads(threads) for threads in (1, 2, 3)] == [2, 2, 1]


@pytest.mark.parametrize("repeats", [4, 8])
def test_trials_that_take_longer_than_planned_are_learnt_from(repeats):
    """Planned at 30 s a trial, everything would fit; at 60 s, two pairs of three do.

    Before the first trial nobody knows better, so one quad may go to the least important pair.
    """
    minutes = repeats * 4 + 1
    night = Night(minutes, 30, repeats).run(60)
    assert night.quads(1) == repeats // 2
    assert night.quads(2) >= repeats // 2 - 1
    assert night.quads(3) <= 1
    assert night.clock.now() <= ManualClock().now() + timedelta(minutes=minutes)


def test_nothing_fits_into_no_time():
    night = Night(1, 60).run(60)
    assert night.ran == []
    assert len(night.reasons) == 24


def test_trials_that_are_not_of_this_session_do_not_count():
    night = Night(24, 60)
    stranger = replace(night.plan[0], id="another")
    assert night.curfew.reason_to_skip(stranger) is None
