"""The families: what building them costs, how far both formats agree, what the digits get right.

``python -m tests.benchmarks.families``. Builds into an empty cache, each file in a process of its
own; CPU time and memory are those that the manifests tell.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from harness.cli.inference import LocalInfer
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.models.convert import engines
from harness.models.convert.inputs import random_feeds
from harness.models.datasets.samples import samples_for
from harness.units import format_mib
from harness.variant import LocalVariant, ModelFormat

AGREEMENT_LIMIT = 1e-4
ANSWERED = (
    ("digits", "fp32"),
    ("digits_small", "fp32"),
    ("digits_small", "fp32-distilled"),
    ("digits_small", "int8-static"),
    ("digits_small", "int4-weights"),
)
_SEED, _SAMPLES = 11, 3


def main() -> int:
    """Build, compare, print; 1 when two formats disagree."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # the engines run in this process, too
    good = True
    catalogue = Catalogue.load()
    with tempfile.TemporaryDirectory(prefix="benchfarm-families-") as folder:
        cache = ModelCache(Path(folder), LocalInfer())
        for family in (f for f in catalogue.families.values() if f.name == f.base):
            files = {
                fmt: cache.materialise(catalogue, family.name, "fp32", fmt)
                for fmt in family.formats
            }
            feeds = random_feeds(family.inputs, _SEED, _SAMPLES)
            first, other = (engines.run(files[fmt].path, fmt, feeds) for fmt in ModelFormat)
            apart = float(np.abs(first - other).max())
            good &= apart <= AGREEMENT_LIMIT
            print(f"{family.name}: {_costs(files)}; formats differ by at most {apart:.2g}")
        print(f"formats agree to {AGREEMENT_LIMIT:g}: {'yes' if good else 'NO'}")
        for name, variant in ANSWERED:
            print(f"{name}/{variant}: {_accuracy(catalogue, cache, name, variant)}")
    return 0 if good else 1


def _costs(files: dict[ModelFormat, LocalVariant]) -> str:
    told = []
    for fmt, local in files.items():
        cost = json.loads(local.path.with_suffix(".json").read_text())["cost"]
        told.append(
            f"{fmt} {format_mib(local.variant.size_bytes)} MiB, "
            f"{cost['cpu_seconds']:.1f} s of CPU, {cost['peak_rss_bytes'] / 1e6:.0f} MB"
        )
    return "; ".join(told)


def _accuracy(catalogue: Catalogue, cache: ModelCache, name: str, variant: str) -> str:
    data = samples_for(catalogue.family(name))
    told = []
    for fmt in catalogue.variant_formats(name, variant):
        local = cache.materialise(catalogue, name, variant, fmt)
        answers = engines.run(local.path, fmt, data.inputs).argmax(axis=1)
        told.append(f"{fmt} {np.mean(answers == data.labels):.2%} of {len(data)}")
    return ", ".join(told)


if __name__ == "__main__":
    sys.exit(main())
