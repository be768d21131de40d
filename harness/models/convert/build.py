"""One recipe to one proven file."""

from __future__ import annotations

import importlib
import importlib.metadata
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.models.convert import BUILDERS, CONSTRUCT, INT8_STATIC, ConvertError, engines, proof
from harness.models.convert.inputs import digest, random_images
from harness.models.convert.inspection import inspect
from harness.models.convert.layers import Floats, Network
from harness.models.convert.reference import run as run_reference
from harness.models.convert.seeded import NetworkSpec
from harness.variant import ModelFormat

#: How far two builds of a recipe agree, for the manifest.
_REPRODUCIBLE = {
    CONSTRUCT: "byte-identical with the same tool versions",
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
    if recipe["method"] == CONSTRUCT:
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
    network = _network(recipe["network"])
    _write(network, fmt, target)
    images = _proof_images(recipe)
    figures = proof.agreement(engines.run(target, fmt, images), run_reference(network, images))
    proof.check_float(figures)
    against = "the layers computed in float64"
    return {"proof": {"against": against, "images": _PROOF_IMAGES, **figures}}


def _quantize(
    recipe: dict[str, Any], fmt: ModelFormat, source: Path, target: Path
) -> dict[str, object]:
    calibration = recipe["calibration"]
    images = _images(recipe, calibration["seed"], calibration["samples"])
    _quantize_file(fmt, source, target, images)
    checks = _proof_images(recipe)
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
        "calibration": {**calibration, "digest": digest(images)},
    }


def _write(network: Network, fmt: ModelFormat, target: Path) -> None:
    if fmt is ModelFormat.ONNX:
        from harness.models.convert import to_onnx

        to_onnx.write(network, target)
    else:
        from harness.models.convert import to_tflite

        to_tflite.write(network, target)


def _quantize_file(fmt: ModelFormat, source: Path, target: Path, images: Floats) -> None:
    if fmt is ModelFormat.ONNX:
        from harness.models.convert import quantize_onnx

        quantize_onnx.quantize(source, target, images)
    else:
        from harness.models.convert import quantize_tflite

        quantize_tflite.quantize(source, target, images)


def _network(spec: dict[str, Any]) -> Network:
    module = importlib.import_module(BUILDERS[spec["builder"]].module)
    network: Network = module.build(
        NetworkSpec(
            name=spec["builder"],
            input_name=spec["input"]["name"],
            input_shape=tuple(spec["input"]["shape"][1:]),
            input_range=tuple(spec["input"]["range"]),
            output_name=spec["output"]["name"],
            outputs=spec["output"]["shape"][-1],
            seed=spec["seed"],
            parameters=spec["parameters"],
        )
    )
    return network


def _proof_images(recipe: dict[str, Any]) -> Floats:
    return _images(recipe, _PROOF_SEED, _PROOF_IMAGES)


def _images(recipe: dict[str, Any], seed: int, count: int) -> Floats:
    declared = recipe["network"]["input"]
    low, high = declared["range"]
    return random_images(seed, count, tuple(declared["shape"][1:]), low, high)


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
