"""From a scenario and the devices at hand to trials: each cell once, each hole with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.plan.devices import Candidate, Choice, candidates, choose
from harness.plan.estimate import PlanEstimate, estimate, latency_key
from harness.plan.matrix import DeviceMatrix, VariantSource, label
from harness.plan.night import NIGHT_S, fitting, night_end
from harness.plan.order import trials
from harness.record import DeviceFacts, Skip, Trial
from harness.scenario import AccuracyPass, ModelRef, Scenario
from harness.variant import ModelFormat, Variant

__all__ = [
    "NIGHT_S",
    "Candidate",
    "Choice",
    "Plan",
    "PlanEstimate",
    "VariantSource",
    "candidates",
    "choose",
    "estimate",
    "expand",
    "fitting",
    "label",
    "latency_key",
    "night_end",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be measured, in order, and what will not, with reasons.

    ``devices`` are those that take part; when there are none, no device matched. ``unknown`` are
    the ones among them whose facts a decision needed and nobody had asked yet: their cells are a
    guess that holds if the selectors do.
    """

    trials: tuple[Trial, ...]
    skips: tuple[Skip, ...]
    devices: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    idle_seconds: float = 0.0  #: before, and again after the work of a timed trial, for energy
    detached: bool = False  #: timed trials run with the cable out
    ranking: tuple[str, ...] = ()  #: cell keys in the order of the scenario, most important first


def expand(
    scenario: Scenario, facts: Mapping[str, DeviceFacts | None], variants: VariantSource
) -> Plan:
    """The plan of ``scenario`` on the devices of ``facts`` (None: facts not asked yet).

    Pure: equal arguments give equal plans on every host. An empty plan is the caller's to judge.
    Raises :class:`~harness.errors.CatalogueError` for unknown families, variants and files.
    """
    chosen = choose(scenario.devices, candidates(facts, scenario.lab), scenario.lab)
    source = _Remembered(variants)
    matrices = {one.device_id: DeviceMatrix(scenario, one, source) for one in chosen.devices}
    cells = [cell for matrix in matrices.values() for cell in matrix.cells]
    skips = [skip for matrix in matrices.values() for skip in matrix.skips]
    guessed = {device_id for device_id, matrix in matrices.items() if matrix.guessed}
    return Plan(
        trials(cells, scenario.order, scenario.repeats),
        (*chosen.skips, *skips),
        tuple(matrices),
        tuple(sorted(guessed | set(chosen.unknown))),
        scenario.idle_seconds,
        scenario.is_detached,
        tuple(cell.key for cell in cells),
    )


class _Remembered:
    """Asks the source once per model and format: it may look into files."""

    def __init__(self, source: VariantSource) -> None:
        self._source = source
        self._known: dict[tuple[str, ModelFormat], tuple[Variant, ...]] = {}

    def variants(self, ref: ModelRef, fmt: ModelFormat) -> tuple[Variant, ...]:
        key = (repr(ref), fmt)  # by value, as arms make theirs anew; a FileModel has no hash
        if key not in self._known:
            self._known[key] = tuple(self._source.variants(ref, fmt))
        return self._known[key]

    def no_accuracy(self, ref: ModelRef, accuracy: AccuracyPass) -> str | None:
        return self._source.no_accuracy(ref, accuracy)
