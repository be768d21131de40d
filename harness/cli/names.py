"""How models are named on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def split_model_name(name: str) -> tuple[str, str | None]:
    """``family/variant`` or ``family`` alone."""
    family, _, variant = name.partition("/")
    return family, variant or None


def own_variants(name: str) -> list[Path]:
    """The files of the user's own variant or model of that name; none where there is no such."""
    from harness.models.cache import ModelCache

    cache = ModelCache()
    return [cache.path_of(str(manifest["digest"])) for manifest in own_manifests(name)]


def own_manifests(name: str) -> list[dict[str, Any]]:
    """The manifests of the user's own variant or model of that name.

    A variant of a family goes by its whole name only: the family's name stands for the catalogue's.
    """
    from harness.models.cache import ModelCache

    return [
        manifest
        for manifest in ModelCache().files.named_manifests()
        if name == f"{manifest['model']}/{manifest['variant']}"
        or (name == manifest["model"] and "family" not in manifest)
    ]
