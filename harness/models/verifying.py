"""``verify``: everything that a manifest claims, checked again from the files alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models import derived
from harness.models.agreement import Agreement, agreement
from harness.models.claims import Claim, check_file, check_outputs
from harness.models.convert.feeds import digest_of as digest_of_feeds
from harness.models.files import CacheFiles, digest_of
from harness.models.inference import Infer
from harness.models.inspection import Inspection
from harness.models.methods import NETWORK_METHODS
from harness.models.proving import ProofInputs, run
from harness.variant import ModelFormat

#: How far the least cosine may move between two machines' kernels before it is told.
_COSINE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ``problem`` is empty where it is as it should be."""

    what: str
    found: str
    problem: str = ""


class Verifier:
    """Checks the files of the cache; ``infer`` runs them."""

    def __init__(self, files: CacheFiles, infer: Infer) -> None:
        self._files, self._infer = files, infer

    def verify(self, manifest: Mapping[str, Any]) -> list[Check]:
        """Bytes, contents, claim, and the comparison with the original."""
        path = self._files.find(manifest["digest"])
        if path is None:
            return [Check("file", "missing", "build or import it again")]
        if digest_of(path) != manifest["digest"]:
            return [Check("bytes", "damaged", "build or import it again")]
        checks = [Check("bytes", f"SHA-256 {manifest['digest'][:12]}...")]
        fmt = ModelFormat(manifest["format"])
        label = f"{manifest['model']}/{manifest['variant']}"
        with self._files.workspace("verify") as workspace:
            inspection = derived.inspect(label, path, fmt, workspace)
        checks.append(_same_contents(manifest, inspection))
        claim = _claim(manifest)
        checks.append(_attempt("precision", claim.precision, lambda: check_file(claim, inspection)))
        checks.append(self._outputs(manifest, path, fmt, claim))
        return checks

    def _outputs(
        self, manifest: Mapping[str, Any], path: Path, fmt: ModelFormat, claim: Claim
    ) -> Check:
        proof = manifest["proof"]
        inputs = ProofInputs.from_json(proof["inputs"])
        try:
            feeds = inputs.feeds(fmt)
            outputs = run(self._infer, path, fmt, feeds, inputs.shapes)
            written = manifest["method"] in NETWORK_METHODS  # from layers, not from another file
            source = None if written else self._files.find(str(manifest["source_digest"]))
            if source is None:
                return Check("outputs", f"it runs ({len(outputs)} samples); no original to compare")
            wanted = run(self._infer, source, fmt, feeds, inputs.shapes)
            figures = agreement(outputs, wanted)
            check_outputs(claim, figures)
        except CatalogueError as error:
            return Check("outputs", "not proven", str(error))
        same = digest_of_feeds(dict(feeds)) == proof.get("inputs_digest")
        return _against_manifest(figures, proof, same_inputs=same)


def _claim(manifest: Mapping[str, Any]) -> Claim:
    known = manifest.get("claim")
    if known is None:
        return Claim(manifest["precision"])
    return Claim(known["precision"], known["activations"], known["layers"])


def _same_contents(manifest: Mapping[str, Any], inspection: Inspection) -> Check:
    told = Inspection.from_json(manifest["inspection"])
    shares = ", ".join(f"{share:.0%} {kind}" for kind, share in inspection.weight_shares.items())
    problem = "" if told == inspection else "the manifest describes other contents"
    return Check("contents", f"weights by bytes: {shares}", problem)


def _attempt(what: str, found: str, check: Any) -> Check:
    try:
        check()
    except CatalogueError as error:
        return Check(what, f"not {found}", str(error))
    return Check(what, found)


def _against_manifest(figures: Agreement, proof: Mapping[str, Any], *, same_inputs: bool) -> Check:
    ratio = "equal" if figures.sqnr_db is None else f"SQNR {figures.sqnr_db:.1f} dB"
    found = f"least cosine {figures.cosine_min:.4f}, {ratio}, {figures.samples} samples"
    if not same_inputs:
        return Check("outputs", f"{found}; on other inputs than when it was built")
    moved = abs(figures.cosine_min - proof["cosine_min"])
    problem = (
        ""
        if math.isfinite(moved) and moved <= _COSINE_TOLERANCE
        else (f"when it was built the least cosine was {proof['cosine_min']}")
    )
    return Check("outputs", found, problem)
