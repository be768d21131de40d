"""Core ML packages of families: written here, run on Apple devices only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.cache import MANIFEST_VERSION, ModelCache
from harness.models.catalogue import Catalogue
from harness.models.family import recipe
from harness.models.methods import FLOAT_METHODS
from harness.models.subprocess_build import run_job
from harness.variant import ModelFormat


def write_package(
    catalogue: Catalogue, cache: ModelCache, name: str, precision: str, weights: str, folder: Path
) -> dict[str, Any]:
    """Write ``folder/NAME.mlpackage`` and its manifest; returns the manifest.

    ``precision`` and ``weights`` are those of :mod:`harness.models.convert.to_coreml`. Raises
    :class:`CatalogueError` in one line; nothing half-made stays.
    """
    family_name, _, variant = name.partition("/")
    family = catalogue.family(family_name)
    plain = [key for key, spec in family.variants.items() if spec.method in FLOAT_METHODS]
    chosen = variant or plain[0]
    if chosen not in plain:
        raise CatalogueError(f"{name} is no float variant; use one of {', '.join(plain)}")
    stored = "" if weights == "none" else f"-{weights}"
    stem = f"{family_name}-{chosen}-{precision}{stored}"
    # The network is the same in every format; a recipe always names one.
    made = recipe(family, chosen, ModelFormat.ONNX)
    with cache.files.workspace("coreml") as workspace:
        draft = workspace / "draft.mlpackage"
        job = {
            "kind": "coreml",
            "recipe": made,
            "target": str(draft),
            "precision": precision,
            "weights": weights,
        }
        report = run_job(f"building {stem}", job, workspace)
        manifest = {
            "manifest": MANIFEST_VERSION,
            "model": family_name,
            "variant": chosen,
            "format": "coreml",
            "precision": precision,
            "weights": weights,
            "licence": family.licence,
            "seed": family.seed,
            "recipe": made,
            "package": f"{stem}.mlpackage",
            "findings": list(family.findings(chosen)),
            **report,
        }
        _move(draft, folder / f"{stem}.mlpackage", manifest)
    return manifest


def _move(draft: Path, target: Path, manifest: dict[str, Any]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(draft, target)
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        target.with_suffix(".json").write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise CatalogueError(
            f"{target}: cannot be written ({error.strerror}); choose another folder"
        ) from error
