"""One cell of the matrix becomes two: the reference arm and the candidate arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from harness.record import Cell
from harness.scenario import Arm, ArmName, Arms, FileModel, ModelRef
from harness.scenario_file.engines import obstacle
from harness.variant import ENGINE_FORMATS, ModelFormat, Variant


class VariantSource(Protocol):
    """Where the files of arms become variants."""

    def variants(self, ref: ModelRef, fmt: ModelFormat) -> Sequence[Variant]:
        """The variants that ``ref`` names, as far as they exist in this format."""


class NoPair(Exception):
    """A cell cannot be had on both arms; the text says why."""


def pair(cell: Cell, arms: Arms, source: VariantSource) -> tuple[Cell, ...]:
    """The cell on the reference arm and on the candidate arm.

    Raises NoPair where one of them cannot be measured or both are the same.
    """
    reference, candidate = (_armed(cell, name, arm, source) for name, arm in arms.named)
    if not arms.equal and _is_same(reference, candidate, arms):
        raise NoPair(
            "the arms differ in nothing here; give the candidate another model or build, "
            "or set equal: true for an A/A night"
        )
    return reference, candidate


def _armed(cell: Cell, name: ArmName, arm: Arm, source: VariantSource) -> Cell:
    options = cell.options | arm.options
    platform = cell.device_id.partition(":")[0]
    objection = obstacle(platform, cell.engine, cell.delegate, options)
    objection = objection or _misplaced(arm, platform)
    if objection is not None:
        raise NoPair(f"{name} arm: {objection}")
    pin = {"local": cell.engine, "android": "android"}.get(platform, "")
    return replace(
        cell,
        variant=_variant(cell, name, arm, source),
        options=options,
        arm=name,
        build=arm.builds.get(pin, ""),
    )


def build_of(arm: Arm, platform: str) -> Path | None:
    """The build that the arm names for a platform, None for the agent's own."""
    return {"local": arm.python, "android": arm.runner}.get(platform)


def _misplaced(arm: Arm, platform: str) -> str | None:
    """Why an arm that names a build says nothing about this platform, where that is so."""
    if build_of(arm, platform) is None and (arm.python or arm.runner):
        return f"it names no build for {platform} (python is for local, runner for android)"
    return None


def _variant(cell: Cell, name: ArmName, arm: Arm, source: VariantSource) -> Variant:
    """The arm's own file under the name of the model that it stands for."""
    path = _file_for(cell, arm)
    if path is None:
        return cell.variant
    fmt = ENGINE_FORMATS[cell.engine]
    found = source.variants(FileModel(path), fmt) if path.suffix.lower() == f".{fmt}" else ()
    if not found:
        raise NoPair(f"{name} arm: {cell.engine} loads .{fmt} files, not {path.name}")
    return replace(
        found[0], model=cell.variant.model, name=cell.variant.name, origin={"file": path.name}
    )


def _file_for(cell: Cell, arm: Arm) -> Path | None:
    """The file of the first pattern that fits the cell's model."""
    label = cell.variant.label
    names = (label, cell.variant.model, f"{label} {cell.variant.format}")
    return next(
        (
            path
            for pattern, path in arm.models.items()
            if any(fnmatchcase(name, pattern) for name in names)
        ),
        None,
    )


def _is_same(reference: Cell, candidate: Cell, arms: Arms) -> bool:
    """Equal in everything that arms may change, as far as it is known before measuring.

    Builds are pinned where devices were asked; before that, interpreters stand for them.
    """
    platform = reference.device_id.partition(":")[0]
    builds = [build_of(arm, platform) for _, arm in arms.named]
    if not reference.build and builds[0] != builds[1]:
        return False
    one, other = (
        (cell.variant.digest, cell.options, cell.build) for cell in (reference, candidate)
    )
    return one == other
