"""May two sides be compared at all? Everything but the factor must be the same.

Each side has a fingerprint: one value for each field of :data:`FIELDS`. A comparison names its
factors, and each factor frees the fields that change with it (another engine needs another file
format). Any other field that differs makes the pair incomparable, and is named.

A value that is unknown on both sides counts as equal: it cannot be shown to differ. Unknown on one
side only is a difference. Not in the fingerprint, on purpose: where the graph really ran, because a
changed placement is a *cause* of a slowdown and not a reason not to look; the harness' commit; and
what changes from trial to trial by nature, such as temperatures, which have gates and findings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.errors import UserError
from harness.findings import Finding, finding
from harness.record import Cell, DeviceFacts, TrialRecord
from harness.validity.limits import cell_keys


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: the valid trials of one cell of one run."""

    run_id: str
    cell: Cell
    records: tuple[TrialRecord, ...]
    facts: DeviceFacts


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which two sides differ, with what each has."""

    field: str
    reference: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.field} ({self.reference} against {self.candidate})"


Reader = Callable[[Side], Iterable[str]]


def _cell(read: Callable[[Cell], object]) -> Reader:
    return lambda side: [_text(read(side.cell))]


def _fact(*names: str) -> Reader:
    def read(side: Side) -> Iterator[str]:
        values = [side.facts.values.get(name) for name in names]
        yield " ".join(_text(value) for value in values if value is not None) or UNKNOWN

    return read


def _records(read: Callable[[TrialRecord], object]) -> Reader:
    return lambda side: [_text(read(record)) for record in side.records]


def _state(*names: str) -> Reader:
    return _records(lambda record: _first(record.state_before.values, names))


def _first(values: dict[str, float | str], names: Sequence[str]) -> object:
    return next((values[name] for name in names if name in values), None)


UNKNOWN = "unknown"
#: Facts of a runner or an engine that change from process to process and do not bear on speed.
_PASSING = frozenset({"pid", "process", "session", "clock", "cache_state"})
#: Facts that have a field of their own.
_TOLD_APART = frozenset({"engine", "version", "threads", "runner"})

#: Everything that must agree, by name, in the order in which differences are told.
FIELDS: dict[str, Reader] = {
    "device": _cell(lambda cell: cell.device_id),
    "unit": _fact("serial", "hostname"),
    "device model": _fact("model", "soc", "cpu"),
    "cores": _fact("cores"),
    "memory": _fact("ram_bytes"),
    "OS": _fact("os"),
    "OS build": _fact("os_build", "kernel", "security_patch"),
    "governor": _fact("governor", "turbo"),
    "frequency limits": _fact("frequency_min_khz", "frequency_max_khz"),
    "screen": _state("screen", "display"),
    "brightness": _state("brightness"),
    "power mode": _state("power_mode", "power_save", "low_power_mode"),
    "model": _cell(lambda cell: cell.variant.model),
    "variant": _cell(lambda cell: f"{cell.variant.name} {cell.variant.precision}"),
    "format": _cell(lambda cell: cell.variant.format.value),
    "model digest": _cell(lambda cell: cell.variant.digest[:12]),
    "inputs": _records(lambda record: " ".join(digest[:12] for digest in record.input_digests)),
    "shapes": _cell(lambda cell: _settings(cell.shapes)),
    "engine": _cell(lambda cell: cell.engine),
    "engine version": _records(lambda record: record.engine.get("version")),
    "engine settings": _records(lambda record: _settings(_lasting(record.engine))),
    "options": _cell(lambda cell: _settings(cell.options)),
    "engine build": _cell(lambda cell: cell.build),
    "delegate": _cell(lambda cell: cell.delegate),
    "threads": _cell(lambda cell: cell.threads),
    "batch": _cell(lambda cell: cell.batch),
    "load": _cell(
        lambda cell: asdict(cell.load) if cell.purpose == "timing" else f"{cell.purpose} pass"
    ),
    "runner": _records(lambda record: record.runner.get("runner")),
    "runner version": _records(lambda record: record.runner.get("version")),
    "runner build": _records(lambda record: _settings(_lasting(record.runner))),
    "harness version": _records(lambda record: record.harness.get("version")),
}

_UNIT = ("device", "unit")
_HARDWARE = ("device model", "cores", "memory", "governor", "frequency limits")
_SYSTEM = ("OS", "OS build")
_SCREEN = ("screen", "brightness", "power mode")

#: What a comparison may be about, and the fields that each factor frees.
FACTORS: dict[str, tuple[str, ...]] = {
    "run": (),
    "arm": (
        *("variant", "model digest", "inputs", "options", "engine version", "engine settings"),
        *("engine build", "runner version", "runner build"),
    ),
    "engine": (
        *("engine", "engine version", "engine settings", "engine build", "format"),
        *("model digest", "inputs"),
    ),
    "engine_version": ("engine version", "engine settings", "engine build"),
    "variant": ("variant", "format", "model digest", "inputs"),
    "model": ("model", "model digest", "inputs", "shapes"),
    "digest": ("model digest",),
    "delegate": ("delegate", "engine settings"),
    "threads": ("threads", "engine settings"),
    "batch": ("batch", "inputs"),
    "options": ("options", "engine settings"),
    "shapes": ("shapes", "inputs"),
    "load": ("load",),
    "device": (*_UNIT, *_HARDWARE, *_SYSTEM, *_SCREEN),
    "os": _SYSTEM,
    "governor": ("governor", "frequency limits"),
    "runner": ("runner", "runner version", "runner build"),
    "harness": ("harness version", "runner version"),
}

#: Factors that cells of one run can differ in; the others need two runs.
CELL_FACTORS = (
    "device",
    "model",
    "variant",
    "engine",
    "delegate",
    "threads",
    "batch",
    "load",
    "options",
    "shapes",
    "arm",
)


def check_factors(factors: Iterable[str]) -> tuple[str, ...]:
    """The factors as they are; UserError with those there are for an unknown one."""
    chosen = tuple(dict.fromkeys(factors))
    for factor in chosen:
        if factor not in FACTORS:
            raise UserError(f"no factor {factor!r} to compare by; there are {', '.join(FACTORS)}")
    return chosen


def level(cell: Cell, factors: Iterable[str]) -> str:
    """What a cell has of the factors, for people: ``tflite`` or ``tflite, 4``."""
    names = _names(cell)
    return ", ".join(names[factor] for factor in factors if factor in names)


def pairing_key(cell: Cell, factors: Iterable[str]) -> tuple[str, ...]:
    """Cells with equal keys answer the same question, up to the factors."""
    freed = {field for factor in factors for field in (factor, *FACTORS[factor])}
    names = _names(cell) | {"load": _text(asdict(cell.load))}
    return (cell.purpose, *(names[key] for key in CELL_FACTORS if key not in freed))


def differences(reference: Side, candidate: Side, factors: Iterable[str]) -> list[Difference]:
    """The fields outside the factors in which the sides differ; empty where they are comparable.

    A side whose own trials disagree differs as well: it is not one thing.
    """
    freed = {field for factor in factors for field in FACTORS[factor]}
    found = []
    for field, read in FIELDS.items():
        if field in freed:
            continue
        ours, theirs = _distinct(read(candidate)), _distinct(read(reference))
        if ours != theirs or len(ours) > 1:
            found.append(Difference(field, " and ".join(theirs), " and ".join(ours)))
    return found


def power_difference(reference: Side, candidate: Side, metric: str) -> list[Difference]:
    """A gauge, rails and a meter see different parts of a device: only one source compares."""
    if not metric.startswith(("energy_", "power_")):
        return []
    ours, theirs = (
        ", ".join(_distinct(one.energy.source for one in side.records if one.energy))
        for side in (candidate, reference)
    )
    return [Difference("power source", theirs, ours)] if ours != theirs else []


def separate_sessions(reference: Side, candidate: Side) -> Iterator[Finding]:
    """SEPARATE-SESSIONS: the trials of the sides were not taken in turn."""
    if reference.run_id != candidate.run_id:
        yield finding("SEPARATE-SESSIONS", f"runs {reference.run_id} and {candidate.run_id}")
        return
    ours = sorted(record.started_at for record in candidate.records)
    theirs = sorted(record.started_at for record in reference.records)
    if ours and theirs and (ours[-1] < theirs[0] or theirs[-1] < ours[0]):
        yield finding("SEPARATE-SESSIONS", "all trials of one side came before those of the other")


def single_unit(
    reference: Side, candidate: Side, factors: Sequence[str], units: Iterable[DeviceFacts]
) -> Iterator[Finding]:
    """SINGLE-UNIT: one device stands for its model. ``units`` are all devices that were measured.

    A lab machine is compared with itself and claims nothing about others, so only phones count,
    unless devices are the factor.
    """
    known = list(units)
    sides = {side.facts.device_id: side.facts for side in (reference, candidate)}
    for device_id, facts in sides.items():
        if "device" not in factors and facts.values.get("platform") == "local":
            continue
        model = facts.values.get("model")
        alike = {one.device_id for one in known if one.values.get("model") == model}
        if model is None or len(alike | {device_id}) == 1:
            yield finding("SINGLE-UNIT", f"{device_id} alone stands for {model or 'its model'}")


def _names(cell: Cell) -> dict[str, str]:
    keys = cell_keys(cell) | {"options": _settings(cell.options), "shapes": _settings(cell.shapes)}
    return {factor: keys[factor] for factor in CELL_FACTORS}


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted(set(values)) or [UNKNOWN]


def _lasting(facts: dict[str, str | int | float | bool]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name not in _PASSING | _TOLD_APART}


def _settings(values: Mapping[str, object]) -> str:
    """``threads=4, xnnpack=true``, the same for equal settings."""
    written = (f"{name}={json.dumps(value, default=str)}" for name, value in values.items())
    return ", ".join(sorted(written)) or "none"


def _text(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
