"""``until_ci`` with and without arms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.fleet.repeats import DECIDING_METRIC, RepeatRule, quad_differences
from harness.plan.order import trials
from harness.record import Cell, Outcome, TrialRecord
from harness.scenario import Burst, Order, Repeats
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)
CELL = Cell("local", VARIANT, "tflite", "cpu", 1, 1, Burst())
ARMS = [replace(CELL, arm=arm) for arm in ("reference", "candidate")]


def measured(trial, value, outcome=Outcome.OK):
    metrics = {DECIDING_METRIC: value}
    return TrialRecord("run", trial, 1, outcome, "", "", metrics=metrics)


def run(rule, planned, value_of):
    ran = []
    for trial in planned:
        if rule.reason_to_skip(trial) is None:
            ran.append(trial)
            rule.add(value_of(trial))
    return ran


def test_quads_stop_as_a_whole_once_the_ratio_is_narrow():
    planned = trials(ARMS, Order("abba"), Repeats(4, 12, 0.02))
    drift = 1.0

    def value_of(trial):
        nonlocal drift
        drift *= 1.05  # the machine slows down; within pairs of neighbours that cancels out
        return measured(trial, 1e6 * drift**0.01 * (1.3 if trial.cell.arm == "candidate" else 1))

    rule = RepeatRule(Repeats(4, 12, 0.02))
    assert len(run(rule, planned, value_of)) == 8
    reason = rule.reason_to_skip(planned[8])
    assert reason is not None
    assert "after 2 quads" in reason
    assert rule.reason_to_skip(planned[11]) == reason


def test_the_interval_is_that_of_the_ratio_and_not_of_the_values():
    """Values scatter by a factor of two from quad to quad; within quads they do not."""
    planned = trials(ARMS, Order("abba"), Repeats(4, 12, 0.02))
    rule = RepeatRule(Repeats(4, 12, 0.02))
    ran = run(rule, planned, lambda t: measured(t, 1e6 * (1 + t.quad % 2)))
    assert len(ran) == 8


def test_quads_that_lost_a_trial_do_not_count():
    planned = trials(ARMS, Order("abba"), Repeats(4, 12, 0.02))
    rule = RepeatRule(Repeats(4, 12, 0.02))

    def value_of(trial):
        lost = trial.quad == 0 and trial.quad_place == 2
        return measured(trial, 1e6, Outcome.FAILED if lost else Outcome.OK)

    assert len(run(rule, planned, value_of)) == 12


def test_another_pair_decides_nothing():
    other = [replace(cell, threads=2) for cell in ARMS]
    planned = trials([*ARMS, *other], Order("abba"), Repeats(4, 8, 0.02))
    rule = RepeatRule(Repeats(4, 8, 0.02))
    noisy = {1: iter([1e6, 2e6, 3e6, 1e6, 2e6, 5e6, 1e6, 4e6] * 2)}

    def value_of(trial):
        return measured(trial, next(noisy[1]) if trial.cell.threads == 1 else 1e6)

    ran = run(rule, planned, value_of)
    assert sum(t.cell.threads == 1 for t in ran) == 16
    assert sum(t.cell.threads == 2 for t in ran) == 8


@pytest.mark.parametrize(
    "arms", [("reference", "candidate") * 2, ("candidate", "reference", "reference", "candidate")]
)
def test_differences_are_candidate_minus_reference_whatever_the_order(arms):
    values = [(arm, 2.0 if arm == "candidate" else 1.0) for arm in arms]
    assert quad_differences(values) == pytest.approx([0.6931, 0.6931], abs=1e-4)
