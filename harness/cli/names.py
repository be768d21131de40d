"""How models are named on the command line."""

from __future__ import annotations

from pathlib import Path


def split_model_name(name: str) -> tuple[str, str | None]:
    """``family/variant`` or ``family`` alone."""
    family, _, variant = name.partition("/")
    return family, variant or None


def own_variants(name: str) -> list[Path]:
    """The files of the user's own variant or model of that name; none where there is no such."""
    from harness.models.cache import ModelCache

    cache = ModelCache()
    return [
        cache.path_of(manifest["digest"])
        for manifest in cache.files.named_manifests()
        if name in (manifest["model"], f"{manifest['model']}/{manifest['variant']}")
    ]
