"""A family's variant, calibrated on the user's own data, under a name of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.models.family import Calibration, Family, VariantSpec, recipe, recipe_key
from harness.models.variant_rules import is_calibrated
from harness.variant import ModelFormat


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What is wanted: ``variant`` of ``family``, measured on other data, called ``name``.

    Without a name it is the variant's with that of the data: ``int8-static-photos``.
    """

    family: str
    variant: str
    calibration: Calibration
    name: str | None = None

    @property
    def own_name(self) -> str:
        """The name of the new variant within its family."""
        if self.name is not None:
            return self.name
        data = self.calibration.data
        return f"{self.variant}-{data.stem if isinstance(data, Path) else data}"


def recalibrate(
    cache: ModelCache,
    catalogue: Catalogue,
    wanted: Recalibration,
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Build the variant in each format that it can have; returns the manifests.

    Raises :class:`CatalogueError` in one line; nothing half-made stays.
    """
    family = catalogue.check_variant(wanted.family, wanted.variant)
    _check(family, wanted)
    name = wanted.own_name
    spec = replace(family.variants[wanted.variant], calibration=wanted.calibration)
    own = replace(family, variants={**family.variants, name: spec})
    extended = Catalogue({**catalogue.families, family.name: own})
    return [
        _built(cache, extended, own, name, fmt, progress)
        for fmt in extended.variant_formats(family.name, name)
    ]


def _check(family: Family, wanted: Recalibration) -> None:
    spec: VariantSpec = family.variants[wanted.variant]
    if not is_calibrated(spec):
        raise CatalogueError(
            f"{family.name}/{wanted.variant} ({spec.method}) measures no activation ranges; "
            "leave --calibration out"
        )
    if wanted.own_name in family.variants:
        raise CatalogueError(
            f"{family.name}/{wanted.own_name} is in the catalogue already; give another --as"
        )
    if wanted.calibration.data == "dataset" and family.dataset is None:
        raise CatalogueError(f"{family.name} has no dataset; give an .npz or a folder")


def _built(
    cache: ModelCache,
    catalogue: Catalogue,
    family: Family,
    name: str,
    fmt: ModelFormat,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    local = cache.materialise(catalogue, family.name, name, fmt, progress)
    made = cache.files.manifest_of_recipe(recipe_key(recipe(family, name, fmt)))
    if made is None:  # somebody empties the cache at this moment
        cache.path_of(local.variant.digest)
        raise CatalogueError(f"{family.name}/{name} ({fmt}) has lost its manifest; build it again")
    manifest = {**made, "variant": name, "family": family.name}
    with cache.files.workspace("name") as workspace:
        cache.files.write_name(workspace, f"{family.name}/{name} {fmt}", manifest)
    return manifest
