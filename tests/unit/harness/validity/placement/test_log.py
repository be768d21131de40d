"""Reading placement from logs. The texts are ours, in the shape that the engines use."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import PlacementVerdict as V
from harness.validity.placement.log import log_witness

REPLACING = (
    "VERBOSE: Replacing {} out of {} node(s) with delegate ({}) node, yielding {} partitions"
)
CAPABLE = (
    "[W:onnxruntime:, x_execution_provider.cc:9 GetCapability] XExecutionProvider::GetCapability, "
    "number of partitions supported by {}: {} number of nodes in the graph: {} "
    "number of nodes supported by {}: {}"
)
GPU = "TfLiteGpuDelegateV2"


def capable(name, partitions, total, nodes):
    return CAPABLE.format(name, partitions, total, name, nodes)


FULL = {
    "benchmark": (
        "gpu",
        (
            "Explicitly applied GPU delegate, and the model graph will be completely "
            "executed by the delegate."
        ),
        None,
    ),
    "replaced": ("gpu", REPLACING.format(31, 31, GPU, 1), (31, 31, 1)),
    "named": ("nnapi", REPLACING.format(7, 7, "TfLiteNnapiDelegate", 1), (7, 7, 1)),
    "dispatch": ("npu", REPLACING.format(1, 1, "DispatchDelegate", 1), (1, 1, 1)),
    "qnn": ("qnn", capable("QNN", 1, 58, 58), (58, 58, 1)),
    "all placed": (
        "qnn",
        (
            "[V:onnxruntime:, session_state.cc:1 V]  All nodes placed on "
            "[QNNExecutionProvider]. Number of nodes: 1"
        ),
        (1, 1, None),
    ),
    "accelerated": ("gpu", "Fully accelerated: True", None),
    # the CPU's own delegate takes nothing that was asked of the GPU
    "beside xnnpack": (
        "gpu",
        REPLACING.format(31, 31, GPU, 1)
        + "\n"
        + REPLACING.format(0, 1, "TfLiteXNNPackDelegate", 0),
        (31, 31, 1),
    ),
    # printed on every start without a dispatch library, whatever happens then
    "not registered": (
        "npu",
        "WARNING: NPU accelerator could not be loaded and registered: kErr.\n"
        + REPLACING.format(1, 1, "DispatchDelegate", 1),
        (1, 1, 1),
    ),
    "two subgraphs": (
        "gpu",
        REPLACING.format(31, 31, GPU, 1)
        + " for subgraph 0.\n"
        + REPLACING.format(5, 5, GPU, 1)
        + " for subgraph 1.",
        (36, 36, 2),
    ),
}

PARTIAL = {
    "benchmark": (
        "nnapi",
        (
            "I tflite: Explicitly applied NNAPI delegate, and the model graph will be "
            "partially executed by the delegate w/ 44 delegate kernels."
        ),
        (None, None, 44),
    ),
    "replaced": (
        "nnapi",
        REPLACING.format(5, 64, "TfLiteNnapiDelegate", 5)
        + " for the whole graph.\n"
        + REPLACING.format(59, 62, "TfLiteXNNPackDelegate", 5),
        (5, 64, 5),
    ),
    "both": (
        "gpu",
        REPLACING.format(20, 31, GPU, 3) + "\nExplicitly applied GPU delegate, and the "
        "model graph will be partially executed by the delegate w/ 3 delegate kernels.",
        (20, 31, 3),
    ),
    "split": (
        "gpu",
        (
            "Following operations are not supported:\nFOO\n"
            "123 operations will run on the GPU, and the remaining 156 operations"
            " will run on the CPU."
        ),
        (123, 279, None),
    ),
    "old split": (
        "gpu",
        "First 65 operations will run on the GPU, and the remaining 3 on the CPU.",
        (65, 68, None),
    ),
    "coreml": ("coreml", capable("CoreML", 64, 1799, 262), (262, 1799, 64)),
    "its subgraph too": (
        "coreml",
        capable("CoreML", 64, 1799, 262) + "\n" + capable("CoreML", 1, 5, 5),
        (262, 1799, 64),
    ),
    "placed": (
        "nnapi",
        (
            " Node(s) placed on [NnapiExecutionProvider]. Number of nodes: 2\n"
            " Node(s) placed on [CPUExecutionProvider]. Number of nodes: 4"
        ),
        (2, 6, None),
    ),
    "not preferred": (
        "qnn",
        (
            "[W:onnxruntime:, session_state.cc:2 V] Some nodes were not assigned to "
            "the preferred execution providers which may"
        ),
        None,
    ),
    "one subgraph of two": (
        "gpu",
        REPLACING.format(31, 31, GPU, 1)
        + " for subgraph 0.\n"
        + REPLACING.format(0, 5, GPU, 0)
        + " for subgraph 1.",
        (31, 36, 1),
    ),
    "per node": (
        "nnapi",
        (
            "V nnapi_execution_provider.cc:1 operator()] Node supported: [1] Op\n"
            "V nnapi_execution_provider.cc:1 operator()] Node supported: [0] Op"
        ),
        None,
    ),
}

FELL_BACK = {
    "though": (
        "nnapi",
        (
            "Though NNAPI delegate is explicitly applied, the model graph will not be "
            "executed by the delegate."
        ),
    ),
    "failed": ("gpu", "Internal error: Failed to apply delegate: a dynamic tensor"),
    "failed by name": ("nnapi", "ERROR: Failed to apply NNAPI delegate."),
    "default": ("xnnpack", "Failed to apply the default TensorFlow Lite delegate indexed at 0"),
    "restored": ("qnn", "Restored original execution plan after delegate application failure."),
    "node failed": ("gpu", f"ERROR: Node number 66 ({GPU}) failed to prepare."),
    "no kernels": ("gpu", "INFO: Created 0 GPU delegate kernels."),
    "planned, then failed": (
        "gpu",
        REPLACING.format(31, 31, GPU, 1) + f"\nERROR: Node number 31 ({GPU}) failed to prepare.",
    ),
    "driver": ("nnapi", "E/tflite: NN API returned error ANEURALNETWORKS_BAD_DATA at line 5"),
    "returned": ("nnapi", "Returning error since TFLite returned failure nnapi_delegate.cc:739."),
    "reference driver": (
        "nnapi",
        "NNAPI accelerators available: [nnapi-reference]\n"
        + REPLACING.format(7, 7, "TfLiteNnapiDelegate", 1),
    ),
    "nothing replaced": ("gpu", REPLACING.format(0, 31, GPU, 0)),
    "nothing replaced, old": ("gpu", f"Replacing 0 node(s) with delegate ({GPU}) node"),
    "not registered": ("gpu", "WARNING: GPU accelerator could not be loaded and registered."),
    "nothing capable": ("coreml", capable("CoreML", 0, 12, 0)),
    "all on the CPU": ("qnn", " All nodes placed on [CPUExecutionProvider]. Number of nodes: 8"),
    "backend": ("qnn", "GetCapability] QNN SetupBackend failed Failed to create device. Error: 1"),
    "provider": (
        "nnapi",
        (
            "EP Error boom when using ['NnapiExecutionProvider']\n"
            "Falling back to ['CPUExecutionProvider'] and retrying."
        ),
    ),
    "not created": ("qnn", "Failed to create QNNExecutionProvider. Require libQnnHtp"),
    "exception": ("nnapi", "Exception during initialization: key not found"),
    "model": (
        "coreml",
        capable("CoreML", 114, 607, 387)
        + "\n[ONNXRuntimeError] : 1 : FAIL : Error Creating MLModel",
    ),
    "no node": ("nnapi", "V nnapi_execution_provider.cc:1 operator()] Node supported: [0] Op"),
}

SILENT = {
    "empty": "",
    "nothing to do with it": "hello\nSTARTING!\nNum threads: [4]",
    "created": "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "another delegate": REPLACING.format(7, 7, "TfLiteNnapiDelegate", 1),
    "another delegate failed": "ERROR: Failed to apply NNAPI delegate.",
    "another accelerator": "WARNING: NPU accelerator could not be loaded and registered.",
    "a static check": "66 partitions with a total of 284/854 nodes can be handled by the GPU EP.",
}


def counts(witness):
    return witness.nodes, witness.total, witness.partitions


@pytest.mark.parametrize(("delegate", "log", "expected"), FULL.values(), ids=FULL)
def test_full(delegate, log, expected):
    witness = log_witness(delegate, log)
    assert witness.says is V.FULL
    assert counts(witness) == (expected or (None, None, None))


@pytest.mark.parametrize(("delegate", "log", "expected"), PARTIAL.values(), ids=PARTIAL)
def test_partial(delegate, log, expected):
    witness = log_witness(delegate, log)
    assert witness.says is V.PARTIAL
    assert counts(witness) == (expected or (None, None, None))


@pytest.mark.parametrize(("delegate", "log"), FELL_BACK.values(), ids=FELL_BACK)
def test_fell_back(delegate, log):
    witness = log_witness(delegate, log)
    assert witness.says is V.FELL_BACK
    assert witness.partitions is None
    assert witness.seen


@pytest.mark.parametrize("log", SILENT.values(), ids=SILENT)
def test_silent(log):
    assert log_witness("gpu", log) is None


@pytest.mark.parametrize(
    ("delegate", "log"),
    [
        ("gpu", f"INFO: Replacing 66 node(s) with delegate ({GPU}) node, yielding 1 partitions."),
        ("nnapi", "V nnapi_execution_provider.cc:1 operator()] Node supported: [1] Operator"),
    ],
    ids=["of how many", "supported is not placed"],
)
def test_what_cannot_be_told(delegate, log):
    assert log_witness(delegate, log).says is V.UNPROVEN


def test_what_was_seen_is_short_and_printable():
    seen = log_witness("gpu", f"\x1b[31mFailed to apply GPU delegate\x00{'x' * 5000}").seen
    assert seen.startswith("Failed to apply GPU delegate x")
    assert len(seen) <= 160
    assert seen.isprintable()


LINES = [log for table in (FULL, PARTIAL, FELL_BACK) for _, log, *_ in table.values()]


@given(st.text() | st.lists(st.sampled_from(LINES) | st.text(max_size=20)).map("".join))
def test_any_text_is_read(log):
    for delegate in ("gpu", "nnapi", "coreml", "qnn", "xnnpack", "", "\x00"):
        witness = log_witness(delegate, log)
        if witness is not None and witness.total is not None:
            assert witness.nodes >= 0
            assert witness.says in V


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_any_counts_are_read(nodes, total):
    witness = log_witness("gpu", REPLACING.format(nodes, total, GPU, 1))
    if max(nodes, total) < 10**9:
        fell_back, full = nodes == 0, nodes >= total
        assert witness.says is (V.FELL_BACK if fell_back else V.FULL if full else V.PARTIAL)


@pytest.mark.parametrize("piece", ["Failed to apply ", "a ", "9", "[", "EP Error "])
def test_a_log_without_line_ends_costs_no_time(piece):
    began = time.process_time()
    log_witness("gpu", piece * 200_000)
    assert time.process_time() - began < 1
