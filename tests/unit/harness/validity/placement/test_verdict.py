"""Weighing the witnesses, and what follows from the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.findings import Severity
from harness.record import Outcome, Placement, Trial, TrialRecord, Witness
from harness.record import PlacementVerdict as V
from harness.scenario import Require
from harness.store.codec import from_json, to_json
from harness.validity.checks import apply_require, check_trial
from harness.validity.placement.beside_cpu import placements_beside_cpu
from harness.validity.placement.verdict import (
    judge,
    placement_doubts,
    trial_placement,
    with_witnesses,
)

FELL_BACK_LOG = "ERROR: Failed to apply GPU delegate."
GPU_TOOK_ALL = "Replacing 31 out of 31 node(s) with delegate (TfLiteGpuDelegateV2) node"


def says(name, verdict, *counts):
    return Witness(name, verdict, "seen", *counts)


@pytest.mark.parametrize(
    ("witnesses", "verdict", "contradicted"),
    [
        ([], V.UNPROVEN, 0),
        ([("log", V.UNPROVEN)], V.UNPROVEN, 0),
        ([("assignment", V.FULL)], V.FULL, 0),
        ([("assignment", V.FULL), ("log", V.FULL)], V.FULL, 0),
        # the most sceptical of those who speak of the graph
        ([("assignment", V.FULL), ("log", V.FELL_BACK)], V.FELL_BACK, 1),
        ([("assignment", V.PARTIAL), ("log", V.FULL)], V.PARTIAL, 1),
        ([("assignment", V.UNPROVEN), ("log", V.FULL)], V.FULL, 0),
        # circumstances without anybody who knows
        ([("latency", V.FELL_BACK)], V.UNPROVEN, 1),
        ([("outputs", V.FELL_BACK)], V.UNPROVEN, 1),
        ([("latency", V.FELL_BACK), ("outputs", V.FELL_BACK)], V.FELL_BACK, 0),
        ([("latency", V.FELL_BACK), ("outputs", V.UNPROVEN)], V.UNPROVEN, 1),
        ([("libraries", V.FELL_BACK)], V.FELL_BACK, 0),
        # circumstances against somebody who says he knows
        ([("log", V.FULL), ("latency", V.FELL_BACK)], V.FULL, 1),
        ([("log", V.FULL), ("latency", V.FELL_BACK), ("outputs", V.FELL_BACK)], V.UNPROVEN, 3),
        ([("log", V.FULL), ("libraries", V.FELL_BACK)], V.UNPROVEN, 2),
    ],
)
def test_judge(witnesses, verdict, contradicted):
    placement = judge([says(*item) for item in witnesses])
    assert placement.verdict is verdict
    assert len(placement.contradictions) == contradicted
    assert len(placement.witnesses) == len(witnesses)


def test_counts_come_from_the_witnesses_that_agree():
    placement = judge(
        [says("log", V.PARTIAL, None, None, 2), says("assignment", V.PARTIAL, 70, 72, None)]
    )
    assert placement.text == "PARTIAL 70/72 nodes in 2 partitions"
    sceptical = judge([says("assignment", V.FULL, 31, 31, 1), says("log", V.FELL_BACK)])
    assert sceptical.text == "FELL_BACK"
    assert Placement(V.FULL, 1, 1, 1).text == "FULL 1/1 nodes in 1 partition"


_WITNESSES = st.builds(
    says,
    st.sampled_from(["assignment", "log", "libraries", "latency", "outputs"]),
    st.sampled_from(list(V)),
)


@given(st.lists(_WITNESSES))
def test_one_who_says_it_fell_back_is_never_outvoted(witnesses):
    placement = judge(witnesses)
    told = {item.says for item in witnesses if item.name in ("assignment", "log")}
    if V.FELL_BACK in told:
        assert placement.verdict is V.FELL_BACK
    if told <= {V.FULL, V.UNPROVEN}:
        assert placement.verdict is not V.PARTIAL
    assert judge([*reversed(witnesses)]).verdict is placement.verdict


@pytest.mark.parametrize(
    ("evidence", "log", "verdict"),
    [
        ({}, "", V.FULL),
        ({"ops": 31, "delegated_ops": 0, "delegate_nodes": 0}, "", V.FULL),
        ({}, FELL_BACK_LOG, V.FULL),  # of a delegate that nobody asked for
        ({"nodes": 4, "CPUExecutionProvider": 1, "QNNExecutionProvider": 3}, "", V.PARTIAL),
    ],
)
def test_the_cpu_needs_no_proof(cell, evidence, log, verdict):
    assert trial_placement(cell, evidence, {}, log).verdict is verdict


@pytest.mark.parametrize(
    ("evidence", "log", "verdict"),
    [
        ({}, "", V.UNPROVEN),
        ({}, GPU_TOOK_ALL, V.FULL),
        ({"ops": 31, "delegated_ops": 31, "delegate_nodes": 1}, GPU_TOOK_ALL, V.FULL),
        ({"ops": 31, "delegated_ops": 31, "delegate_nodes": 1}, FELL_BACK_LOG, V.FELL_BACK),
    ],
)
def test_a_delegate_does(cell, evidence, log, verdict):
    gpu = replace(cell, delegate="gpu")
    assert trial_placement(gpu, evidence, {"xnnpack": True}, log).verdict is verdict


# --- what follows -------------------------------------------------------------------------------


def doubts(cell, delegate, verdict):
    return [
        (item.id, item.severity)
        for item in placement_doubts(replace(cell, delegate=delegate), Placement(verdict))
    ]


def test_findings(cell):
    assert doubts(cell, "gpu", V.FULL) == doubts(cell, "gpu", V.PARTIAL) == []
    assert doubts(cell, "gpu", V.FELL_BACK) == [("FELL-BACK", Severity.INVALID)]
    assert doubts(cell, "gpu", V.UNPROVEN) == [("PLACEMENT-UNPROVEN", Severity.NOTE)]
    assert doubts(cell, "cpu", V.UNPROVEN) == []
    assert list(placement_doubts(cell, None)) == []


def test_a_finding_says_what_was_asked_and_seen(cell):
    gpu = replace(cell, delegate="gpu")
    (found,) = placement_doubts(gpu, trial_placement(gpu, {}, {}, FELL_BACK_LOG))
    assert found.seen == "tflite was asked for gpu; log: Failed to apply GPU delegate."


def test_it_is_among_the_checks_of_a_trial(evidence, cell):
    gpu = replace(cell, delegate="gpu")
    found = check_trial(evidence(cell=gpu, placement=Placement(V.FELL_BACK)))
    assert [item.id for item in found] == ["FELL-BACK"]


@pytest.mark.parametrize(
    ("verdict", "anything", "full"),
    [
        (V.FULL, Outcome.OK, Outcome.OK),
        (V.PARTIAL, Outcome.OK, Outcome.INVALID),
        (V.UNPROVEN, Outcome.OK, Outcome.INVALID),
        (V.FELL_BACK, Outcome.INVALID, Outcome.INVALID),
    ],
)
def test_require(verdict, anything, full):
    placement = Placement(verdict)
    assert apply_require(Outcome.OK, [], Require(), placement)[0] is anything
    assert apply_require(Outcome.OK, [], Require(placement="full"), placement)[0] is full


def test_require_tells_the_reason():
    partial = Placement(V.PARTIAL, 70, 72, 2)
    _, reason = apply_require(Outcome.OK, [], Require(placement="full"), partial)
    assert reason == (
        "the scenario requires placement: full; it was PARTIAL 70/72 nodes in 2 partitions"
    )
    assert apply_require(Outcome.OK, [], Require(placement="full"))[0] is Outcome.INVALID
    failed = apply_require(Outcome.FAILED, [], Require(placement="full"), partial)
    assert failed == (Outcome.FAILED, None)


# --- beside the CPU's cells, and stored ---------------------------------------------------------


@pytest.fixture
def record(cell):
    def make(name, delegate, latency_ns, *, placed, **changes):
        changed = replace(cell, delegate=delegate, **changes)
        return TrialRecord(
            run_id="run",
            trial=Trial(name, changed, 0, 0),
            attempt=1,
            outcome=Outcome.OK,
            started_at="",
            ended_at="",
            placed=placed,
            metrics={"latency_p50_ns": latency_ns},
        )

    return make


def test_the_cpu_cells_of_a_run_are_a_witness(record):
    full = judge([says("log", V.FULL)])
    found = placements_beside_cpu(
        [
            record("cpu1", "cpu", 14e6, placed=full),
            record("cpu4", "cpu", 5e6, placed=full, threads=4),
            record("like the CPU", "gpu", 5.1e6, placed=full),
            record("faster", "gpu", 1e6, placed=full),
            record("another batch", "gpu", 5.1e6, placed=full, batch=2),
            record("the CPU's own", "xnnpack", 5.5e6, placed=full),
            record("never loaded", "gpu", 5.1e6, placed=None),
        ]
    )
    told = {name: [item.name for item in placed.witnesses] for name, placed in found.items()}
    assert told == {
        "cpu1": ["log"],
        "cpu4": ["log"],
        "like the CPU": ["log", "latency"],
        "faster": ["log", "latency"],
        "another batch": ["log"],
        "the CPU's own": ["log"],
    }
    assert found["like the CPU"].verdict is V.FULL
    assert found["like the CPU"].contradictions == (
        "latency says FELL_BACK: 5.100 ms, a CPU cell takes 5.000 ms",
    )
    assert found["faster"].contradictions == ()
    case = with_witnesses(found["like the CPU"], [says("outputs", V.FELL_BACK)])
    assert case.verdict is V.UNPROVEN


def test_a_verdict_is_stored_and_older_records_have_none(record):
    stored = record("t", "gpu", 1.0, placed=judge([says("log", V.PARTIAL, 5, 64, 5)]))
    document = to_json(stored)
    assert document["placed"]["verdict"] == "PARTIAL"
    assert from_json(TrialRecord, document) == stored
    del document["placed"]
    assert from_json(TrialRecord, document).placed is None
