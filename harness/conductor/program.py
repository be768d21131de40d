"""From a load to blocks: everything that decides how long a trial warms up and measures.

A :class:`Program` is told of every finished block and answers with the blocks to append. It keeps
one block queued ahead, so that the device never idles while the host thinks, and it never asks for
a block of more than about a second of work, so that the link is looked at between blocks.
It is pure: no clock, no link.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from harness.record import BlockRecord, Cell
from harness.scenario import (
    Burst,
    Cold,
    Load,
    Offline,
    Periodic,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.stats.samples import Int64Array
from harness.stats.steady import WarmupProgress
from harness.wire.messages import Block

NS_PER_S = 1_000_000_000

#: The longest block: what is lost when a phone dies, and how long a cancel may take.
BLOCK_NS = 1_000_000_000
#: Warm-up is looked at this often.
WARMUP_BLOCK_NS = 100_000_000
#: Bounds the runner's preallocated sample columns (5 columns x 8 bytes x this = 2 MB).
BLOCK_COUNT = 50_000
#: Cuts the timed part into at least so many blocks, so that drift checks have something to see.
TIMED_BLOCKS = 20
#: A block shorter than this would be mostly gaps.
MIN_BLOCK_NS = 50_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """When the timed part is over: both minima reached, or the maximum."""

    min_ns: int
    min_inferences: int
    max_ns: int
    interval_ns: int = 0


def goal_of(load: Load, batch: int) -> Goal:
    """What the timed part of ``load`` has to reach with inputs of ``batch`` samples."""
    match load:
        case SingleStream():
            limits = (load.min_seconds, load.min_inferences, load.max_seconds)
        case Burst():
            limits = (0.0, load.inferences, math.inf)
        case Offline():
            limits = (load.min_seconds, math.ceil(load.samples / batch), math.inf)
        case Sustained():
            limits = (load.seconds, 1, math.inf)
        case Periodic():
            interval_ns = round(NS_PER_S / load.rate_hz)
            frames = max(1, math.floor(load.seconds * load.rate_hz))
            return Goal(0, frames, _ns(load.seconds) + interval_ns, interval_ns)
        case Cold():
            limits = (0.0, 1, math.inf)
    min_s, inferences, max_s = limits
    return Goal(_ns(min_s), max(1, inferences), _ns(max_s))


def warmup_of(load: Load) -> Warmup:
    """The warm-up rule of ``load``; a cold start has none."""
    return Warmup(rule="none") if isinstance(load, Cold) else load.warmup


class Program:
    """The host's side of one trial's blocks."""

    def __init__(self, cell: Cell) -> None:
        self._goal = goal_of(cell.load, cell.batch)
        self._warmup = warmup_of(cell.load)
        self._steady = WarmupProgress(self._warmup)
        self._queue: deque[Block] = deque()
        self._next_block = 1
        self._warming = self._warmup.rule != "none"
        self._timed_ns = 0  #: counted towards the goal: not what is done again
        self._timed_frames = 0
        self._again_ns = 0
        self._latency_ns = 0.0
        self.warmup_capped = False

    def start(self) -> tuple[Block, ...]:
        """The first blocks."""
        return self._refill()

    def block_done(self, block: BlockRecord, latency_ns: Int64Array) -> tuple[Block, ...]:
        """Blocks to append after ``block``; empty when enough is queued or all is done."""
        self._queue.popleft()
        busy_ns = block.ended_at_ns - block.started_at_ns
        if block.count:
            self._latency_ns = max(1.0, busy_ns / block.count)
        if block.timed:
            self._timed_ns += busy_ns
            self._timed_frames += block.count + block.dropped
        elif self._warming:
            self._steady.feed(latency_ns)
            if self._steady.done:
                self._warming = False
                self.warmup_capped = self._steady.capped
        return self._refill()

    def repeat(self, block: BlockRecord) -> tuple[Block, ...]:
        """Do a disturbed timed block again: it no longer counts. Blocks to append for it now.

        Until half of the load was done again; from then on disturbed blocks count.
        """
        if self._again_ns >= self._expected_load_ns / 2:
            return ()
        busy_ns = block.ended_at_ns - block.started_at_ns
        self._again_ns += busy_ns
        self._timed_ns -= busy_ns
        self._timed_frames -= block.count + block.dropped
        return self._refill()

    @property
    def done(self) -> bool:
        """Whether the goal is reached and nothing is queued."""
        return not self._queue and not self._warming and self._reached(0, 0)

    @property
    def fraction_done(self) -> float:
        """How much of the timed part is over, for progress bars."""
        parts = [self._timed_frames / self._goal.min_inferences]
        if self._goal.min_ns:
            parts.append(self._timed_ns / self._goal.min_ns)
        return min(1.0, *parts)

    @property
    def warming(self) -> bool:
        """Whether warm-up still goes on."""
        return self._warming

    def _refill(self) -> tuple[Block, ...]:
        added: list[Block] = []
        while len(self._queue) < 2:  # one that runs, one queued
            block = self._next()
            if block is None:
                break
            self._queue.append(block)
            added.append(block)
            self._next_block += 1
        return tuple(added)

    def _next(self) -> Block | None:
        if self._warming:
            return self._warmup_block()
        ahead = [block for block in self._queue if block.timed]
        ahead_ns = sum(self._expected_ns(block) for block in ahead)
        ahead_frames = sum(self._expected_frames(block) for block in ahead)
        if self._reached(ahead_ns, ahead_frames):
            return None
        return self._timed_block(ahead_frames)

    def _warmup_block(self) -> Block | None:
        if self._warmup.rule == "fixed" and self._queue:
            return None  # exactly the minimum: no block on top of it
        count = BLOCK_COUNT
        if self._warmup.rule == "fixed" and self._warmup.min_seconds == 0:
            count = max(1, self._warmup.min_inferences - self._steady.inferences)
        return Block(self._next_block, count, WARMUP_BLOCK_NS, timed=False)

    def _timed_block(self, ahead_frames: int) -> Block:
        goal = self._goal
        left = goal.min_inferences - self._timed_frames - ahead_frames
        if goal.interval_ns:
            per_block = max(1, BLOCK_NS // goal.interval_ns)
            return Block(self._next_block, min(left, per_block), 0, goal.interval_ns)
        if goal.min_ns == 0:
            # Counting towards an exact number: no time limit, blocks sized by what is known.
            count = min(left, BLOCK_COUNT, max(1, int(BLOCK_NS / (self._latency_ns or BLOCK_NS))))
            return Block(self._next_block, count)
        duration_ns = min(BLOCK_NS, max(MIN_BLOCK_NS, goal.min_ns // TIMED_BLOCKS))
        return Block(self._next_block, BLOCK_COUNT, duration_ns)

    def _expected_ns(self, block: Block) -> int:
        if block.interval_ns:
            return block.count * block.interval_ns
        by_count = round(block.count * self._latency_ns)
        return min(by_count, block.duration_ns) if block.duration_ns else by_count

    def _expected_frames(self, block: Block) -> int:
        if not block.duration_ns or not self._latency_ns:
            return block.count
        return min(block.count, round(block.duration_ns / self._latency_ns))

    @property
    def _expected_load_ns(self) -> float:
        each_ns = self._goal.interval_ns or self._latency_ns
        return min(max(self._goal.min_ns, self._goal.min_inferences * each_ns), self._goal.max_ns)

    def _reached(self, ahead_ns: int, ahead_frames: int) -> bool:
        elapsed, frames = self._timed_ns + ahead_ns, self._timed_frames + ahead_frames
        if elapsed + self._again_ns >= self._goal.max_ns:
            return True
        return elapsed >= self._goal.min_ns and frames >= self._goal.min_inferences


def _ns(seconds: float) -> int:
    return 2**62 if math.isinf(seconds) else round(seconds * NS_PER_S)
