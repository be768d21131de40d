"""Writes the float network of a recipe, layer by layer, and checks what the file computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.models.convert import engines, proof
from harness.models.convert.feeds import Feeds
from harness.models.convert.inspection import inspect
from harness.models.convert.layers import Network
from harness.models.convert.network import declared_inputs, network_of
from harness.models.convert.reference import run_all
from harness.models.convert.work import multiplications
from harness.models.datasets.samples import proof_feeds
from harness.models.methods import PRUNE
from harness.variant import ModelFormat

_REPRODUCIBLE = "byte-identical with the same tool versions"
_TRAINED = (
    "byte-identical with the same tool versions on one kind of processor; training elsewhere may "
    "end at other weights, so pin the digest"
)
_PROOF_SAMPLES = 4
_PROOF_SEED = 0x70726F6F66  #: apart from every calibration seed, so that proof is no repetition


def build(recipe: dict[str, Any], target: Path) -> dict[str, object]:
    """Write the file that ``recipe`` describes to ``target``; returns its part of the manifest.

    Raises :class:`ConvertError` when the file does not compute what its layers say.
    """
    fmt = ModelFormat(recipe["format"])
    network, pruned = _network(recipe)
    _write(network, fmt, target)
    feeds = _proof_feeds(recipe)
    wanted = run_all(network, feeds)
    rows = engines.joined_outputs(zip(*wanted.values(), strict=True))
    figures = proof.agreement(engines.run(target, fmt, feeds), rows)
    proof.check_float(figures)
    return {
        "proof": {
            "against": "the layers computed in float64",
            "run_by": "the process that built it",
            "samples": _PROOF_SAMPLES,
            **figures,
        },
        "inspection": inspect(target, fmt).to_json(),
        "multiply_accumulates": multiplications(network),
        "reproducible": _TRAINED if recipe["network"]["dataset"] else _REPRODUCIBLE,
        **pruned,
    }


def _network(recipe: dict[str, Any]) -> tuple[Network, dict[str, object]]:
    """The network, and what was pruned from it."""
    if recipe["method"] != PRUNE:
        return network_of(recipe), {}
    from harness.models.convert.prune import prune

    whole = network_of(recipe["source"])
    network, report = prune(whole, **recipe["parameters"])
    return network, {"pruned": {**report, "multiply_accumulates_before": multiplications(whole)}}


def _write(network: Network, fmt: ModelFormat, target: Path) -> None:
    if fmt is ModelFormat.ONNX:
        from harness.models.convert import to_onnx

        to_onnx.write(network, target)
    else:
        from harness.models.convert import to_tflite

        to_tflite.write(network, target)


def _proof_feeds(recipe: dict[str, Any]) -> Feeds:
    dataset = recipe["network"]["dataset"]
    return proof_feeds(declared_inputs(recipe), dataset, _PROOF_SAMPLES, _PROOF_SEED)
