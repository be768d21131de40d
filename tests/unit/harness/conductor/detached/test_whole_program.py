"""The program that a phone gets whole."""

from __future__ import annotations

import pytest

from harness.conductor import detached
from harness.conductor.whole_program import TAIL_S, TRIAL_BLOCKS, whole_program
from harness.scenario import Burst, Periodic, SingleStream, Sustained, Warmup
from harness.units import NS_PER_S
from harness.wire import messages as m
from harness.wire.codec import encode

LATENCY_NS = 50_000_000
STREAM = SingleStream(Warmup(max_seconds=2.0), min_seconds=120.0, min_inferences=1)


@pytest.mark.parametrize(
    ("load", "timed", "work_s"),
    [
        pytest.param(STREAM, 120, 122, id="single stream: warm-up as long as it may be"),
        pytest.param(SingleStream(min_seconds=1.0), 1024, 61.2, id="until enough inferences"),
        pytest.param(Sustained(30.0), 30, 30, id="sustained"),
        pytest.param(Burst(inferences=50), 3, 2.65, id="burst, counted"),
        pytest.param(Periodic(10.0, 30.0, Warmup(rule="none")), 30, 30, id="periodic"),
    ],
)
def test_the_program_is_what_the_host_would_have_asked_for(make_cell, load, timed, work_s) -> None:
    whole = whole_program(make_cell(load), LATENCY_NS, idle_s=20.0, lead_s=60.0)
    numbers = [block.seq for block in whole.blocks]
    assert numbers == [*range(len(TRIAL_BLOCKS) + 1, len(TRIAL_BLOCKS) + 1 + len(numbers))]
    assert whole.blocks[0].pause_ns == 80 * NS_PER_S
    assert whole.blocks[-1].pause_ns == (20 + TAIL_S) * NS_PER_S
    assert not whole.blocks[-1].timed
    assert sum(block.timed for block in whole.blocks) == timed
    pauses_s = 80 + 20 + TAIL_S
    assert work_s <= whole.seconds - pauses_s <= 2.2 * work_s


def test_hours_are_sent_in_pieces(make_cell) -> None:
    whole = whole_program(make_cell(Sustained(9000.0)), 1e6)
    assert len(whole.blocks) == 9000
    sizes = [len(encode(m.Append(piece))) for piece in detached._pieces(whole.blocks)]
    assert max(sizes) < 1 << 20
    assert sum(len(piece) for piece in detached._pieces(whole.blocks)) == len(whole.blocks)
