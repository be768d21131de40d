"""The runner held to cores: the option's text, and a real process."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from device_agents.local.runner.affinity import Affinity, cores_of
from device_agents.local.runner.refusal import Refused
from harness.wire.messages import LoadModel

REQUEST = LoadModel("d" * 64, "tflite", "cpu", 1)


@pytest.fixture
def affinity():
    """This process's own cores, put back afterwards."""
    before = os.sched_getaffinity(0)
    yield Affinity()
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("text", "cores"), [("0", {0}), ("0-3", {0, 1, 2, 3}), ("0,2-3,7", {0, 2, 3, 7})]
)
def test_lists_of_cores(text: str, cores: set[int]) -> None:
    assert cores_of(text) == cores


@pytest.mark.parametrize("text", ["", "big", "3-0", "1,,2", "-1", "0-"])
def test_what_is_no_list_of_cores(text: str, affinity: Affinity) -> None:
    with pytest.raises(Refused, match="affinity is like"):
        affinity.apply(replace(REQUEST, options={"affinity": text}))


def test_the_process_is_held_and_let_go_again(affinity: Affinity) -> None:
    every = os.sched_getaffinity(0)
    one = min(every)
    request = replace(REQUEST, options={"affinity": str(one), "load": "mmap"})
    left, record = affinity.apply(request)
    assert os.sched_getaffinity(0) == {one}
    assert (left.options, record) == ({"load": "mmap"}, {"affinity": str(one)})
    assert affinity.apply(REQUEST) == (REQUEST, {})
    assert os.sched_getaffinity(0) == every


def test_cores_that_are_not_there_are_refused(affinity: Affinity) -> None:
    with pytest.raises(Refused, match="this runner may use cores"):
        affinity.apply(replace(REQUEST, options={"affinity": "4095"}))
