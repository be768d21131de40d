"""The timed loops. Nothing here allocates, logs or touches the link between two time stamps.

``perf_counter_ns`` is CLOCK_MONOTONIC on Linux, the clock of the host's ``monotonic_ns``. Four
calls of it are the whole cost inside a sample; the columns are filled between samples.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

import numpy as np

from device_agents.local.runner.engines import Step
from harness.wire.messages import INTENDED_COLUMN, SAMPLE_COLUMNS, Block

#: Sleeping ends a little late (timer slack and wake-up); the rest is waited for in a tight loop.
SPIN_NS = 200_000
NEVER_NS = 2**63 - 1
_NS_PER_S = 1_000_000_000

_now = time.perf_counter_ns


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of one block; ``samples`` are its columns as the wire carries them."""

    count: int
    columns: tuple[str, ...]
    samples: bytes
    started_ns: int
    ended_ns: int
    cpu_ns: int
    dropped: int


class Columns:
    """Sample columns, allocated once and reused by every block that fits."""

    def __init__(self) -> None:
        self._array = np.empty((len(SAMPLE_COLUMNS) + 1, 0), dtype="<i8")

    def rows(self, count: int) -> list[memoryview]:
        """Writable views of ``count`` numbers each: the sample columns, then intended starts."""
        if self._array.shape[1] < count:
            self._array = np.empty((self._array.shape[0], count), dtype="<i8")
        return [row.data for row in self._array]

    def packed(self, names: tuple[str, ...], count: int) -> bytes:
        """The first ``count`` numbers of the first columns, one column after another."""
        return b"".join(row[:count].tobytes() for row in self._array[: len(names)])


class Schedule:
    """Intended starts of periodic frames, carried on from block to block."""

    def __init__(self) -> None:
        self._interval_ns = 0
        self.next_ns: int | None = None

    def stop(self) -> None:
        """The next periodic block begins a schedule of its own."""
        self.next_ns = None

    def enter(self, interval_ns: int) -> None:
        """A block begins; another interval, or none, ends the schedule."""
        if interval_ns != self._interval_ns:
            self.next_ns = None
        self._interval_ns = interval_ns
        if interval_ns and self.next_ns is None:
            self.next_ns = _now()


def execute(step: Step, block: Block, columns: Columns, schedule: Schedule) -> Executed:
    """Run one block with the garbage collector off."""
    columns.rows(block.count)
    gc.disable()
    try:
        cpu_ns = time.process_time_ns()
        started_ns = _now()
        schedule.enter(block.interval_ns)
        if schedule.next_ns is None:
            count, dropped = _back_to_back(step, block, columns, started_ns), 0
        else:
            count, dropped = _periodic(step, block, columns, schedule, schedule.next_ns)
        ended_ns = _now()
        cpu_ns = time.process_time_ns() - cpu_ns
    finally:
        gc.enable()
    names = (*SAMPLE_COLUMNS, INTENDED_COLUMN) if block.interval_ns else SAMPLE_COLUMNS
    samples = columns.packed(names, count)
    return Executed(count, names, samples, started_ns, ended_ns, cpu_ns, dropped)


def _back_to_back(step: Step, block: Block, columns: Columns, started_ns: int) -> int:
    """One inference after the other; returns how many."""
    copy_in, invoke, copy_out = step
    starts, inputs, invokes, outputs, _ = columns.rows(block.count)
    end_ns = started_ns + block.duration_ns if block.duration_ns else NEVER_NS
    now = _now
    for index in range(block.count):
        start = now()
        copy_in()
        copied = now()
        invoke()
        invoked = now()
        copy_out()
        end = now()
        starts[index] = start
        inputs[index] = copied - start
        invokes[index] = invoked - copied
        outputs[index] = end - invoked
        if end >= end_ns:
            return index + 1
    return block.count


def _periodic(
    step: Step, block: Block, columns: Columns, schedule: Schedule, intended_ns: int
) -> tuple[int, int]:
    """Inferences at intended starts; returns how many were done and how many frames dropped.

    The block owns the frames intended within ``duration_ns`` of its first one. Every frame of a
    schedule is done or dropped exactly once, whatever block it falls into.
    """
    copy_in, invoke, copy_out = step
    starts, inputs, invokes, outputs, intended = columns.rows(block.count)
    interval_ns = block.interval_ns
    end_ns = intended_ns + block.duration_ns if block.duration_ns else NEVER_NS
    count = dropped = 0
    now = _now
    while count < block.count:
        late = max(0, (now() - intended_ns) // interval_ns)
        dropped += late
        intended_ns += late * interval_ns
        if count and intended_ns >= end_ns:
            break
        _wait_until(intended_ns)
        start = now()
        copy_in()
        copied = now()
        invoke()
        invoked = now()
        copy_out()
        end = now()
        starts[count] = start
        inputs[count] = copied - start
        invokes[count] = invoked - copied
        outputs[count] = end - invoked
        intended[count] = intended_ns
        count += 1
        intended_ns += interval_ns
        if intended_ns >= end_ns:
            break
    schedule.next_ns = intended_ns
    return count, dropped


def _wait_until(at_ns: int) -> None:
    ahead_ns = at_ns - _now() - SPIN_NS
    if ahead_ns > 0:
        time.sleep(ahead_ns / _NS_PER_S)
    while _now() < at_ns:
        pass
