"""A/A calibration of made-up units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.jobs.calibrate import calibrations, equal_arms, usual_quads
from harness.record import Outcome
from harness.scenario import Arms
from harness.scenario_file import load

TEXT = """
schema: 1
models: {family: net, variants: fp32}
blocks: {engine: tflite, options: [{}]}
limits: [{latency_p50_ms: 3}]
finish_by: '06:30'
memory: separate
"""


@pytest.fixture
def scenario(tmp_path):
    def make(more: str = ""):
        path = tmp_path / "s.yaml"
        path.write_text(TEXT.replace(", options: [{}]", "") + more)
        return load(path)

    return make


@pytest.fixture
def run(lab, cell):
    def make(values, **facts):
        arms = (cell(arm="reference"), cell(arm="candidate"))
        return lab.run((arms[0], values[0]), (arms[1], values[1]), order="abba", facts=facts)

    return make


def noisy(spread, count, seed=1):
    rng = np.random.default_rng(seed)
    return [list(10 * np.exp(rng.normal(0, spread, count))) for _ in range(2)]


def test_a_calibration_names_unit_and_system(run):
    made = run(noisy(0.01, 40), hostname="bench", os_build="#7", kernel="6.1")
    (found,), problems = calibrations(made, 3)
    assert problems == []
    assert (found.device_id, found.unit, found.os_build) == ("local", "bench", "Linux #7 6.1")
    assert (found.run_id, found.metric, found.margin) == (made.run_id, "latency_p50_ns", 0.02)
    ((name, figures),) = found.cells.items()
    assert name == "net/fp32 tflite cpu t1 b1 single_stream"
    assert (figures.measured_quads, figures.quads) == (20, 3)
    assert figures.spread == pytest.approx(0.01, rel=0.3)
    assert found.trusted


def test_too_few_quads_are_told(run):
    values = noisy(0.01, 8)
    values[0][:5] = [Outcome.FAILED] * 5
    found, (problem,) = calibrations(run(values), 3)
    assert found == []
    assert problem.endswith("not calibrated: 1 quads measured, 3 needed")


def test_equal_arms_keep_the_reference_and_drop_the_rest(scenario):
    given = scenario("arms: {reference: {options: {xnnpack: false}}, candidate: {}}\n")
    made = equal_arms(given, 20)
    assert made.arms is not None
    assert made.arms.equal
    assert made.arms.candidate == made.arms.reference == given.arms.reference
    assert (made.repeats.min, made.repeats.max, made.order.kind) == (40, 40, "abba")
    assert (made.limits, made.finish_by, made.memory) == ((), None, None)
    assert made.name == "calibrate s"


def test_a_scenario_without_arms_is_calibrated_as_it_is(scenario):
    made = equal_arms(scenario(), 4)
    assert made.arms == Arms(equal=True)
    assert usual_quads(scenario()) == 3


def test_the_size_of_a_comparison_is_the_scenarios(scenario):
    given = scenario("arms: {}\nrepeats: 10\n")
    assert usual_quads(given) == 5
    assert usual_quads(replace(given, arms=None)) == 3
