"""Makes files out of a source file by the methods of their recipes, and looks into them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.models.convert.inspection import inspect
from harness.models.convert.job import plan_of
from harness.models.methods import MIXED, check_size
from harness.variant import ModelFormat

_ROUNDS = "byte-identical with the same tool versions"
_MEASURES = (
    "byte-identical with the same tool versions on one kind of processor; elsewhere the engine "
    "that measures activation ranges may differ in the last bits, so pin the digest"
)


def derive(job: Mapping[str, Any]) -> dict[str, object]:
    """Every file that a job asks for; returns what each one is, in the job's order.

    ``source`` is the float file, ``format`` its format, ``feeds`` an .npz of calibration inputs (or
    null), ``items`` hold ``recipe`` and ``target``.
    """
    fmt, source = ModelFormat(job["format"]), Path(job["source"])
    quantizer = _quantizer(fmt, source, Path(job["workspace"]))
    feeds = _feeds(job["feeds"])
    made = []
    for item in job["items"]:
        recipe, target = item["recipe"], Path(item["target"])
        quantizer.quantize(recipe, feeds, target)
        made.append(
            {
                "inspection": inspect(target, fmt).to_json(),
                "layers": _methods_of_layers(quantizer, recipe),
                "reproducible": _MEASURES if feeds is not None else _ROUNDS,
            }
        )
    return {"items": made}


def describe(job: Mapping[str, Any]) -> dict[str, object]:
    """What a file is."""
    return {"inspection": inspect(Path(job["source"]), ModelFormat(job["format"])).to_json()}


def layers(job: Mapping[str, Any]) -> dict[str, object]:
    """The layers of a float file, as policies name them."""
    fmt, source = ModelFormat(job["format"]), Path(job["source"])
    found = _quantizer(fmt, source, Path(job["workspace"])).layers()
    return {"layers": [[item.name, item.type, item.weighted] for item in found]}


def _quantizer(fmt: ModelFormat, source: Path, workspace: Path) -> Any:
    check_size(source.stat().st_size, source.name)
    if fmt is ModelFormat.ONNX:
        from harness.models.convert.methods.onnx import OnnxQuantizer

        return OnnxQuantizer(source, workspace)
    from harness.models.convert.methods.tflite import TfliteQuantizer

    return TfliteQuantizer(source, workspace)


def _methods_of_layers(quantizer: Any, recipe: Mapping[str, Any]) -> dict[str, str] | None:
    """Which method each layer with weights was given, where they differ."""
    if recipe["method"] != MIXED:
        return None
    known = quantizer.layers()
    plan = plan_of(recipe, known)
    return {item.name: plan.call_of(item.name).method for item in known if item.weighted}


def _feeds(path: str | None) -> dict[str, Any] | None:
    import numpy as np

    if path is None:
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
