"""A user's own model files: variants built from them, and variants made elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models import derived, sniff
from harness.models.cache import MANIFEST_VERSION, ModelCache
from harness.models.claims import Claim, check_file, check_precision_name
from harness.models.convert import RECIPE_REVISION
from harness.models.datasets.samples import CalibrationSet, calibration_set
from harness.models.files import CacheFiles, copy_hashed, digest_of
from harness.models.inference import Infer, Shapes
from harness.models.inspection import Inspection
from harness.models.methods import (
    METHODS,
    NETWORK_METHODS,
    Parameters,
    check_parameters,
    check_size,
    method_named,
    precision_of,
)
from harness.models.policy import Policy
from harness.models.proving import ProofInputs, declarations, needed, prove, run
from harness.variant import LocalVariant, ModelFormat, Variant

_RANDOM = "RANDOM-CALIBRATION"
_ORIGIN_KEYS = ("method", "parameters", "source_digest", "family")


@dataclass(frozen=True, slots=True)
class FileBuild:
    """What is wanted of a float file. ``calibration`` is an .npz or a folder of .npy arrays.

    Random calibration has to be asked for with ``random``; ``shapes`` fixes free dimensions.
    """

    path: Path
    method: str
    parameters: Parameters = field(default_factory=dict)
    policy: Policy | None = None
    calibration: Path | None = None
    random: bool = False
    samples: int = 128
    seed: int = 0
    shapes: Shapes = field(default_factory=dict)
    name: str | None = None


class UserModels:
    """Builds, checks and names a user's own variants; they lie in the model cache."""

    def __init__(self, cache: ModelCache, infer: Infer | None) -> None:
        self._cache, self._infer = cache, infer
        self._files: CacheFiles = cache.files

    def build(self, wanted: FileBuild, progress: Callable[[str], None]) -> dict[str, Any]:
        """Make a variant of a float file and prove it; returns its manifest.

        Raises :class:`CatalogueError` in one line; nothing half-made stays.
        """
        fmt = _check_request(wanted)
        source = self._cache.import_file(wanted.path)
        label = wanted.name or f"{wanted.path.stem}/{wanted.method}"
        progress(f"building {label} ({fmt})")
        with self._files.workspace("build") as workspace:
            port_inputs = derived.inspect(label, source.path, fmt, workspace).inputs
            inputs = declarations(port_inputs, wanted.shapes)
            chosen = _calibration(wanted, inputs)
            recipe = _recipe(wanted, source.variant.digest, fmt, chosen)
            target = workspace / f"model.{fmt}"
            report = derived.make(
                derived.Order(label, source.path, fmt, chosen.inputs if chosen else None),
                derived.Wish(recipe, precision_of(wanted.method), target),
                ProofInputs(inputs, None, wanted.calibration, images=False, shapes=wanted.shapes),
                workspace,
                needed(self._infer),
            )
            own = [_RANDOM] if chosen is not None and chosen.random else []
            manifest = {
                **_heading(label, precision_of(wanted.method), fmt),
                "method": wanted.method,
                "parameters": wanted.parameters,
                "seed": wanted.seed,
                "recipe": recipe,
                "source_digest": source.variant.digest,
                "source_file": wanted.path.name,
                "calibration": recipe["calibration"],
                **report,
                "findings": [*own, *report["findings"]],
            }
            return self._keep(target, fmt, label, manifest, workspace)

    def import_variant(
        self, path: Path, name: str, precision: str, original: Path | None, shapes: Shapes
    ) -> dict[str, Any]:
        """Take in a variant made elsewhere and check it like our own; returns its manifest.

        With ``original``, the float file it was made from, both are compared.
        """
        check_precision_name(precision)
        fmt = sniff.format_of(path)
        if original is not None and sniff.format_of(original) is not fmt:
            raise CatalogueError(f"{original}: is no {fmt} file as {path.name} is; give that one")
        source = self._cache.import_file(original) if original else None
        with self._files.workspace("import") as workspace:
            target = workspace / f"model.{fmt}"
            copy_hashed(path, target)
            sniff.check(target, fmt, str(path))
            inspection = derived.inspect(name, target, fmt, workspace)
            claim = Claim(precision)
            try:
                check_file(claim, inspection)
                proof, findings = self._proof(target, source, fmt, claim, inspection, shapes)
            except CatalogueError as error:
                raise CatalogueError(
                    f"{path.name} is no proven {precision} model: {error}"
                ) from error
            manifest = {
                **_heading(name, precision, fmt),
                "method": "import",
                "parameters": {},
                "source_digest": source.variant.digest if source else None,
                "source_file": path.name,
                "inspection": inspection.to_json(),
                "claim": derived.claim_json(claim),
                "proof": proof,
                "findings": findings,
                "reproducible": "made elsewhere; pinned by its digest",
            }
            return self._keep(target, fmt, name, manifest, workspace)

    def _proof(
        self,
        target: Path,
        source: LocalVariant | None,
        fmt: ModelFormat,
        claim: Claim,
        inspection: Inspection,
        shapes: Shapes,
    ) -> tuple[dict[str, Any], list[str]]:
        inputs = declarations(inspection.inputs, shapes)
        checks = ProofInputs(inputs, None, images=False, shapes=shapes)
        infer = needed(self._infer)
        if source is not None:
            proven = prove(infer, fmt, (target, source.path), checks, claim, inspection)
            return proven.proof, list(proven.findings)
        outputs = run(infer, target, fmt, checks.feeds(fmt), shapes)
        return {
            "against": "nothing: it only ran; name the float original to compare",
            "run_by": "the local runner, in a process of its own",
            "inputs": checks.to_json(),
            "samples": len(outputs),
        }, []

    def _keep(
        self, target: Path, fmt: ModelFormat, name: str, manifest: dict[str, Any], workspace: Path
    ) -> dict[str, Any]:
        digest = digest_of(target)
        whole = {**manifest, "digest": digest, "size_bytes": target.stat().st_size}
        self._files.keep(target, digest, fmt)
        self._files.write_manifest(workspace, digest, whole)
        self._files.write_name(workspace, f"{name} {fmt}", whole)
        return whole


def variant_of(manifest: Mapping[str, Any]) -> Variant:
    """A user's own variant as plans and records know it."""
    return Variant(
        model=manifest["model"],
        name=manifest["variant"],
        format=ModelFormat(manifest["format"]),
        digest=manifest["digest"],
        size_bytes=manifest["size_bytes"],
        precision=manifest["precision"],
        origin={key: manifest[key] for key in _ORIGIN_KEYS if key in manifest},
        findings=tuple(manifest["findings"]),
    )


def _heading(label: str, precision: str, fmt: ModelFormat) -> dict[str, Any]:
    model, _, variant = label.partition("/")
    return {
        "manifest": MANIFEST_VERSION,
        "model": model,
        "variant": variant or "file",
        "precision": precision,
        "licence": "unknown",
        "format": str(fmt),
    }


def _check_request(wanted: FileBuild) -> ModelFormat:
    """The format of a request that can be met."""
    method_named(wanted.method)
    if wanted.method in NETWORK_METHODS:
        raise CatalogueError(
            f"{wanted.method} works on a family's layers; write a variant in a catalogue file"
        )
    fmt = sniff.format_of(wanted.path)
    check_parameters(wanted.method, wanted.parameters, fmt)
    if wanted.policy is not None:
        wanted.policy.check(fmt)
    with contextlib.suppress(OSError):  # the import tells what is wrong with such a file
        check_size(wanted.path.stat().st_size, str(wanted.path))
    return fmt


def _calibration(wanted: FileBuild, inputs: Any) -> CalibrationSet | None:
    policy = wanted.policy
    if not (policy.calibrated() if policy else METHODS[wanted.method].calibrated):
        if wanted.calibration is not None:
            calibration_set(inputs, None, wanted.samples, wanted.seed, source=wanted.calibration)
        return None
    if wanted.calibration is None and not wanted.random:
        raise CatalogueError(
            f"{wanted.method} measures activation ranges: give --calibration data.npz, or ask for "
            "--calibration random, which becomes a finding"
        )
    return calibration_set(
        inputs, None, wanted.samples, wanted.seed, source=wanted.calibration, random=wanted.random
    )


def _recipe(
    wanted: FileBuild, source_digest: str, fmt: ModelFormat, chosen: CalibrationSet | None
) -> dict[str, Any]:
    calibration = None
    if chosen is not None:
        calibration = {
            "data": chosen.source,
            "samples": len(chosen),
            "seed": wanted.seed,
            "digest": chosen.digest,
        }
    return {
        "revision": RECIPE_REVISION,
        "file": source_digest,
        "format": str(fmt),
        "method": wanted.method,
        "parameters": wanted.parameters,
        "policy": wanted.policy.to_json() if wanted.policy else None,
        "calibration": calibration,
    }
