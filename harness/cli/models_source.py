"""Where a plan's model files come from: the catalogue's families and the user's own files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import CatalogueError
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.scenario import FamilyModels, FileModel, ModelRef
from harness.variant import ModelFormat, Variant


class ModelSource:
    """Turns a scenario's model references into variants, built when ``build`` is set.

    Without ``build`` (as for ``benchfarm plan``) an unbuilt variant has the digest ``unbuilt``.
    """

    def __init__(
        self, catalogue: Catalogue, cache: ModelCache, *, build: bool, note: Callable[[str], None]
    ) -> None:
        self._catalogue, self._cache = catalogue, cache
        self._build, self._note = build, note
        self._files: dict[Path, Variant] = {}
        self._inputs: dict[str, Path] = {}

    def variants(self, ref: ModelRef, fmt: ModelFormat) -> Sequence[Variant]:
        """The variants of ``ref`` in one format; a file of another format has none."""
        if isinstance(ref, FamilyModels):
            return [self._family_variant(ref.family, name, fmt) for name in ref.variants]
        variant = self._file_variant(ref)
        return [variant] if variant.format is fmt else []

    def touch(self, ref: ModelRef) -> None:
        """Materialise every variant of ``ref``, for the files' sake."""
        for fmt in ModelFormat:
            self.variants(ref, fmt)

    def path_of(self, variant: Variant) -> Path:
        """The file of a variant that was materialised; CatalogueError if it is gone."""
        path = self._cache.path_of(variant.digest)
        if not path.is_file():
            raise CatalogueError(
                f"the file of {variant.label} (SHA-256 {variant.digest[:12]}...) is no longer in "
                "the model cache; start a new run"
            )
        return path

    def inputs_of(self, variant: Variant) -> Path | None:
        """The folder of the user's own input arrays for a variant, if one was given."""
        return self._inputs.get(variant.digest)

    def _family_variant(self, family: str, name: str, fmt: ModelFormat) -> Variant:
        if not self._build:
            return self._cache.describe(self._catalogue, family, name, fmt)
        return self._cache.materialise(
            self._catalogue, family, name, fmt, progress=self._note
        ).variant

    def _file_variant(self, ref: FileModel) -> Variant:
        if ref.path not in self._files:
            self._files[ref.path] = self._cache.import_file(ref.path).variant
        variant = self._files[ref.path]
        if ref.inputs is not None:
            self._inputs[variant.digest] = ref.inputs
        return variant
