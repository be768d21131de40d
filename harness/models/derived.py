"""Files made out of a float file: built in a process of their own, then proven through a runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.claims import Claim, claim_of
from harness.models.inference import Feeds, Infer
from harness.models.inspection import Inspection
from harness.models.proving import ProofInputs, prove
from harness.models.subprocess_build import run_job
from harness.variant import ModelFormat


@dataclass(frozen=True, slots=True)
class Order:
    """What a file is made from. ``feeds`` are calibration inputs as the file takes them."""

    label: str
    source: Path
    format: ModelFormat
    feeds: Feeds | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """One file to make: its recipe (method, parameters, policy) and what it must prove to be."""

    recipe: Mapping[str, Any]
    precision: str
    target: Path


def make(
    order: Order, wish: Wish, checks: ProofInputs, workspace: Path, infer: Infer
) -> dict[str, Any]:
    """Build one file and prove it; returns its part of the manifest.

    Raises :class:`CatalogueError` in one line when it cannot be built or is not what it should be.
    """
    answer = build(order, [wish], workspace)
    item = answer.pop("items")[0]
    inspection = Inspection.from_json(item["inspection"])
    claim = claim_of(wish.precision, wish.recipe["method"], item["layers"])
    try:
        files = wish.target, order.source
        proven = prove(infer, order.format, files, checks, claim, inspection)
    except CatalogueError as error:
        raise CatalogueError(
            f"{order.label} is no proven {wish.precision} model: {error}"
        ) from error
    return {
        **answer,
        **item,
        "claim": claim_json(claim),
        "proof": proven.proof,
        "findings": list(proven.findings),
    }


def build(order: Order, wishes: Sequence[Wish], workspace: Path) -> dict[str, Any]:
    """Build files in one process, so that what they share is done once; nothing is proven."""
    return run_job(
        f"building {order.label}",
        {
            "kind": "derive",
            "source": str(order.source),
            "format": str(order.format),
            "feeds": save_feeds(order.feeds, workspace),
            "items": [{"recipe": dict(wish.recipe), "target": str(wish.target)} for wish in wishes],
        },
        workspace,
    )


def inspect(label: str, path: Path, fmt: ModelFormat, workspace: Path) -> Inspection:
    """What a file is, read in a process of its own."""
    job = {"kind": "describe", "source": str(path), "format": str(fmt)}
    return Inspection.from_json(run_job(f"inspecting {label}", job, workspace)["inspection"])


def layers(
    label: str, path: Path, fmt: ModelFormat, workspace: Path
) -> list[tuple[str, str, bool]]:
    """The layers of a float file: name, type, and whether it has weights."""
    job = {"kind": "layers", "source": str(path), "format": str(fmt)}
    found = run_job(f"reading {label}", job, workspace)["layers"]
    return [(name, kind, weighted) for name, kind, weighted in found]


def claim_json(claim: Claim) -> dict[str, Any]:
    """Plain data for a manifest."""
    return {"precision": claim.precision, "activations": claim.activations, "layers": claim.layers}


def save_feeds(feeds: Feeds | None, workspace: Path) -> str | None:
    """Write inputs where a build finds them; None where there are none."""
    if feeds is None:
        return None
    import numpy as np

    path = workspace / "feeds.npz"
    np.savez(path, allow_pickle=False, **dict(feeds))
    return str(path)
