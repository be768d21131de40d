"""The arithmetic of the loops, on a clock that only the work moves."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from device_agents.local.runner import loop
from device_agents.local.runner.engines import Step
from device_agents.local.runner.loop import Columns, Schedule, execute
from harness.wire.messages import INTENDED_COLUMN, SAMPLE_COLUMNS, Block


class Work:
    """A clock, and an inference that takes 2 + ``invoke_ns`` + 3 on it."""

    def __init__(self, invoke_ns=95):
        self.ns, self.invoke_ns = 1000, invoke_ns
        self.slept_ns = 0
        self.collecting = []

    def now(self):
        return self.ns

    def sleep(self, seconds):
        self.slept_ns += round(seconds * 1e9)
        self.ns += round(seconds * 1e9)

    def spend(self, ns):
        self.ns += ns

    def step(self):
        return Step(lambda: self.spend(2), self.invoke, lambda: self.spend(3))

    def invoke(self):
        self.collecting.append(gc.isenabled())
        self.spend(self.invoke_ns)


@pytest.fixture
def work(monkeypatch):
    made = Work()
    monkeypatch.setattr(loop, "_now", made.now)
    monkeypatch.setattr(loop.time, "sleep", made.sleep)
    monkeypatch.setattr(loop, "SPIN_NS", 0)
    return made


def rows(done):
    numbers = np.frombuffer(done.samples, "<i8").reshape(len(done.columns), done.count)
    return dict(zip(done.columns, numbers.tolist(), strict=True))


def test_back_to_back(work):
    done = execute(work.step(), Block(0, 3), Columns(), Schedule())
    assert done.columns == SAMPLE_COLUMNS
    assert rows(done) == {
        "start_ns": [1000, 1100, 1200],
        "input_ns": [2, 2, 2],
        "invoke_ns": [95, 95, 95],
        "output_ns": [3, 3, 3],
    }
    assert (done.started_ns, done.ended_ns, done.dropped) == (1000, 1300, 0)


@pytest.mark.parametrize(("duration_ns", "count"), [(1, 1), (100, 1), (101, 2), (900, 9)])
def test_duration(work, duration_ns, count):
    done = execute(work.step(), Block(0, 1000, duration_ns), Columns(), Schedule())
    assert done.count == count


def test_columns_are_reused_and_never_leak_older_samples(work):
    columns, schedule = Columns(), Schedule()
    execute(work.step(), Block(0, 100), columns, schedule)
    first = columns.rows(1)[0].obj
    done = execute(work.step(), Block(1, 2), columns, schedule)
    assert columns.rows(1)[0].obj.base is first.base
    assert rows(done)["start_ns"] == [11_000, 11_100]


def test_the_collector_rests_inside_a_block_only(work):
    execute(work.step(), Block(0, 2), Columns(), Schedule())
    assert work.collecting == [False, False]
    assert gc.isenabled()


def test_the_collector_wakes_up_after_a_failure(work):
    def fail():
        raise ValueError

    with pytest.raises(ValueError):
        execute(Step(fail, fail, fail), Block(0, 2), Columns(), Schedule())
    assert gc.isenabled()


def test_periodic_in_time(work):
    done = execute(work.step(), Block(0, 3, interval_ns=400), Columns(), Schedule())
    assert done.columns == (*SAMPLE_COLUMNS, INTENDED_COLUMN)
    assert rows(done)["intended_ns"] == rows(done)["start_ns"] == [1000, 1400, 1800]
    assert done.dropped == 0
    assert work.slept_ns == 600


def test_a_late_frame_is_done_if_its_successor_is_not_due(work):
    work.invoke_ns = 150 - 5
    done = execute(work.step(), Block(0, 3, interval_ns=100), Columns(), Schedule())
    # 1000-1150; the frame of 1100 is 50 late; done at 1300, when 1200's successor is due: dropped.
    assert rows(done)["intended_ns"] == [1000, 1100, 1300]
    assert rows(done)["start_ns"] == [1000, 1150, 1300]
    assert done.dropped == 1


def test_a_schedule_goes_on_over_blocks_and_conserves_frames(work):
    schedule, columns = Schedule(), Columns()
    work.invoke_ns = 245  # 250 in all: of five frames, two are done
    done = []
    for seq in range(4):
        done.append(execute(work.step(), Block(seq, 5, interval_ns=100), columns, schedule))
        work.spend(330)  # between the blocks
    frames = sum(each.count + each.dropped for each in done)
    assert schedule.next_ns == 1000 + 100 * frames
    intended = [ns for each in done for ns in rows(each)["intended_ns"]]
    assert intended == sorted(set(intended))
    assert {ns % 100 for ns in intended} == {0}


def test_a_block_owns_the_frames_of_its_duration(work):
    schedule, columns = Schedule(), Columns()
    block = Block(0, 100, duration_ns=1000, interval_ns=200)
    for expected in ([1000, 1200, 1400, 1600, 1800], [2000, 2200, 2400, 2600, 2800]):
        done = execute(work.step(), block, columns, schedule)
        assert rows(done)["intended_ns"] == expected


def test_a_stopped_or_changed_schedule_begins_anew(work):
    schedule, columns = Schedule(), Columns()
    execute(work.step(), Block(0, 1, interval_ns=1000), columns, schedule)
    schedule.stop()
    work.spend(7)
    done = execute(work.step(), Block(1, 1, interval_ns=1000), columns, schedule)
    assert rows(done)["intended_ns"] == [1107]
    done = execute(work.step(), Block(2, 1, interval_ns=500), columns, schedule)
    assert rows(done)["intended_ns"] == [1207]
    done = execute(work.step(), Block(3, 1), columns, schedule)
    assert done.columns == SAMPLE_COLUMNS
    done = execute(work.step(), Block(4, 1, interval_ns=500), columns, schedule)
    assert rows(done)["intended_ns"] == [1407]
