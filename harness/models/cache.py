"""Model files by content: built from a recipe once, or imported from a user's file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models import sniff
from harness.models.catalogue import Catalogue
from harness.models.family import Family, recipe, recipe_key
from harness.models.files import CacheFiles, copy_hashed, digest_of
from harness.models.subprocess_build import run_build
from harness.variant import LocalVariant, ModelFormat, Variant

UNBUILT = "unbuilt"  #: digest of a variant whose file has not been made yet

_MANIFEST_VERSION = 1
_ORIGIN_KEYS = ("source_digest", "calibration", "tools", "reproducible")


def _silent(message: str) -> None:
    """Tell nobody."""


class ModelCache:
    """The cache at ``root``; default is ``BENCHFARM_CACHE``, else ``~/.cache/benchfarm/models``.

    All methods are safe to call from several threads and processes at once.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._files = CacheFiles((root or _default_root()).absolute())

    @property
    def root(self) -> Path:
        """The cache's folder."""
        return self._files.root

    def describe(
        self, catalogue: Catalogue, family: str, variant: str, fmt: ModelFormat
    ) -> Variant:
        """The variant as far as it is known without building: ``UNBUILT`` and 0 bytes if it is not.

        Raises :class:`CatalogueError` for an unknown family, variant or format.
        """
        known = catalogue.check(family, variant, fmt)
        manifest = self._files.manifest_of_recipe(recipe_key(recipe(known, variant, fmt)))
        return _variant(known, variant, fmt, manifest or {})

    def materialise(
        self,
        catalogue: Catalogue,
        family: str,
        variant: str,
        fmt: ModelFormat,
        progress: Callable[[str], None] = _silent,
    ) -> LocalVariant:
        """The variant with its file, built now if it is not in the cache.

        Raises :class:`CatalogueError` when it is unknown, cannot be built or is not what it should
        be; nothing half-made stays.
        """
        known = catalogue.check(family, variant, fmt)
        made = recipe(known, variant, fmt)
        found = self._built(known, variant, fmt, made)
        if found is not None:
            return found
        source_name = known.variants[variant].source
        source = (
            self.materialise(catalogue, family, source_name, fmt, progress) if source_name else None
        )
        progress(f"building {family}/{variant} ({fmt})")
        with self._files.workspace(recipe_key(made)) as workspace:
            found = self._built(known, variant, fmt, made)  # by whoever had the workspace before us
            if found is not None:
                return found
            return self._build(known, variant, fmt, made, source, workspace)

    def import_file(self, path: Path) -> LocalVariant:
        """A user's own model, copied into the cache so that later edits change nothing measured.

        Raises :class:`CatalogueError` when it is no whole ``.onnx`` or ``.tflite`` file.
        """
        _check_is_file(path)
        fmt = sniff.format_of(path)
        with self._files.workspace("import") as workspace:
            copy = workspace / f"model.{fmt}"
            digest = copy_hashed(path, copy)
            sniff.check(copy, fmt, str(path))
            size = copy.stat().st_size
            kept = self._files.keep(copy, digest, fmt)
        origin: dict[str, object] = {"method": "import", "file": path.name}
        return LocalVariant(Variant(path.stem, "file", fmt, digest, size, origin=origin), kept)

    def path_of(self, digest: str) -> Path:
        """Where the model with this digest lies; :class:`CatalogueError` when it is not here."""
        found = self._files.find(digest)
        if found is None:
            raise CatalogueError(
                f"no model {digest[:12]} in the cache {self.root}; build or import it again"
            )
        return found

    def _built(
        self, family: Family, variant: str, fmt: ModelFormat, made: dict[str, object]
    ) -> LocalVariant | None:
        """The variant from the cache, None if it is not there or its bytes are damaged."""
        manifest = self._files.manifest_of_recipe(recipe_key(made))
        path = self._files.find(str(manifest["digest"])) if manifest else None
        if manifest is None or path is None or digest_of(path) != manifest["digest"]:
            return None
        return LocalVariant(_variant(family, variant, fmt, manifest), path)

    def _build(
        self,
        family: Family,
        variant: str,
        fmt: ModelFormat,
        made: dict[str, object],
        source: LocalVariant | None,
        workspace: Path,
    ) -> LocalVariant:
        target = workspace / f"model.{fmt}"
        label = f"{family.name}/{variant} ({fmt})"
        report = run_build(label, made, source.path if source else None, target, workspace)
        digest = digest_of(target)
        manifest = {
            "manifest": _MANIFEST_VERSION,
            "model": family.name,
            "variant": variant,
            "precision": family.variants[variant].precision,
            "licence": family.licence,
            "format": str(fmt),
            "digest": digest,
            "size_bytes": target.stat().st_size,
            "seed": family.seed,
            "recipe": made,
            "source_digest": source.variant.digest if source else None,
            "findings": list(family.findings(variant)),
            **report,
        }
        path = self._files.keep(target, digest, fmt)
        self._files.write_manifest(workspace, digest, manifest)
        self._files.write_recipe(workspace, recipe_key(made), digest)
        return LocalVariant(_variant(family, variant, fmt, manifest), path)


def _default_root() -> Path:
    named = os.environ.get("BENCHFARM_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "benchfarm" / "models"


def _variant(family: Family, variant: str, fmt: ModelFormat, manifest: dict[str, Any]) -> Variant:
    """The variant; an empty manifest is one that has not been built."""
    spec = family.variants[variant]
    origin: dict[str, object] = {"method": spec.method, "seed": family.seed}
    origin |= {key: manifest[key] for key in _ORIGIN_KEYS if manifest.get(key) is not None}
    return Variant(
        model=family.name,
        name=variant,
        format=fmt,
        digest=str(manifest.get("digest", UNBUILT)),
        size_bytes=int(manifest.get("size_bytes", 0)),
        precision=spec.precision,
        origin=origin,
        findings=family.findings(variant),
    )


def _check_is_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise CatalogueError(f"{path}: is a folder; give a .onnx or .tflite file")
        if not path.exists():
            raise CatalogueError(f"{path}: there is no such file")
        if not path.is_file():
            raise CatalogueError(f"{path}: is no regular file; give a .onnx or .tflite file")
    except OSError as error:
        shown = str(path)[:80]
        raise CatalogueError(f"{shown}: cannot be read ({error.strerror or error})") from None
