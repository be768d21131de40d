"""Measures the ranges of a model's activations with onnxruntime's calibrators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

from harness.models.convert.feeds import Feeds, each_sample, sample_count
from harness.models.convert.job import Call

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
#: The tool's own 128 bins leave entropy a single threshold to choose from: the whole range.
_ENTROPY_BINS = 512
#: The tool keeps every activation of the samples it is given at once.
_CHUNK = 4


def measure(model: Path, call: Call, feeds: Feeds, target: Path) -> None:
    """Write the ranges that ``call`` asks for to ``target``, as the quantizer reads them."""
    calibrator = create_calibrator(
        model,
        augmented_model_path=str(target.with_suffix(".augmented.onnx")),
        calibrate_method=METHODS[call["calibration"]],
        extra_options=_options(call),
    )
    inputs = onnx.load(model, load_external_data=False).graph.input
    ranks = {info.name: len(info.type.tensor_type.shape.dim) for info in inputs}
    for start in range(0, sample_count(feeds), _CHUNK):
        part = {name: array[start : start + _CHUNK] for name, array in feeds.items()}
        calibrator.collect_data(_Reader(part, ranks))
    save_tensors_data(calibrator.compute_data(), target)


def _options(call: Call) -> dict[str, Any]:
    if call["calibration"] == "entropy":
        return {"num_bins": _ENTROPY_BINS, "num_quantized_bins": 128}
    if call["calibration"] == "percentile":
        return {"percentile": call["percentile"]}
    return {}


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands the samples out one by one; those of inputs without a batch lose theirs."""

    def __init__(self, feeds: Feeds, ranks: dict[str, int]) -> None:
        self._samples: Iterator[dict[str, Any]] = (
            {
                name: value[0] if value.ndim > ranks[name] else value
                for name, value in sample.items()
            }
            for sample in each_sample(feeds)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)
