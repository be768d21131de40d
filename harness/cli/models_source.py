"""Where a plan's model files come from: the catalogue's families and the user's own files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import CatalogueError
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.scenario import AccuracyPass, FamilyModels, FileModel, ModelRef
from harness.variant import ModelFormat, Variant

if TYPE_CHECKING:
    from harness.models.evaluation import Task, TaskFor
    from harness.models.family import Family


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
        self._task: tuple[tuple[str, ModelFormat], Task] | None = None

    def variants(self, ref: ModelRef, fmt: ModelFormat) -> Sequence[Variant]:
        """The variants of ``ref`` in one format; a file of another format has none."""
        if isinstance(ref, FamilyModels):
            known = self._catalogue
            for name in ref.variants:
                known.check_variant(ref.family, name)
            there = [n for n in ref.variants if fmt in known.variant_formats(ref.family, n)]
            return [self._family_variant(ref.family, name, fmt) for name in there]
        variant = self._file_variant(ref)
        return [variant] if variant.format is fmt else []

    def no_accuracy(self, ref: ModelRef, accuracy: AccuracyPass) -> str | None:
        """Why a model cannot be asked for its accuracy on that dataset; None where it can."""
        from harness.models.evaluation import objection

        if isinstance(ref, FamilyModels):
            return objection(self._catalogue.family(ref.family), accuracy)
        return objection(self._family_of(self._file_variant(ref)), accuracy)

    def task_of(self, variant: Variant, accuracy: AccuracyPass) -> TaskFor:
        """What a variant is asked in the accuracy pass; made once, when the first trial needs it.

        The samples of a family are preprocessed as it says; a user's file takes its tensors.
        """
        from harness.models.evaluation import family_task, file_task

        family = self._family_of(variant)
        if family is None:
            return lambda specs: file_task(specs, accuracy)
        key = (family.name, variant.format)

        def make(_: object) -> Task:
            if self._task is None or self._task[0] != key:
                self._task = key, family_task(family, variant.format, accuracy)
            return self._task[1]

        return make

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

    def _family_of(self, variant: Variant) -> Family | None:
        """The family that a variant was built from; None for a user's file, whatever its name."""
        own = variant.origin.get("family")
        family = self._catalogue.families.get(str(own or variant.model))
        return family if own or (family and variant.name in family.variants) else None

    def _family_variant(self, family: str, name: str, fmt: ModelFormat) -> Variant:
        if not self._build:
            return self._cache.describe(self._catalogue, family, name, fmt)
        return self._cache.materialise(
            self._catalogue, family, name, fmt, progress=self._note
        ).variant

    def _file_variant(self, ref: FileModel) -> Variant:
        if ref.path not in self._files:
            self._files[ref.path] = self._imported(ref)
        variant = self._files[ref.path]
        if ref.inputs is not None:
            self._inputs[variant.digest] = ref.inputs
        return variant

    def _imported(self, ref: FileModel) -> Variant:
        variant = self._cache.import_file(ref.path).variant
        if ref.original is None:
            return variant
        digest = self._cache.import_file(ref.original).variant.digest
        return replace(variant, origin={**variant.origin, "source_digest": digest})
