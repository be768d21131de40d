"""The canary in the phone's shell: this machine's mksh runs the very script."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.android.canary import Canary, canary_from
from harness.channels import CANARY, CANARY_CORE


@pytest.fixture
def shell(stand_in):
    """A phone that is no virtual one, and on which ``sh`` is mksh."""
    stand_in.command("getprop", "true")
    stand_in.command("sh", 'exec /bin/mksh "$@"')
    return stand_in


def output(*times_us: int, core: str = "core|7") -> str:
    lines = [f"1760000000.500000|1760000000.{500000 + time}" for time in times_us]
    return "\n".join([core, *lines])


def test_the_loop_is_timed_on_the_last_core(phone, shell, soon, cancel) -> None:
    state = Canary(phone).read(soon, cancel)
    assert not state.unavailable
    assert float(state.values[CANARY]) > 1000
    assert state.values[CANARY_CORE] == max(os.sched_getaffinity(0))


@pytest.mark.parametrize("name", ["ro.benchfarm.simulated", "ro.boot.qemu", "ro.kernel.qemu"])
def test_a_virtual_phone_has_none(phone, shell, soon, cancel, name) -> None:
    shell.command("getprop", f'[ "$1" = {name} ] && echo 1 || echo 0')
    shell.command("taskset", "echo must not run")
    canary = Canary(phone)
    state = canary.read(soon, cancel)
    assert not state.values
    assert state.unavailable == {CANARY: "a virtual phone's speed changes with its host's"}
    shell.command("getprop", "echo must not be asked again")
    assert canary.read(soon, cancel) == state


def test_a_core_that_cannot_be_held_is_a_reason(phone, shell, soon, cancel) -> None:
    shell.command("taskset", "echo 'taskset: failed: Invalid argument' >&2; exit 1")
    state = Canary(phone).read(soon, cancel)
    assert not state.values
    assert state.unavailable[CANARY].endswith("on one core: taskset: failed: Invalid argument")


def test_the_least_of_all_times_counts() -> None:
    state = canary_from(output(*range(3000, 3030)))
    assert state.values == {CANARY: pytest.approx(3e6, rel=1e-3), CANARY_CORE: 7.0}


@pytest.mark.parametrize(
    "said",
    [
        "",
        output(*[3000] * 29),
        output(*[3000] * 30, core="core|"),
        output(*[3000] * 29, 0),
        output(*[3000] * 29, -200000),
        output(*[3000] * 31),
    ],
)
def test_anything_else_is_no_time(said) -> None:
    state = canary_from(said)
    assert not state.values
    assert state.unavailable[CANARY].startswith("the phone's shell could not time a loop")


@given(st.text() | st.lists(st.sampled_from(["core|1", "1|2", "nan|inf", "x"])).map("\n".join))
def test_no_output_breaks_it(text) -> None:
    state = canary_from(text)
    assert all(math.isfinite(float(value)) for value in state.values.values())
    assert all(why.isprintable() for why in state.unavailable.values())
