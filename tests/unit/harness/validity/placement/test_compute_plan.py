"""Core ML's own plan: a sign of a fallback, never a proof of the contrary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import Placement, PlacementVerdict
from harness.validity.placement.compute_plan import compute_plan_witness
from harness.validity.placement.verdict import judge

PLAN = {"compute_plan.ane": 60, "compute_plan.gpu": 2, "compute_plan.cpu": 10}


@pytest.mark.parametrize(
    ("delegate", "nodes"), [("cpuAndNeuralEngine", 60), ("cpuAndGPU", 2), ("all", 62)]
)
def test_a_plan_proves_nothing(delegate, nodes):
    witness = compute_plan_witness(delegate, PLAN)
    assert (witness.nodes, witness.total) == (nodes, 72)
    placement = judge([witness])
    assert placement.verdict is PlacementVerdict.UNPROVEN
    assert placement.evidence == "compute_plan"


def test_a_plan_without_the_accelerator_is_a_fallback():
    witness = compute_plan_witness("cpuAndNeuralEngine", PLAN | {"compute_plan.ane": 0})
    assert judge([witness]).verdict is PlacementVerdict.FELL_BACK


@pytest.mark.parametrize("plan", [{}, {"compute_plan.ane": "60"}, {"compute_plan.cpu": -1}])
def test_no_plan(plan):
    assert compute_plan_witness("all", plan) is None


def test_no_plan_for_other_requests():
    assert compute_plan_witness("cpuOnly", PLAN) is None
    assert compute_plan_witness("gpu", PLAN) is None


def test_evidence_levels():
    witness = compute_plan_witness("all", PLAN)
    assert judge([replace(witness, name="assignment"), witness]).evidence == "assignment"
    assert judge([replace(witness, name="latency")]).evidence == "inferred"
    assert Placement(PlacementVerdict.UNPROVEN).evidence == "none"
