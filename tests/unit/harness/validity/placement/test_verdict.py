"""Weighing the witnesses, and what follows from the verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.findings import Severity
from harness.record import Outcome, Placement, Trial, TrialRecord, Witness
from harness.record import PlacementVerdict as V
from harness.scenario import Require
from harness.store.codec import from_json, to_json
from harness.validity.checks import apply_require, check_trial
from harness.validity.placement.second_look import Seen, second_look
from harness.validity.placement.verdict import (
    judge,
    placement_doubts,
    trial_placement,
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
    run = [
        record("cpu1", "cpu", 14e6, placed=full),
        record("cpu4", "cpu", 5e6, placed=full, threads=4),
        record("like the CPU", "gpu", 5.1e6, placed=full),
        record("faster", "gpu", 1e6, placed=full),
        record("another batch", "gpu", 5.1e6, placed=full, batch=2),
        record("the CPU's own", "xnnpack", 5.5e6, placed=full),
        record("never loaded", "gpu", 5.1e6, placed=None),
    ]
    changed = {one.trial.id: one for one in second_look(map(Seen, run), Require())}
    assert sorted(changed) == ["faster", "like the CPU"]
    alike = changed["like the CPU"].placed
    assert [item.name for item in alike.witnesses] == ["log", "latency"]
    assert alike.verdict is V.FULL  # equal speed alone may be chance
    assert alike.contradictions == ("latency says FELL_BACK: 5.100 ms, a CPU cell takes 5.000 ms",)
    assert changed["faster"].placed.contradictions == ()
    again = [changed.get(one.trial.id, one) for one in run]
    assert second_look(map(Seen, again), Require()) == []  # as after a resumed run


FLOATS = np.linspace(-1, 1, 64, dtype=np.float32)


@pytest.mark.parametrize(
    ("told", "verdict", "outcome"),
    [
        (says("log", V.FULL), V.UNPROVEN, Outcome.OK),
        (says("log", V.PARTIAL), V.UNPROVEN, Outcome.OK),
        (says("log", V.UNPROVEN), V.FELL_BACK, Outcome.INVALID),
        (says("log", V.FELL_BACK), V.FELL_BACK, Outcome.INVALID),
    ],
)
def test_equal_speed_and_equal_results_make_a_case(record, told, verdict, outcome):
    cpu = Seen(record("cpu", "cpu", 5e6, placed=judge([says("log", V.FULL)])), [FLOATS])
    gpu = Seen(record("gpu", "gpu", 5.1e6, placed=judge([told])), [FLOATS.copy()])
    (found,) = second_look([gpu, cpu], Require())
    assert (found.placed.verdict, found.outcome) == (verdict, outcome)
    ids = [item.id for item in found.findings]
    assert ("FELL-BACK" in ids) is (verdict is V.FELL_BACK)
    assert ("PLACEMENT-UNPROVEN" in ids) is (verdict is V.UNPROVEN)
    strict = second_look([gpu, cpu], Require(placement="full"))[0]
    assert strict.outcome is Outcome.INVALID


def test_results_of_another_input_are_no_witness(record):
    full = judge([says("log", V.FULL)])
    cpu = replace(record("cpu", "cpu", 5e6, placed=full), input_digests=("a" * 64,))
    gpu = replace(record("gpu", "gpu", 1e6, placed=full), input_digests=("b" * 64,))
    (found,) = second_look([Seen(cpu, [FLOATS]), Seen(gpu, [-FLOATS])], Require())
    assert [item.name for item in found.placed.witnesses] == ["log", "latency"]
    assert found.findings == ()


@pytest.mark.parametrize("delegate", ["gpu", "xnnpack"])
def test_results_far_from_the_cpus_are_told_for_every_delegate(record, delegate):
    full = judge([says("assignment", V.FULL)])
    cpu = Seen(record("cpu", "cpu", 5e6, placed=full), [FLOATS])
    other = record("other", delegate, 1e6, placed=full)
    (found,) = second_look([cpu, Seen(other, [FLOATS[::-1].copy()])], Require())
    (doubt,) = found.findings
    assert doubt.id == "OUTPUT-MISMATCH"
    assert "dB from the CPU's results" in doubt.seen
    near = FLOATS.astype(np.float16).astype(np.float32)
    rest = second_look([cpu, Seen(other, [near])], Require())
    assert all(item.id != "OUTPUT-MISMATCH" for one in rest for item in one.findings)
    absent = Require(absent=("OUTPUT-MISMATCH",))
    assert second_look([cpu, Seen(other, [-FLOATS])], absent)[0].outcome is Outcome.INVALID


def test_a_verdict_is_stored_and_older_records_have_none(record):
    stored = record("t", "gpu", 1.0, placed=judge([says("log", V.PARTIAL, 5, 64, 5)]))
    document = to_json(stored)
    assert document["placed"]["verdict"] == "PARTIAL"
    assert from_json(TrialRecord, document) == stored
    del document["placed"]
    assert from_json(TrialRecord, document).placed is None


# --- libraries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({"libraries": "libc.so,libart.so"}, V.FELL_BACK),
        ({"libraries": ""}, V.FELL_BACK),
        ({"libraries": "libc.so,libOpenCL.so"}, V.UNPROVEN),
        ({}, V.UNPROVEN),
        ({"libraries": 3}, V.UNPROVEN),
    ],
)
def test_a_delegate_without_its_driver_fell_back(cell, evidence, verdict):
    gpu = replace(cell, delegate="gpu")
    assert trial_placement(gpu, evidence, {}, "").verdict is verdict


def test_a_missing_driver_makes_a_claim_unproven(cell):
    gpu = replace(cell, delegate="gpu")
    found = trial_placement(gpu, {"libraries": "libc.so"}, {}, GPU_TOOK_ALL)
    assert found.verdict is V.UNPROVEN
    assert [item.name for item in found.witnesses] == ["log", "libraries"]
