"""``deploy.json``: what an app reads to choose a model for the device it runs on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.jobs.recommend import BYTES_PER_MB, Candidate, Limits, Recommendation
from harness.metrics import METRICS
from harness.record import DeviceFacts
from harness.units import NS_PER_MS

#: What tells one class of devices from another, as far as the agent knows it.
_CLASS_FACTS = ("platform", "model", "soc", "cpu")


def deployment(answers: Sequence[Recommendation], limits: Limits) -> dict[str, object]:
    """``deploy.json``: for each device class the choice and what to fall back on, in order.

    A class is what the facts say of platform, model, SoC and processor. Where several units of a
    class were measured, each has its entry.
    """
    return {
        "schema": 1,
        "runs": sorted({run for answer in answers for run in answer.runs}),
        "limits": {
            "max_accuracy_loss": limits.accuracy_loss,
            "max_latency_ms": _scaled(limits.latency_ns, NS_PER_MS),
            "max_rss_mb": _scaled(limits.rss_bytes, BYTES_PER_MB),
        },
        "device_classes": [
            {
                "match": _class_of(answer.facts),
                "device": answer.device_id,
                "choice": _entry(answer.choice.candidate) if answer.choice else None,
                "fallbacks": [_entry(item.candidate) for item in answer.fallbacks],
            }
            for answer in answers
        ],
    }


def _class_of(facts: DeviceFacts) -> dict[str, object]:
    return {name: facts.values[name] for name in _CLASS_FACTS if name in facts.values}


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
