"""One recipe to one proven file."""

from __future__ import annotations

import importlib.metadata
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.models.convert import (
    CONSTRUCT,
    DISTIL,
    FLOAT_METHODS,
    INT8_STATIC,
    ConvertError,
    engines,
    proof,
)
from harness.models.convert.feeds import Feeds
from harness.models.convert.inspection import inspect
from harness.models.convert.layers import Network
from harness.models.convert.network import declared_inputs, network_of
from harness.models.convert.reference import run_all
from harness.models.datasets.samples import CalibrationSet, calibration_set, proof_feeds
from harness.variant import ModelFormat

#: How far two builds of a recipe agree, for the manifest.
_REPRODUCIBLE = {
    CONSTRUCT: "byte-identical with the same tool versions",
    DISTIL: "byte-identical with the same tool versions",
    INT8_STATIC: (
        "byte-identical with the same tool versions on one kind of processor; elsewhere the "
        "engine that measures activation ranges may differ in the last bits, so pin the digest"
    ),
}
_TOOLS = ("numpy", "onnx", "onnxruntime", "ai-edge-litert", "ai-edge-quantizer", "flatbuffers")
_PROOF_IMAGES = 4
_PROOF_SEED = 0x70726F6F66  #: apart from every calibration seed, so that proof is no repetition


def build(recipe: dict[str, Any], source: Path | None, target: Path) -> dict[str, object]:
    """Write the file that ``recipe`` describes to ``target``; returns its part of the manifest.

    ``source`` is the file of the recipe's source, where it has one. Raises
    :class:`ConvertError` when the file is not what it should be.
    """
    started = time.monotonic()
    fmt = ModelFormat(recipe["format"])
    if recipe["method"] in FLOAT_METHODS:
        made = _construct(recipe, fmt, target)
    elif source is None:
        raise ConvertError(f"the method {recipe['method']} needs a source")
    else:
        made = _quantize(recipe, fmt, source, target)
    return {
        **made,
        "inspection": asdict(inspect(target, fmt)),
        "tools": _tool_versions(),
        "reproducible": _REPRODUCIBLE[recipe["method"]],
        "cost": {
            "wall_seconds": round(time.monotonic() - started, 2),
            "cpu_seconds": round(time.process_time(), 2),
            "peak_rss_bytes": _peak_rss_bytes(),
        },
    }


def _construct(recipe: dict[str, Any], fmt: ModelFormat, target: Path) -> dict[str, object]:
    network = network_of(recipe)
    _write(network, fmt, target)
    feeds = _proof_feeds(recipe)
    wanted = run_all(network, feeds)
    rows = engines.joined_outputs(zip(*wanted.values(), strict=True))
    figures = proof.agreement(engines.run(target, fmt, feeds), rows)
    proof.check_float(figures)
    against = "the layers computed in float64"
    return {"proof": {"against": against, "images": _PROOF_IMAGES, **figures}}


def _quantize(
    recipe: dict[str, Any], fmt: ModelFormat, source: Path, target: Path
) -> dict[str, object]:
    chosen = _calibration(recipe)
    _quantize_file(fmt, source, target, chosen.inputs)
    checks = _proof_feeds(recipe)
    outputs, wanted = (engines.run(path, fmt, checks) for path in (target, source))
    figures = proof.agreement(outputs, wanted)
    ratio = proof.check_int8(figures, inspect(target, fmt), target, source)
    return {
        "proof": {
            "against": "the float32 source",
            "images": _PROOF_IMAGES,
            "size_ratio": ratio,
            **figures,
        },
        "calibration": {**recipe["calibration"], "digest": chosen.digest},
    }


def _write(network: Network, fmt: ModelFormat, target: Path) -> None:
    if fmt is ModelFormat.ONNX:
        from harness.models.convert import to_onnx

        to_onnx.write(network, target)
    else:
        from harness.models.convert import to_tflite

        to_tflite.write(network, target)


def _quantize_file(fmt: ModelFormat, source: Path, target: Path, feeds: Feeds) -> None:
    (images,) = feeds.values()
    if fmt is ModelFormat.ONNX:
        from harness.models.convert import quantize_onnx

        quantize_onnx.quantize(source, target, images)
    else:
        from harness.models.convert import quantize_tflite

        quantize_tflite.quantize(source, target, images)


def _calibration(recipe: dict[str, Any]) -> CalibrationSet:
    wanted = recipe["calibration"]
    return calibration_set(
        declared_inputs(recipe),
        recipe["network"]["dataset"],
        wanted["samples"],
        wanted["seed"],
        random=wanted["data"] == "random",
    )


def _proof_feeds(recipe: dict[str, Any]) -> Feeds:
    dataset = recipe["network"]["dataset"]
    return proof_feeds(declared_inputs(recipe), dataset, _PROOF_IMAGES, _PROOF_SEED)


def _tool_versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for name in _TOOLS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a tool that this file did not need
    return versions


def _peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
