"""When a night is over, and how much of a plan fits into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from harness.errors import UserError
from harness.plan import Plan, PlanEstimate, fitting, night_end
from harness.plan.order import trials
from harness.record import Cell
from harness.scenario import Burst, Order, Repeats
from harness.variant import ModelFormat, Variant

EVENING = datetime(2026, 11, 20, 22, 15, tzinfo=timezone(timedelta(hours=1)))
VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)


def test_a_time_of_day_is_its_next_occurrence():
    assert night_end("06:30", EVENING) == datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
    assert night_end("23:00", EVENING) == datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def test_a_time_with_its_day():
    assert night_end("2026-11-22T06:30", EVENING).isoformat() == "2026-11-22T06:30:00+01:00"
    assert night_end("2026-11-22T06:30+00:00", EVENING).hour == 6


@pytest.mark.parametrize("late", ["22:00", "18:20", "2026-11-20T22:00", "2020-01-01T00:00"])
def test_a_time_that_has_passed_is_refused(late):
    with pytest.raises(UserError, match=f"finish_by {late} was .* ago; start earlier"):
        night_end(late, EVENING)


def cells(device: str, count: int) -> list[Cell]:
    made = [Cell(device, VARIANT, "tflite", "cpu", n + 1, 1, Burst()) for n in range(count)]
    return [replace(cell, arm=arm) for cell in made for arm in ("reference", "candidate")]


def test_pairs_fit_by_importance_on_each_device():
    planned = [*cells("local", 3), *cells("android:1", 1)]
    plan = Plan(
        trials(planned, Order("abba"), Repeats(2, 2)),
        (),
        ("android:1", "local"),
        ranking=tuple(cell.key for cell in planned),
    )
    times = PlanEstimate(0, {}, {cell.key: 50.0 for cell in planned}, ())
    assert fitting(plan, times, 99) == (0, 4)
    assert fitting(plan, times, 100) == (2, 4)  # one on each device
    assert fitting(plan, times, 250) == (3, 4)
    assert fitting(plan, times, 300) == (4, 4)
