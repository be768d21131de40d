"""``deploy.json``: what an app reads to choose a model for the device it runs on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.jobs.candidates import Candidate
from harness.jobs.recommend import BYTES_PER_MB, J_PER_MJ, Limits, Recommendation
from harness.metrics import METRICS
from harness.units import NS_PER_MS


def deployment(answers: Sequence[Recommendation], limits: Limits) -> dict[str, object]:
    """``deploy.json``: for each device class the choice and what to fall back on, in order.

    ``match`` says of a class what the facts say of platform, model, SoC and processor (or the
    device, where they say nothing); ``devices`` are the units that were measured, and of each
    figure the worst unit's is told.
    """
    return {
        "schema": 1,
        "runs": sorted({run for answer in answers for run in answer.runs}),
        "limits": {
            "max_accuracy_loss": limits.accuracy_loss,
            "max_latency_ms": _scaled(limits.latency_ns, NS_PER_MS),
            "max_rss_mb": _scaled(limits.rss_bytes, BYTES_PER_MB),
            "max_energy_mj": _scaled(limits.energy_j, J_PER_MJ),
        },
        "device_classes": [
            {
                "match": answer.match,
                "devices": list(answer.devices),
                "choice": _entry(answer.choice.candidate) if answer.choice else None,
                "fallbacks": [_entry(item.candidate) for item in answer.fallbacks],
            }
            for answer in answers
        ],
    }


def _entry(one: Candidate) -> dict[str, object]:
    cell, variant = one.cell, one.cell.variant
    return {
        "model": variant.model,
        "variant": variant.name,
        "precision": variant.precision,
        "format": variant.format.value,
        "sha256": variant.digest,
        "size_bytes": variant.size_bytes,
        "engine": cell.engine,
        "delegate": cell.delegate,
        "threads": cell.threads,
        "options": dict(cell.options),
        "measured": {name: one.figures[name].value for name in METRICS if name in one.figures},
        "accuracy_loss": one.loss,
    }


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit
