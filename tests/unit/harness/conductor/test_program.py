"""Programs are pure: here a made-up runner executes their blocks at a given latency."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.conductor.program import BLOCK_COUNT, BLOCK_NS, Program, goal_of
from harness.record import BlockRecord, Cell
from harness.scenario import Burst, Cold, Offline, Periodic, SingleStream, Sustained, Warmup
from harness.variant import ModelFormat, Variant
from harness.wire.messages import Block


@dataclass
class Executed:
    """What the made-up runner did."""

    blocks: list[Block] = field(default_factory=list)
    timed_frames: int = 0
    timed_ns: int = 0
    warmup_frames: int = 0
    idle_ends: int = 0  #: how often a block ended with nothing queued although work was left


def execute(program: Program, latency_ns: int, drop_every: int = 0) -> Executed:
    """Run blocks as the wire says: until count or duration, at least one inference."""
    done, queue, now = Executed(), list(program.start()), 0
    while not program.done:
        block = queue.pop(0)
        count = block.count
        if block.duration_ns:
            count = max(1, min(count, -(-block.duration_ns // latency_ns)))
        dropped = count // drop_every if drop_every else 0
        count -= dropped
        each_ns = max(latency_ns, block.interval_ns)
        span_ns = (count + dropped) * each_ns
        record = BlockRecord(block.seq, block.timed, count, now, now + span_ns, 0, dropped)
        now += span_ns
        done.blocks.append(block)
        if block.timed:
            done.timed_frames += count
            done.timed_ns += span_ns
        else:
            done.warmup_frames += count
        was_empty = not queue
        queue += program.block_done(record, np.full(count, latency_ns, dtype=np.int64))
        done.idle_ends += was_empty and not program.done and len(done.blocks) > 1
        assert len(done.blocks) < 100_000
    assert not queue
    return done


def cell(load: object, batch: int = 1) -> Cell:
    variant = Variant("net", "fp32", ModelFormat.TFLITE, "d" * 64, 1000)
    return Cell("local", variant, "tflite", "cpu", 1, batch, load)  # type: ignore[arg-type]


NO_WARMUP = Warmup(rule="none")


@pytest.mark.parametrize("latency_ns", [50_000, 1_000_000, 30_000_000, 3_000_000_000])
def test_single_stream_reaches_both_minima_and_little_more(latency_ns: int) -> None:
    load = SingleStream(min_seconds=2.0, min_inferences=100, warmup=NO_WARMUP, max_seconds=1000)
    done = execute(Program(cell(load)), latency_ns)
    assert done.timed_frames >= 100
    assert done.timed_ns >= 2_000_000_000
    # One block ahead is the most that may be measured in excess.
    needed_ns = max(2_000_000_000, 100 * latency_ns)
    assert done.timed_ns <= needed_ns + 2 * max(BLOCK_NS, latency_ns)


def test_the_maximum_ends_a_slow_model() -> None:
    load = SingleStream(min_seconds=1, min_inferences=1024, max_seconds=10, warmup=NO_WARMUP)
    done = execute(Program(cell(load)), latency_ns=500_000_000)
    assert 10e9 <= done.timed_ns <= 12e9
    assert done.timed_frames < 1024


def test_something_is_always_queued_while_work_is_left() -> None:
    load = SingleStream(min_seconds=5.0, min_inferences=10)
    done = execute(Program(cell(load)), 1_000_000)
    assert done.idle_ends == 0


def test_burst_runs_exactly_its_number_after_a_fixed_warmup() -> None:
    load = Burst(inferences=50, warmup=Warmup(rule="fixed", min_seconds=0, min_inferences=3))
    done = execute(Program(cell(load)), 7_000_000)
    assert (done.warmup_frames, done.timed_frames) == (3, 50)


def test_burst_of_a_slow_model_comes_in_blocks_of_about_a_second() -> None:
    done = execute(Program(cell(Burst(inferences=50))), 300_000_000)
    assert done.timed_frames == 50
    assert max(block.count for block in done.blocks if block.timed) == 3


def test_offline_counts_samples_not_batches() -> None:
    done = execute(Program(cell(Offline(samples=1000, warmup=NO_WARMUP), batch=16)), 2_000_000)
    assert done.timed_frames == 63


def test_sustained_goes_on_for_its_time() -> None:
    done = execute(Program(cell(Sustained(seconds=120))), 10_000_000)
    assert 120e9 <= done.timed_ns <= 122e9
    assert max(block.duration_ns for block in done.blocks) == BLOCK_NS


def test_periodic_counts_dropped_frames_as_done() -> None:
    load = Periodic(rate_hz=30, seconds=10, warmup=NO_WARMUP)
    done = execute(Program(cell(load)), 1_000_000, drop_every=10)
    assert done.timed_frames == 300 - 300 // 10
    assert {block.interval_ns for block in done.blocks} == {33_333_333}


def test_cold_is_one_inference_without_warmup() -> None:
    done = execute(Program(cell(Cold())), 80_000_000)
    assert [(b.count, b.timed) for b in done.blocks] == [(1, True)]


def test_steady_warmup_ends_when_latency_stops_moving() -> None:
    load = SingleStream(min_seconds=1, min_inferences=1)
    program = Program(cell(load))
    done = execute(program, 1_000_000)
    assert done.warmup_frames >= 250  # 250 ms at least
    assert done.warmup_frames <= 700
    assert not program.warmup_capped


def test_warmup_that_never_settles_is_capped() -> None:
    load = SingleStream(min_seconds=0.1, min_inferences=1, warmup=Warmup(max_seconds=1.0))
    program = Program(cell(load))
    queue = list(program.start())
    factor = 1.0
    while program.warming:
        block = queue.pop(0)
        latencies = (1e6 * factor * 1.05 ** np.arange(50)).astype(np.int64)
        factor *= 1.05**50
        record = BlockRecord(block.seq, block.timed, 50, 0, int(latencies.sum()), 0)
        queue += program.block_done(record, latencies)
    assert program.warmup_capped


@settings(max_examples=60, deadline=None)
@given(
    latency_ns=st.integers(2_000, 5_000_000_000),
    seconds=st.floats(0.1, 30),
    inferences=st.integers(1, 2000),
)
def test_every_single_stream_program_ends_and_keeps_its_promise(
    latency_ns: int, seconds: float, inferences: int
) -> None:
    load = SingleStream(
        min_seconds=seconds, min_inferences=inferences, max_seconds=60, warmup=NO_WARMUP
    )
    program = Program(cell(load))
    done = execute(program, latency_ns)
    goal = goal_of(load, 1)
    enough = done.timed_ns >= goal.min_ns and done.timed_frames >= goal.min_inferences
    assert enough or done.timed_ns >= goal.max_ns
    assert program.fraction_done == 1.0 or done.timed_ns >= goal.max_ns
    assert all(0 < block.count <= BLOCK_COUNT for block in done.blocks)
    assert [block.seq for block in done.blocks] == list(range(1, len(done.blocks) + 1))
