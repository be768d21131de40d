"""What a resumed run still has to measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.cli.campaign import chosen, unfinished
from harness.plan.order import trials
from harness.record import Cause, Cell, Failure, Outcome, RunPlan, TrialRecord
from harness.scenario import Burst, Order, Repeats
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)
CELL = Cell("local", VARIANT, "tflite", "cpu", 1, 1, Burst())
ARMS = [replace(CELL, arm=arm) for arm in ("reference", "candidate")]


def places(cells, order, bad, *, retry_failed):
    """Positions of the trials that are open; ``bad`` are outcomes or causes by position."""
    planned = trials(cells, Order(order), Repeats(4, 4))
    records = []
    for trial in planned:
        fate = bad.get(trial.order, Outcome.OK)
        if fate is None:
            continue
        failure = Failure(fate, "") if isinstance(fate, Cause) else None
        outcome = Outcome.FAILED if failure else fate
        records.append(TrialRecord("run", trial, 1, outcome, "", "", failure=failure))
    plan = RunPlan("run", "s", None, "", planned)
    return [trial.order for trial in unfinished(plan, records, retry_failed=retry_failed)]


@pytest.mark.parametrize(
    ("bad", "retry_failed", "expected"),
    [
        ({}, True, []),
        ({2: None}, False, [2]),
        ({1: Cause.INTERRUPTED, 3: None}, False, [1, 3]),
        ({0: Cause.CRASHED, 1: Outcome.INVALID, 2: Outcome.SKIPPED}, False, []),
        ({0: Cause.CRASHED, 1: Outcome.INVALID, 2: Outcome.SKIPPED}, True, [0, 1]),
    ],
)
def test_single_trials(bad, retry_failed, expected):
    assert places([CELL], "interleaved", bad, retry_failed=retry_failed) == expected


@pytest.mark.parametrize(
    ("bad", "retry_failed", "expected"),
    [
        ({5: Cause.CRASHED}, False, []),
        ({5: Cause.CRASHED}, True, [4, 5, 6, 7]),
        ({3: Cause.INTERRUPTED, 4: None, 5: None, 6: None, 7: None}, False, list(range(8))),
    ],
)
def test_a_quad_is_measured_again_as_a_whole(bad, retry_failed, expected):
    assert places(ARMS, "abba", bad, retry_failed=retry_failed) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (lambda trial: trial.cell.arm == "reference", []),
        (lambda trial: trial.order != 2, [4, 5, 6, 7]),
        (lambda trial: trial.order < 4, [0, 1, 2, 3]),
        (lambda _: True, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_a_quad_is_wanted_as_a_whole(wanted, expected):
    planned = trials(ARMS, Order("abba"), Repeats(4, 4))
    assert [trial.order for trial in chosen(planned, wanted)] == expected
