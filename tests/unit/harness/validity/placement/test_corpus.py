"""What real phones wrote: every fallback is seen as one, and no full delegation is."""

from __future__ import annotations

from harness.record import PlacementVerdict as V
from harness.validity.placement.log import log_witness

#: By file: the delegate that was asked for, the verdict, and nodes, total, partitions.
TOLD = {
    "10_onnxruntime/coreml-ep-gigastt-64-partitions.txt": ("coreml", V.PARTIAL, (262, 1799, 64)),
    "10_onnxruntime/coreml-ep-sam-vitb-114-partitions-fail.txt": ("coreml", V.FELL_BACK, None),
    "10_onnxruntime/coreml-ep-sherpa-context-leak.txt": ("coreml", V.PARTIAL, (543, 3261, 229)),
    "10_onnxruntime/nnapi-ep-verbose-node-supported.txt": ("nnapi", V.UNPROVEN, None),
    "10_onnxruntime/nnapi-s9plus-unordered-map-exception.txt": ("nnapi", V.FELL_BACK, None),
    "10_onnxruntime/qnn-setupbackend-14001-sd8gen2.txt": ("qnn", V.FELL_BACK, None),
    "10_tflite/benchmark-logcat-nnapi-partial-44-kernels.txt": (
        "nnapi",
        V.PARTIAL,
        (None, None, 44),
    ),
    "10_tflite/benchmark-model-gpu-denoising-excerpt.txt": ("gpu", V.FULL, None),
    "10_tflite/benchmark-windows-gpu-xnnpack0-excerpt.txt": ("gpu", V.FULL, None),
    "10_tflite/failed-to-apply-delegate-dynamic-tensor.txt": ("gpu", V.FELL_BACK, None),
    "10_tflite/litert-benchmark-model-sme2-kleidiai-xnnpack.txt": ("xnnpack", V.FULL, (1, 1, 1)),
    "10_tflite/nnapi-op-code-67-not-delegated.txt": ("nnapi", V.FELL_BACK, None),
}
DELEGATES = ("gpu", "nnapi", "coreml", "qnn", "xnnpack", "npu", "hexagon")


def test_the_logs_of_delegates(phone_outputs):
    for name, (delegate, says, counts) in TOLD.items():
        witness = log_witness(delegate, (phone_outputs / name).read_text(errors="replace"))
        assert witness is not None, name
        assert witness.says is says, name
        assert (witness.nodes, witness.total, witness.partitions) == (counts or (None,) * 3), name


def test_all_other_outputs_say_nothing_of_placement(phone_outputs):
    others = [
        path
        for path in phone_outputs.rglob("*.txt")
        if path.relative_to(phone_outputs).as_posix() not in TOLD
    ]
    assert len(others) > 100
    said = [
        (path.name, delegate)
        for path in others
        for delegate in DELEGATES
        if log_witness(delegate, path.read_text(errors="replace")) is not None
    ]
    assert said == []
