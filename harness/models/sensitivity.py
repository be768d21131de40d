"""How much each layer suffers: one layer quantized at a time, everything else in float."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.models import derived
from harness.models.agreement import agreement
from harness.models.derived import Order, Wish
from harness.models.inference import Feeds, Infer, Outputs, Shapes
from harness.models.inspection import Inspection
from harness.models.methods import KEEP, MIXED
from harness.models.policy import Policy, Rule, Setting
from harness.models.proving import run

_CHUNK_BYTES = 512 * 2**20  #: of files that lie on the disk at once
_FLOAT_BYTES = 4

#: A task's figure from a model's outputs on the checking inputs; more is better.
Metric = Callable[[Outputs], float]


@dataclass(frozen=True, slots=True)
class Subject:
    """A float model to quantize in parts. ``checks`` are inputs as the file takes them."""

    order: Order
    checks: Feeds
    shapes: Shapes
    metric: Metric | None = None


@dataclass(frozen=True, slots=True)
class LayerLoss:
    """What quantizing one layer does to the outputs.

    ``noise`` is the noise-to-signal power ratio (0 where nothing changes), ``saved_bytes`` what the
    layer's weights shrink by, ``score`` the metric's value; all None with the reason in
    ``refused`` where the tool cannot.
    """

    layer: str
    type: str
    setting: Setting
    noise: float = 0.0
    saved_bytes: int = 0
    score: float | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A built file's outputs against the float ones, and what it is."""

    noise: float
    score: float | None
    size_bytes: int
    inspection: Inspection


class Bench:
    """Builds and runs files of one subject; ``workspace`` keeps what was measured once."""

    def __init__(self, subject: Subject, infer: Infer, workspace: Path) -> None:
        self.subject, self._infer, self._folder = subject, infer, workspace
        order = subject.order
        self.layers = [
            (name, kind)
            for name, kind, weighted in derived.layers(
                order.label, order.source, order.format, workspace
            )
            if weighted
        ]
        self._wanted = self._run(order.source)
        self.float_score = subject.metric(self._wanted) if subject.metric else None

    def try_policies(self, policies: Sequence[Policy]) -> Iterator[Tried]:
        """Build each policy's file and run it; files are removed as they are done with."""
        room = max(1, _CHUNK_BYTES // self.subject.order.source.stat().st_size)
        for start in range(0, len(policies), room):
            yield from self._chunk(policies[start : start + room])

    def _chunk(self, policies: Sequence[Policy]) -> Iterator[Tried]:
        order = self.subject.order
        wishes = [
            Wish(
                {"method": MIXED, "parameters": {}, "policy": policy.to_json()},
                MIXED,
                self._folder / f"trial-{place}.{order.format}",
            )
            for place, policy in enumerate(policies)
        ]
        items = derived.build(order, wishes, self._folder)["items"]
        for wish, item in zip(wishes, items, strict=True):
            yield self._tried(wish.target, Inspection.from_json(item["inspection"]))
            wish.target.unlink()

    def _tried(self, path: Path, inspection: Inspection) -> Tried:
        outputs, metric = self._run(path), self.subject.metric
        ratio = agreement(outputs, self._wanted).sqnr_db
        return Tried(
            noise=0.0 if ratio is None else 10 ** (-ratio / 10),
            score=metric(outputs) if metric else None,
            size_bytes=path.stat().st_size,
            inspection=inspection,
        )

    def _run(self, path: Path) -> Outputs:
        subject = self.subject
        return run(self._infer, path, subject.order.format, subject.checks, subject.shapes)


def sensitivity(
    bench: Bench, settings: Sequence[Setting], progress: Callable[[str], None]
) -> list[LayerLoss]:
    """Each layer with weights under each setting, in the model's order."""
    pairs = [(name, kind, setting) for name, kind in bench.layers for setting in settings]
    policies = [only(name, setting) for name, _, setting in pairs]
    found: list[LayerLoss] = []
    for (name, kind, setting), tried in zip(pairs, bench.try_policies(policies), strict=True):
        progress(f"{len(found) + 1}/{len(pairs)} {name}: {setting.method}")
        saved = saved_bytes(name, tried.inspection)
        if saved <= 0:
            reason = f"the tool leaves {kind} as it was"
            found.append(LayerLoss(name, kind, setting, refused=reason))
        else:
            found.append(LayerLoss(name, kind, setting, tried.noise, saved, tried.score))
    return found


def only(layer: str, setting: Setting) -> Policy:
    """A policy that quantizes one layer."""
    return Policy(Setting(KEEP, {}), layers=(Rule(exactly(layer), setting),))


def exactly(layer: str) -> str:
    """The pattern that matches just this name."""
    return glob.escape(layer)


def saved_bytes(layer: str, inspection: Inspection) -> int:
    """What a layer's weights are smaller by than in float32; tools may add to the layer's name."""
    return sum(
        weight.elements * _FLOAT_BYTES - weight.size_bytes
        for weight in inspection.layer_weights()
        if weight.dtype != "float32" and weight.layer.startswith(layer)
    )


def to_json(losses: Sequence[LayerLoss]) -> list[dict[str, Any]]:
    """Plain data."""
    return [
        {
            "layer": loss.layer,
            "type": loss.type,
            "method": loss.setting.method,
            "noise": loss.noise,
            "saved_bytes": loss.saved_bytes,
            "score": loss.score,
            "refused": loss.refused,
        }
        for loss in losses
    ]
