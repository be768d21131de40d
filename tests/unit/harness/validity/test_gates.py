from __future__ import annotations

import pytest

from harness.validity.gates import foreign_cpu_gate


def decide(readings, *, waited_s=0.0, threshold=20.0, unavailable=None):
    return foreign_cpu_gate(
        readings, threshold, waited_s=waited_s, timeout_s=300.0, unavailable=unavailable
    )


def test_without_a_limit_the_gate_is_open():
    assert decide([], threshold=None).verdict == "open"


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ([90, 5, 5, 5], "open"),
        ([5, 5, 90], "open"),
        ([20, 20, 20], "open"),
        ([90, 90, 5], "wait"),
        ([5, 5], "wait"),
        ([], "wait"),
    ],
)
def test_the_middle_one_of_the_last_three_decides(readings, verdict):
    assert decide(readings).verdict == verdict


def test_the_wait_ends_and_says_what_was_still_wrong():
    decision = decide([80, 85, 90], waited_s=300.0)
    assert decision.verdict == "timeout"
    assert decision.seen == "after 300 s: other processes use 85 % CPU, the limit is 20 %"


def test_quiet_at_the_last_moment_still_opens():
    assert decide([5, 5, 5], waited_s=300.0).verdict == "open"


def test_what_cannot_be_read_is_not_waited_for():
    decision = decide([], unavailable="no /proc/stat")
    assert decision.verdict == "timeout"
    assert decision.seen.endswith("cannot be read: no /proc/stat")


def test_no_reading_in_all_the_time_ends_as_well():
    assert decide([], waited_s=301.0).verdict == "timeout"
