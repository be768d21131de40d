"""The cells of one device: the union of the blocks, each cell once, each hole with its reason."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.plan.arms import NoPair, pair
from harness.plan.devices import Candidate, matches
from harness.record import Cell, OptionValue, Purpose, Skip
from harness.scenario import (
    AccuracyPass,
    Burst,
    Cold,
    FileModel,
    Load,
    MatrixBlock,
    MemoryPass,
    ModelRef,
    ProfilePass,
    Scenario,
    Shapes,
    Sustained,
    Warmup,
)
from harness.scenario_file.engines import DETACHABLE, obstacle
from harness.validity import limits
from harness.variant import ENGINE_FORMATS, ModelFormat, Variant


class VariantSource(Protocol):
    """Where the planner learns which variants a model has."""

    def variants(self, ref: ModelRef, fmt: ModelFormat) -> Sequence[Variant]:
        """The variants that ``ref`` names, as far as they exist in this format.

        Raises :class:`~harness.errors.CatalogueError` for a family, variant or file that is
        unknown in every format.
        """

    def no_accuracy(self, ref: ModelRef, accuracy: AccuracyPass) -> str | None:
        """Why a model cannot be asked for its accuracy on that dataset; None where it can.

        Raises :class:`~harness.errors.CatalogueError` for an unknown dataset.
        """


def label(cell: Cell) -> str:
    """A cell for people: ``mobilenet_v2/int8-static tflite cpu t4 b1 single_stream``."""
    kind = cell.load.kind if cell.purpose == "timing" else cell.purpose
    parts = [cell.variant.label, cell.engine, cell.delegate, f"t{cell.threads}", f"b{cell.batch}"]
    parts += [f"{name}={'x'.join(map(str, shape))}" for name, shape in cell.shapes.items()]
    parts += [f"{name}={value}" for name, value in cell.options.items()]
    return " ".join([*parts, kind, *([cell.arm] if cell.arm else [])])


def memory_load(memory: MemoryPass) -> Sustained:
    """The work during a memory pass: as long as the last reading needs."""
    return Sustained(seconds=memory.settle_minutes * 60 + memory.readings * memory.every_seconds)


def profile_load(profile: ProfilePass) -> Burst:
    """The inferences of a profile pass: how many, and how many before them."""
    warmup = Warmup(rule="fixed", min_seconds=0.0, min_inferences=profile.warmup)
    return Burst(warmup, inferences=profile.inferences)


#: The load of the accuracy pass, which stands for nothing; see ``record.Cell``.
ACCURACY_LOAD = Burst(Warmup(rule="none"), inferences=1)


@dataclass(frozen=True, slots=True)
class _Point:
    """A point of a block before its thread count, batch and load: what the engine is asked for."""

    ref: ModelRef
    variant: Variant
    shapes: Shapes
    engine: str
    delegate: str
    options: dict[str, OptionValue]


class DeviceMatrix:
    """Expands the scenario on one device."""

    def __init__(self, scenario: Scenario, device: Candidate, source: VariantSource) -> None:
        self._scenario, self._device, self._source = scenario, device, source
        self._seen: set[object] = set()
        self.cells: list[Cell] = []
        self.skips: list[Skip] = []
        self.guessed = False  #: whether a ``when`` was taken to hold without knowing the facts
        for block in scenario.blocks:
            self._expand(block)

    def _expand(self, block: MatrixBlock) -> None:
        holds = matches(block.when, self._device) if block.when is not None else True
        if holds is False:
            return
        self.guessed = self.guessed or holds is None
        for point in self._points(block):
            objection = obstacle(self._device.platform, point.engine, point.delegate, point.options)
            objection = objection or self._without_engine(point.engine)
            for threads, batch, (purpose, load) in itertools.product(
                block.threads, block.batches, self._loads()
            ):
                self._add(point, threads, batch, purpose, load, objection)

    def _points(self, block: MatrixBlock) -> Iterator[_Point]:
        for ref, engine in itertools.product(self._scenario.models, block.engines):
            shapes: Sequence[Shapes] = (ref.shapes if isinstance(ref, FileModel) else ()) or ({},)
            for variant, shape, delegate, options in itertools.product(
                self._variants(ref, engine), shapes, block.delegates, block.options
            ):
                yield _Point(ref, variant, shape, engine, delegate, dict(options))

    def _loads(self) -> Iterator[tuple[Purpose, Load]]:
        for load in self._scenario.loads:
            yield "timing", load
        if self._scenario.memory is not None:
            yield "memory", memory_load(self._scenario.memory)
        if self._scenario.accuracy is not None:
            yield "accuracy", ACCURACY_LOAD
        if self._scenario.profile is not None:
            yield "profile", profile_load(self._scenario.profile)

    def _variants(self, ref: ModelRef, engine: str) -> Sequence[Variant]:
        """The variants of ``ref`` that ``engine`` can load; a skip for each that it cannot."""
        fmt = ENGINE_FORMATS.get(engine)
        if fmt is None:
            self._skip_model(_name(ref), engine, f"no model can be made for {engine} yet")
            return ()
        if isinstance(ref, FileModel):
            if ref.path.suffix.lower() != f".{fmt}":
                reason = f"{engine} loads .{fmt} files, not {ref.path.suffix}"
                self._skip_model(_name(ref), engine, reason)
                return ()
            return self._source.variants(ref, fmt)
        found = self._source.variants(ref, fmt)
        for missing in [name for name in ref.variants if name not in {v.name for v in found}]:
            reason = f"there is no {fmt} form of this variant"
            self._skip_model(f"{ref.family}/{missing}", engine, reason)
        return found

    def _skip_model(self, model: str, engine: str, reason: str) -> None:
        what = f"{model} {engine}"
        if what not in self._seen:
            self._seen.add(what)
            self.skips.append(Skip(self._device.device_id, what, reason))

    def _add(
        self,
        point: _Point,
        threads: int,
        batch: int,
        purpose: Purpose,
        load: Load,
        objection: str | None,
    ) -> None:
        cell = Cell(
            self._device.device_id,
            point.variant,
            point.engine,
            point.delegate,
            threads,
            1 if purpose == "accuracy" else batch,
            load,
            point.shapes,
            point.options,
            purpose,
        )
        identity = _identity(cell)
        if identity in self._seen:
            return
        self._seen.add(identity)
        reason = objection or self._too_many_threads(threads) or self._needs_cable(cell)
        reason = reason or self._needs_a_hand(cell) or self._excluded(cell)
        if purpose == "accuracy" and self._scenario.accuracy is not None:
            reason = reason or self._source.no_accuracy(point.ref, self._scenario.accuracy)
        try:
            if reason is None:
                self.cells += self._arms(cell)
                return
        except NoPair as problem:
            reason = str(problem)
        self.skips.append(Skip(cell.device_id, label(cell), reason))

    def _arms(self, cell: Cell) -> tuple[Cell, ...]:
        arms = self._scenario.arms
        return (cell,) if arms is None else pair(cell, arms, self._source)

    def _too_many_threads(self, threads: int) -> str | None:
        cores = self._device.cores
        if cores is None or threads <= cores:
            return None
        return f"{threads} threads on a device of {cores} cores would measure the scheduler"

    def _without_engine(self, engine: str) -> str | None:
        """Whether no runner at hand brings an engine to this phone, by its agent's word.

        Arms may bring runners of their own.
        """
        has = self._device.facts.values.get("runner_engines") if self._device.facts else None
        known = isinstance(has, str) and self._scenario.arms is None
        if not known or engine in str(has).split(", "):
            return None
        return (
            f"no runner on this host brings {engine} to this phone (there is: {has}); "
            "docs/android-runner.md tells how to build one"
        )

    def _needs_cable(self, cell: Cell) -> str | None:
        works = cell.purpose == "timing" and not isinstance(cell.load, Cold)
        if self._scenario.is_detached and works and self._device.platform not in DETACHABLE:
            return f"{self._device.platform} cannot measure without its cable"
        return None

    def _needs_a_hand(self, cell: Cell) -> str | None:
        if self._scenario.prepare.start != "by_hand":
            return None
        if self._device.platform == "android":
            return "by hand (prepare.start) only iPhones are started; leave it out for Android"
        if self._device.platform == "ios" and isinstance(cell.load, Cold):
            return "a cold start needs a process of its own; an app opened by hand has none"
        return None

    def _excluded(self, cell: Cell) -> str | None:
        for exclusion in self._scenario.exclude:
            if limits.matches(cell, exclusion.match):
                return f"excluded: {exclusion.why}"
        return None


def _name(ref: ModelRef) -> str:
    return ref.path.stem if isinstance(ref, FileModel) else ref.family


def _identity(cell: Cell) -> object:
    """Equal for equal cells, and cheaper than comparing them (a Cell holds dicts)."""
    variant = cell.variant
    return (
        (variant.model, variant.name, variant.format, variant.digest),
        (cell.engine, cell.delegate, cell.threads, cell.batch, cell.load, cell.purpose),
        _items(cell.shapes),
        _items(cell.options),
    )


def _items(values: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(values.items()))
