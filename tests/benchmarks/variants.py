"""MobileNetV2 by every method: built, proven, sized; then INT8 beside FP32 on each engine.

``python -m tests.benchmarks.variants speed`` leaves the other methods out.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cli.inference import LocalInfer
from harness.errors import CatalogueError
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.variant import LocalVariant, ModelFormat
from tests.benchmarks._int8 import tell_all

FAMILY = "mobilenet_v2"
EXTRA = {
    "int8-static-entropy": {"calibration": "entropy"},
    "int8-static-percentile": {"calibration": "percentile"},
    "int8-static-tensor": {"granularity": "tensor"},
}


def main() -> None:
    only_speed = sys.argv[1:] == ["speed"]
    with tempfile.TemporaryDirectory(prefix="benchfarm-variants-") as folder:
        path = Path(folder) / "more.yaml"
        path.write_text(catalogue_text())
        catalogue = Catalogue.load([path])
        cache = ModelCache(Path(folder) / "cache", LocalInfer())
        names = (
            {FAMILY: ("fp32", "int8-static")}
            if only_speed
            else {name: catalogue.variant_names(name) for name in (FAMILY, "more")}
        )
        built = build_all(catalogue, cache, names)
        for fmt in ModelFormat:
            sizes = [built[name, fmt].variant.size_bytes for name in ("int8-static", "fp32")]
            print(f"{fmt}: static INT8 has {sizes[0] / sizes[1]:.3f} of the size of FP32")
        tell_all({key: local.path for key, local in built.items()}, Path(folder))


def catalogue_text() -> str:
    """The family again, with the calibrations that the built-in catalogue leaves out."""
    family = {
        "task": "image-classification", "licence": "Apache-2.0", "builder": "mobilenet_v2",
        "parameters": {"width": 1.0}, "weights": "seeded", "seed": 2018,
        "input": {
            "name": "image", "layout": "NHWC", "shape": [1, 224, 224, 3], "range": [-1, 1],
        },
        "output": {"name": "logits", "shape": [1, 1000]}, "formats": ["onnx", "tflite"],
        "variants": {
            "fp32": {"precision": "fp32", "method": "construct"},
            **{
                name: {
                    "precision": "int8", "method": "int8-static", "source": "fp32",
                    "parameters": parameters,
                    "calibration": {"data": "random", "samples": 32, "seed": 7},
                }
                for name, parameters in EXTRA.items()
            },
            "int4-dynamic": {"precision": "int4", "method": "int4-dynamic", "source": "fp32"},
            "int2-weights": {"precision": "int2", "method": "int2-weights", "source": "fp32"},
        },
    }  # fmt: skip
    return json.dumps({"schema": 1, "families": {"more": family}})


def build_all(
    catalogue: Catalogue, cache: ModelCache, names: Mapping[str, Sequence[str]]
) -> dict[tuple[str, ModelFormat], LocalVariant]:
    """The variants by family, with what each cost; returns those of FAMILY."""
    built = {}
    started, before = time.monotonic(), cpu_seconds()
    for family, variants in names.items():
        for name in variants:
            for fmt in catalogue.variant_formats(family, name):
                try:
                    local = cache.materialise(catalogue, family, name, fmt)
                except CatalogueError as error:
                    print(f"{family}/{name} {fmt}: refused: {error}")
                    continue
                if family == FAMILY:
                    built[name, fmt] = local
                print(line_of(family, name, local))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"all built and proven: {cpu_seconds() - before:.0f} s of CPU, "
        f"{time.monotonic() - started:.0f} s by the clock, largest process {peak:.0f} MiB"
    )
    return built


def line_of(family: str, name: str, local: LocalVariant) -> str:
    proof = json.loads(local.path.with_suffix(".json").read_text())["proof"]
    shown = [
        f"{key} {proof[key]}" for key in ("size_ratio", "cosine_min", "sqnr_db") if key in proof
    ]
    size = local.variant.size_bytes
    return f"{family}/{name} {local.variant.format}: {size} bytes, {', '.join(shown)}"


def cpu_seconds() -> float:
    """Of this process and all that it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
