"""Model files by content: built from a recipe once, or imported from a user's file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CatalogueError
from harness.models import sniff
from harness.models.catalogue import Catalogue
from harness.models.claims import Claim, check_file
from harness.models.family import Family, VariantSpec, recipe, recipe_key
from harness.models.files import CacheFiles, copy_hashed, digest_of
from harness.models.inspection import Inspection
from harness.models.methods import NETWORK_METHODS
from harness.models.subprocess_build import run_build
from harness.variant import LocalVariant, ModelFormat, Variant

if TYPE_CHECKING:
    from harness.models.inference import Infer

UNBUILT = "unbuilt"  #: digest of a variant whose file has not been made yet

MANIFEST_VERSION = 2
_ORIGIN_KEYS = ("parameters", "source_digest", "calibration", "tools", "reproducible")


def _silent(message: str) -> None:
    """Tell nobody."""


class ModelCache:
    """The cache at ``root``; default is ``BENCHFARM_CACHE``, else ``~/.cache/benchfarm/models``.

    ``infer`` runs a model in a process of its own; without it, variants that have to be proven
    cannot be built. All methods are safe to call from several threads and processes at once.
    """

    def __init__(self, root: Path | None = None, infer: Infer | None = None) -> None:
        self.files = CacheFiles((root or _default_root()).absolute())
        self._infer = infer

    @property
    def root(self) -> Path:
        """The cache's folder."""
        return self.files.root

    def describe(
        self, catalogue: Catalogue, family: str, variant: str, fmt: ModelFormat
    ) -> Variant:
        """The variant as far as it is known without building: ``UNBUILT`` and 0 bytes if it is not.

        Raises :class:`CatalogueError` for an unknown family, variant or format.
        """
        known = catalogue.check(family, variant, fmt)
        manifest = self.files.manifest_of_recipe(recipe_key(recipe(known, variant, fmt)))
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
        with self.files.workspace(recipe_key(made)) as workspace:
            found = self._built(known, variant, fmt, made)  # by whoever had the workspace before us
            if found is not None:
                return found
            return self._build(known, variant, fmt, made, source, workspace)

    def import_file(self, path: Path) -> LocalVariant:
        """A user's own model, copied into the cache so that later edits change nothing measured.

        It keeps the name it was given when it was built or imported as a variant.
        Raises :class:`CatalogueError` when it is no whole ``.onnx`` or ``.tflite`` file.
        """
        _check_is_file(path)
        fmt = sniff.format_of(path)
        with self.files.workspace("import") as workspace:
            copy = workspace / f"model.{fmt}"
            digest = copy_hashed(path, copy)
            sniff.check(copy, fmt, str(path))
            size = copy.stat().st_size
            kept = self.files.keep(copy, digest, fmt)
        for manifest in self.files.named_manifests():
            if manifest["digest"] == digest:
                from harness.models.user_models import variant_of

                return LocalVariant(variant_of(manifest), kept)
        origin: dict[str, object] = {"method": "import", "file": path.name}
        return LocalVariant(Variant(path.stem, "file", fmt, digest, size, origin=origin), kept)

    def path_of(self, digest: str) -> Path:
        """Where the model with this digest lies; :class:`CatalogueError` when it is not here."""
        found = self.files.find(digest)
        if found is None:
            raise CatalogueError(
                f"no model {digest[:12]} in the cache {self.root}; build or import it again"
            )
        return found

    def _built(
        self, family: Family, variant: str, fmt: ModelFormat, made: dict[str, object]
    ) -> LocalVariant | None:
        """The variant from the cache, None if it is not there or its bytes are damaged."""
        manifest = self.files.manifest_of_recipe(recipe_key(made))
        path = self.files.find(str(manifest["digest"])) if manifest else None
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
        spec = family.variants[variant]
        if spec.method in NETWORK_METHODS:
            from harness.models.proving import ProofInputs

            report = run_build(label, made, target, workspace)
            inspection = Inspection.from_json(report["inspection"])
            check_file(Claim(spec.precision), inspection)
            report["proof"]["inputs"] = ProofInputs(family.inputs, family.dataset).to_json()
        elif source is None:
            raise CatalogueError(f"{label} has no source to be made from; name one")
        else:
            report = self._derive(label, family, spec, made, (source.path, target), workspace)
        digest = digest_of(target)
        own = report.pop("findings", [])
        manifest = {
            "manifest": MANIFEST_VERSION,
            "model": family.name,
            "variant": variant,
            "precision": spec.precision,
            "method": spec.method,
            "parameters": spec.parameters,
            "licence": family.licence,
            "format": str(fmt),
            "digest": digest,
            "size_bytes": target.stat().st_size,
            "seed": family.seed,
            "recipe": made,
            "source_digest": source.variant.digest if source else None,
            "findings": [*family.findings(variant), *own],
            **report,
        }
        path = self.files.keep(target, digest, fmt)
        self.files.write_manifest(workspace, digest, manifest)
        self.files.write_recipe(workspace, recipe_key(made), manifest)
        return LocalVariant(_variant(family, variant, fmt, manifest), path)

    def _derive(
        self,
        label: str,
        family: Family,
        spec: VariantSpec,
        made: dict[str, object],
        files: tuple[Path, Path],
        workspace: Path,
    ) -> dict[str, Any]:
        from harness.models.datasets.samples import calibration_for
        from harness.models.derived import Order, Wish, make
        from harness.models.proving import ProofInputs, native, needed

        fmt, wanted = ModelFormat(str(made["format"])), spec.calibration
        chosen = None
        if wanted is not None:
            chosen = calibration_for(
                family, wanted.samples, wanted.seed, wanted.source, random=wanted.data == "random"
            )
        feeds = native(chosen.inputs, fmt) if chosen else None
        # What the family has no data for is compared on the user's, which are likelier than noise.
        own = wanted.source if wanted is not None and family.dataset is None else None
        report = make(
            Order(label, files[0], fmt, feeds),
            Wish(made, spec.precision, files[1]),
            ProofInputs(family.inputs, family.dataset, own),
            workspace,
            needed(self._infer),
        )
        if wanted is not None and chosen is not None:
            told = {**wanted.to_json(), "samples": len(chosen), "digest": chosen.digest}
            report["calibration"] = told
        return report


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
        findings=tuple(manifest.get("findings", family.findings(variant))),
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
