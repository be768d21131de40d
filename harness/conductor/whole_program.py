"""A program that is sent whole: what a phone does while nobody can ask how far it has come.

It is the program of :mod:`harness.conductor.program`, asked beforehand with the latency that a few
inferences have shown. What only the host could decide while it runs is decided by time: a warm-up
``until steady`` takes its ``max_seconds``. Pauses around the work are idle stretches.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.conductor.program import Program
from harness.record import BlockRecord, Cell
from harness.scenario import Cold, Warmup
from harness.units import NS_PER_S
from harness.wire.messages import Block

#: Shows the latency: the first inference apart, for it takes longer.
TRIAL_BLOCKS = (Block(1, 1, timed=False), Block(2, 3, timed=False))
#: After the last idle stretch, so that who puts the cable back at once does not disturb it.
TAIL_S = 5.0
#: Between two blocks (docs/wire.md, section 6: at most 50 ms while a link is slow; there is none).
_GAP_S = 0.005
#: Work that is counted takes longer when the phone throttles.
_THROTTLED = 2.0


@dataclass(frozen=True, slots=True)
class WholeProgram:
    """Blocks, and how long they take at most as far as is known.

    ``first`` and ``last`` are the numbers of the blocks after the first pause and after the last
    one. Of those pauses the last ``idle_ns`` before the work and the first ``idle_ns`` after it are
    idle stretches.
    """

    blocks: tuple[Block, ...]
    seconds: float
    first: int
    last: int
    idle_ns: int


def whole_program(
    cell: Cell, latency_ns: float, idle_s: float = 0.0, lead_s: float = 0.0
) -> WholeProgram:
    """Everything after the trial blocks; ``lead_s`` is the time to pull the cable out."""
    work = [*_work(cell, latency_ns)]
    idle_ns = round(idle_s * NS_PER_S)
    work[0] = replace(work[0], pause_ns=round(lead_s * NS_PER_S) + idle_ns)
    if idle_ns:
        tail_ns = idle_ns + round(TAIL_S * NS_PER_S)
        work.append(Block(len(work) + 1, 1, pause_ns=tail_ns, timed=False))
    blocks = [replace(block, seq=block.seq + len(TRIAL_BLOCKS)) for block in work]
    seconds = sum(_at_most_s(block, latency_ns) for block in blocks)
    return WholeProgram(tuple(blocks), seconds, blocks[0].seq, blocks[-1].seq, idle_ns)


def _work(cell: Cell, latency_ns: float) -> Iterator[Block]:
    """The blocks that :class:`Program` asks for when every inference takes ``latency_ns``."""
    program = Program(_decided(cell))
    queue, now_ns = deque(program.start()), 0
    while queue:
        block = queue.popleft()
        yield block
        count, busy_ns = _expected(block, latency_ns)
        done = BlockRecord(block.seq, block.timed, count, now_ns, now_ns + busy_ns, 0)
        fed = np.full(0 if block.timed else count, round(latency_ns), dtype=np.int64)
        queue += program.block_done(done, fed)
        now_ns += busy_ns


def _decided(cell: Cell) -> Cell:
    """With a warm-up that needs no host: as long as a steady one may take at most."""
    load = cell.load
    if isinstance(load, Cold) or load.warmup.rule != "steady":
        return cell
    longest_s = load.warmup.max_seconds
    return replace(cell, load=replace(load, warmup=Warmup("fixed", longest_s, 1, longest_s)))


def _expected(block: Block, latency_ns: float) -> tuple[int, int]:
    """Inferences of a block, and its length."""
    if block.interval_ns:
        return block.count, block.count * block.interval_ns
    count = block.count
    if block.duration_ns:
        count = min(count, max(1, math.ceil(block.duration_ns / latency_ns)))
    return count, max(1, round(count * latency_ns))


def _at_most_s(block: Block, latency_ns: float) -> float:
    """The last inference may begin just before the time is over."""
    if block.interval_ns:
        work_ns = block.count * block.interval_ns + latency_ns
    elif block.duration_ns:
        work_ns = block.duration_ns + latency_ns
    else:
        work_ns = _THROTTLED * block.count * latency_ns
    return (block.pause_ns + work_ns) / NS_PER_S + _GAP_S
