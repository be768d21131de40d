from __future__ import annotations

import os

import pytest

from device_agents.local.canary import canary_ns
from device_agents.local.files import Unreadable


def test_a_fixed_piece_of_work_takes_some_time(host) -> None:
    allowed = os.sched_getaffinity(0)
    assert 1_000 < canary_ns(host("laptop")) < 30_000_000
    assert os.sched_getaffinity(0) == allowed


def test_a_board_that_does_not_tell_is_taken_for_real(host) -> None:
    assert canary_ns(host("sbc")) > 0


def test_a_virtual_machine_has_no_speed_of_its_own(host) -> None:
    with pytest.raises(Unreadable, match="changes with its neighbours"):
        canary_ns(host("vm"))
