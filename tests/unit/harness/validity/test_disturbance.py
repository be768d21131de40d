from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.channels import SCREEN_ON, THERMAL_STATUS
from harness.record import BlockRecord
from harness.validity.disturbance import Disturbances, unequal_repeats

S = 10**9


def block(seq: int, begin_s: float, end_s: float, *, timed: bool = True) -> BlockRecord:
    return BlockRecord(seq, timed, 10, round(begin_s * S), round(end_s * S), 0)


def found(watch: Disturbances, *, final: bool = False) -> list[tuple[int, str]]:
    return [(one.seq, reason) for one, reason in watch.judged(final=final)]


def test_a_block_waits_for_the_reading_after_it() -> None:
    watch = Disturbances([THERMAL_STATUS], None)
    watch.read(THERMAL_STATUS, 0, 0.0)
    watch.add(block(1, 0.1, 1.0))
    assert found(watch) == []
    watch.read(THERMAL_STATUS, round(1.1 * S), 1.0)
    assert found(watch) == [(1, "thermal status light")]
    watch.add(block(2, 1.2, 2.0))
    watch.read(THERMAL_STATUS, 3 * S, 0.0)
    assert found(watch) == []


def test_every_channel_must_have_spoken() -> None:
    watch = Disturbances([THERMAL_STATUS, SCREEN_ON], None)
    watch.read(THERMAL_STATUS, 0, 0.0)
    watch.read(SCREEN_ON, 0, 1.0)
    watch.add(block(1, 0.1, 1.0))
    watch.read(SCREEN_ON, 2 * S, 0.0)
    assert found(watch) == []
    assert found(watch, final=True) == [(1, "screen went off")]


def test_a_sensor_that_fell_silent_is_not_waited_for() -> None:
    watch = Disturbances([THERMAL_STATUS], None)
    watch.read(THERMAL_STATUS, 0, 0.0)
    watch.add(block(1, 0.1, 1.0))
    watch.add(block(2, 100.0, 101.0))
    watch.read(THERMAL_STATUS, 50 * S, 1.0)
    assert found(watch) == [(1, "thermal status light")]
    assert found(watch, final=True) == []  # nothing was read about the second


def test_warm_up_is_not_judged() -> None:
    watch = Disturbances([THERMAL_STATUS], None)
    watch.read(THERMAL_STATUS, 0, 0.0)
    watch.add(block(1, 0.1, 1.0, timed=False))
    watch.read(THERMAL_STATUS, 2 * S, 3.0)
    assert found(watch, final=True) == []


def test_what_was_so_from_the_start_is_no_disturbance() -> None:
    watch = Disturbances([THERMAL_STATUS], None)
    for second in range(5):
        watch.read(THERMAL_STATUS, second * S, 2.0)
    watch.add(block(1, 1.0, 3.0))
    assert found(watch, final=True) == []


def test_a_channel_that_is_first_heard_of_later_guards_from_then_on() -> None:
    watch = Disturbances([], None, others=True)
    assert not watch.watching
    watch.add(block(1, 0.1, 1.0))
    watch.read(THERMAL_STATUS, S, 0.0)
    assert watch.watching
    watch.add(block(2, 1.1, 2.0))
    watch.read(THERMAL_STATUS, 3 * S, 1.0)
    assert found(watch) == [(2, "thermal status light")]
    deaf = Disturbances([], None)
    deaf.read(THERMAL_STATUS, 0, 5.0)
    assert not deaf.watching


@given(
    st.lists(st.tuples(st.integers(-5, 200), st.floats(allow_nan=True))),
    st.lists(st.integers(0, 200), unique=True),
)
def test_any_readings_judge_every_block_once(readings, starts) -> None:
    watch = Disturbances([THERMAL_STATUS], None)
    judged: list[int] = []
    for place, start in enumerate(sorted(starts)):
        watch.add(block(place, start, start + 1))
        for at_s, value in readings[place::3]:
            watch.read(THERMAL_STATUS, at_s * S, value)
        judged += [seq for seq, _ in found(watch)]
    judged += [seq for seq, _ in found(watch, final=True)]
    assert len(judged) == len(set(judged))
    assert found(watch, final=True) == []


@pytest.mark.parametrize(
    ("reference", "candidate", "unequal"),
    [
        ([0.0] * 5, [0.0] * 5, False),
        ([2.0] * 5, [6.0] * 5, False),
        ([0.0] * 5, [30.0, 0.0, 0.0, 0.0, 0.0], True),
        ([10.0] * 5, [0.0] * 5, True),
        ([], [20.0] * 3, True),
        ([], [], False),
    ],
)
def test_shares_of_repeated_blocks(reference, candidate, unequal) -> None:
    reason = unequal_repeats(reference, candidate)
    assert (reason is not None) is unequal
    if reason:
        assert "% of the candidate's" in reason
