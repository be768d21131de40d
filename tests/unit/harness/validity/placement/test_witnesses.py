"""The other witnesses, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import PlacementVerdict as V
from harness.validity.placement.assignment import assignment_witness
from harness.validity.placement.latency import latency_witness
from harness.validity.placement.libraries import library_witness
from harness.validity.placement.outputs import output_mismatch, output_witness
from harness.variant import TensorSpec

CPU_ONLY = {"nodes": 8, "CPUExecutionProvider": 8}
MIXED = {"nodes": 8, "CPUExecutionProvider": 3, "QNNExecutionProvider": 5}


def tflite(ops, delegated, partitions):
    return {"ops": ops, "delegated_ops": delegated, "delegate_nodes": partitions}


@pytest.mark.parametrize(
    ("delegate", "evidence", "engine", "says", "counts"),
    [
        ("cpu", tflite(72, 70, 2), {"xnnpack": True}, V.FULL, (72, 72, None)),
        ("xnnpack", tflite(31, 31, 1), {"xnnpack": True}, V.FULL, (31, 31, 1)),
        ("xnnpack", tflite(72, 70, 2), {"xnnpack": True}, V.PARTIAL, (70, 72, 2)),
        ("xnnpack", tflite(72, 0, 0), {"xnnpack": True}, V.FELL_BACK, (0, 72, None)),
        # with the default delegate on, nobody knows whose nodes these are
        ("gpu", tflite(72, 70, 2), {"xnnpack": True}, V.UNPROVEN, (None, None, None)),
        ("gpu", tflite(72, 70, 2), {}, V.UNPROVEN, (None, None, None)),
        ("gpu", tflite(72, 70, 2), {"xnnpack": False}, V.PARTIAL, (70, 72, 2)),
        ("gpu", tflite(72, 0, 0), {"xnnpack": True}, V.FELL_BACK, (0, 72, None)),
        ("cpu", CPU_ONLY, {}, V.FULL, (8, 8, None)),
        ("cpu", MIXED, {}, V.PARTIAL, (3, 8, None)),
        ("qnn", MIXED, {}, V.PARTIAL, (5, 8, None)),
        ("qnn", CPU_ONLY, {}, V.FELL_BACK, (0, 8, None)),
        ("qnn", {"nodes": 1, "QNNExecutionProvider": 1}, {}, V.FULL, (1, 1, None)),
        ("tpu", MIXED, {}, V.UNPROVEN, (None, None, None)),
        ("qnn", {"providers": "CPUExecutionProvider"}, {}, V.FELL_BACK, (None, None, None)),
        (
            "qnn",
            {"providers": "QNNExecutionProvider,CPUExecutionProvider"},
            {},
            V.UNPROVEN,
            (None, None, None),
        ),
    ],
)
def test_assignment(delegate, evidence, engine, says, counts):
    witness = assignment_witness(delegate, evidence, engine)
    assert witness.says is says
    assert (witness.nodes, witness.total, witness.partitions) == counts


def test_assignment_names_what_was_left_to_the_cpu():
    evidence = {**tflite(72, 70, 2), "builtin_ops": "ARG_MAX"}
    assert "ARG_MAX" in assignment_witness("xnnpack", evidence, {}).seen


_JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers())
_NAMES = st.sampled_from(
    ["ops", "delegated_ops", "delegate_nodes", "nodes", "providers", "QNNExecutionProvider"]
)


@given(st.sampled_from(["cpu", "qnn", "xnnpack", "x"]), st.dictionaries(_NAMES, _JSON))
def test_any_evidence_is_read(delegate, evidence):
    witness = assignment_witness(delegate, evidence, evidence)
    if witness is not None and witness.total is not None:
        assert witness.total >= 0


@pytest.mark.parametrize("evidence", [{}, {"ops": 0}, {"nodes": "many"}, {"nodes": True}])
def test_no_assignment(evidence):
    assert assignment_witness("qnn", evidence, {}) is None


@pytest.mark.parametrize(
    ("delegate", "present", "says"),
    [
        ("qnn", [], V.FELL_BACK),
        ("qnn", ["libc.so", "libonnxruntime.so"], V.FELL_BACK),
        ("qnn", ["libQnnHtpV75Skel.so"], V.UNPROVEN),
        ("gpu", ["libOpenCL.so"], V.UNPROVEN),
    ],
)
def test_libraries(delegate, present, says):
    assert library_witness(delegate, present).says is says


def test_libraries_nobody_looked_for():
    assert library_witness("qnn", None) is None
    assert library_witness("xnnpack", []) is None


@pytest.mark.parametrize(
    ("latency_ms", "cpu_ms", "says"),
    [
        (14.0, [14.0], V.FELL_BACK),
        (14.6, [28.0, 14.0], V.FELL_BACK),
        (14.0, [28.0, 20.0], V.UNPROVEN),
        (28.0, [14.0], V.UNPROVEN),
        (1.0, [14.0], V.UNPROVEN),
    ],
)
def test_latency(latency_ms, cpu_ms, says):
    assert latency_witness(latency_ms * 1e6, [value * 1e6 for value in cpu_ms]).says is says


@pytest.mark.parametrize(
    ("latency_ns", "cpu_ns"),
    [(1.0, []), (0.0, [1.0]), (1.0, [0.0, float("nan")]), (float("nan"), [1.0])],
)
def test_latency_without_numbers(latency_ns, cpu_ns):
    assert latency_witness(latency_ns, cpu_ns) is None


RESULTS = np.linspace(0, 1, 1000, dtype=np.float32)


def test_outputs_equal_to_the_last_bit():
    assert output_witness([RESULTS], [RESULTS.copy()]).says is V.FELL_BACK


def test_outputs_that_differ_in_one_bit():
    other = RESULTS.copy()
    other[7] = np.nextafter(other[7], np.float32(2))
    witness = output_witness([RESULTS], [other])
    assert witness.says is V.UNPROVEN
    assert witness.seen == "1 of 1000 results differ from the CPU's"


@pytest.mark.parametrize(
    ("ours", "cpu"),
    [
        ([], []),
        ([RESULTS], []),
        ([RESULTS.astype(np.int8)], [RESULTS.astype(np.int8)]),
        ([RESULTS], [RESULTS[:10]]),
        ([np.zeros(1000, np.float32)], [np.zeros(1000, np.float32)]),
        ([np.full(1000, np.nan, np.float32)], [np.full(1000, np.nan, np.float32)]),
    ],
    ids=["none", "one side", "integers", "shapes", "constant", "nan"],
)
def test_outputs_that_cannot_tell(ours, cpu):
    assert output_witness(ours, cpu) is None


# --- wrong results ------------------------------------------------------------------------------


QUANTIZED = TensorSpec("logits", "uint8", (64,), 0.5, 10)


@pytest.mark.parametrize(
    ("ours", "spec", "words"),
    [
        (RESULTS, None, None),
        (RESULTS * 1.01, None, None),  # 40 dB
        (RESULTS.astype(np.float16), None, None),
        (RESULTS * 1.5, None, "6.0 dB"),
        (-RESULTS, None, "-6.0 dB"),
        (np.full_like(RESULTS, np.nan), None, "1000 of 1000 results are no numbers"),
        (np.full_like(RESULTS, np.inf), None, "results are no numbers"),
        (RESULTS[:3], None, "other shapes"),
        (np.zeros_like(RESULTS), None, "0.0 dB"),
    ],
)
def test_a_result_that_is_far_off(ours, spec, words):
    found = list(output_mismatch([ours], [RESULTS], [spec] if spec else []))
    assert [item.id for item in found] == (["OUTPUT-MISMATCH"] if words else [])
    assert words is None or words in found[0].seen


def test_quantized_results_are_compared_as_what_they_mean():
    cpu = np.arange(64, dtype=np.uint8)
    near, far = cpu.copy(), cpu[::-1].copy()
    near[3] += 1
    assert not list(output_mismatch([near], [cpu], [QUANTIZED]))
    (found,) = output_mismatch([far], [cpu], [QUANTIZED])
    assert found.seen.startswith("logits: ")
    assert not list(output_mismatch([far], [cpu]))  # numbers of classes, for all anybody knows


def test_a_cpu_that_answers_nothing_or_no_number_accuses_nobody():
    empty, broken = np.zeros(0, np.float32), np.full(4, np.nan, np.float32)
    assert not list(output_mismatch([empty], [empty]))
    assert not list(output_mismatch([broken], [broken]))
