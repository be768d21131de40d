from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.scenario import Sustained, Warmup
from harness.validity.checks import check_trial

POSITION = np.arange(4000) / 4000
NOISE = np.exp(0.01 * np.random.default_rng(1).standard_normal(4000))


def seen(evidence):
    return [item.seen for item in check_trial(evidence) if item.id == "NOT-STEADY"]


@pytest.mark.parametrize(
    ("course", "text"),
    [
        (1 + 0.5 * np.exp(-POSITION / 0.05), "still warming up: latency fell by 2"),
        (1 + 0.2 * (POSITION > 0.7), "a step: latency rose by 20.0 % after 70.0 %"),
        (1.2 - 0.2 * POSITION, "a drift: latency fell by 16"),
        (1 + 0.1 * np.sin(1000 * POSITION), "every 25 inferences"),
        (1 + 0.2 * np.random.default_rng(2).integers(0, 2, 4000), "two levels 1"),
    ],
    ids=["warm-up", "step", "drift", "periodic", "bimodal"],
)
def test_a_shape_contradicts_the_rule_and_is_told(evidence, course, text):
    (told,) = seen(evidence(latency_ns=1e7 * course * NOISE))
    assert text in told


def test_a_flat_part_contradicts_nothing(evidence):
    assert seen(evidence(latency_ns=1e7 * NOISE)) == []


def test_where_the_rule_claimed_nothing_nothing_is_contradicted(evidence, cell):
    step = 1e7 * (1 + 0.2 * (POSITION > 0.7)) * NOISE
    fixed = replace(cell, load=replace(cell.load, warmup=Warmup(rule="fixed")))
    assert seen(evidence(latency_ns=step, cell=fixed)) == []
    assert seen(evidence(latency_ns=step, cell=replace(cell, load=Sustained(60)))) == []
    assert seen(evidence(latency_ns=step, warmup_capped=True)) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_samples_are_not_judged(evidence, count):
    assert seen(evidence(latency_ns=np.full(count, 5))) == []
