"""Looks into a model file of either format."""

from __future__ import annotations

from pathlib import Path

from harness.models.inspection import Inspection
from harness.variant import ModelFormat


def inspect(path: Path, fmt: ModelFormat) -> Inspection:
    """What the file really is."""
    if fmt is ModelFormat.ONNX:
        from harness.models.convert import inspect_onnx

        return inspect_onnx.inspect(path)
    from harness.models.convert import inspect_tflite

    return inspect_tflite.inspect(path)
