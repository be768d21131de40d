"""What was measured of each variant and setting, on each class of devices.

A class is what an app can tell of the device it runs on. Where several units of one were measured,
a figure is that of the worst of them: what holds there holds on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from harness.record import Cell, DeviceFacts, Outcome, TrialRecord
from harness.scenario import Burst, Periodic, SingleStream, Sustained
from harness.stats.interval import Estimate, geometric_mean_interval
from harness.store.run_reader import RunReader

LATENCY, SIZE, MEMORY = "latency_p90_ns", "size_bytes", "rss_peak_bytes"
#: Joules per inference: of these, too, the first that was measured counts.
ENERGY = ("energy_net_j", "energy_gross_j")
#: Of these the first that was measured counts.
ACCURACY = ("accuracy_top1", "accuracy_f1")
#: Loads whose latency is that of single inferences, in the order of preference.
_LOADS = (SingleStream, Periodic, Sustained, Burst)
#: What tells one class of devices from another, as far as the agent knows it.
_CLASS_FACTS = ("platform", "model", "soc", "cpu")
_SIMULATED = "simulated"
_TOO_VAGUE = {"platform", _SIMULATED}  #: alone they are no class

Timing = tuple[Cell, dict[str, Estimate]]
#: The samples in words, and what was answered.
Asked = tuple[str, dict[str, Estimate]]
#: Whether a device is asked about.
Wanted = Callable[[str, DeviceFacts], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One variant on one engine and setting of a device class, with what was measured.

    ``figures`` hold metrics by stored name; ``loss`` is the accuracy lost against the reference,
    None where either was not measured on the same samples. ``missing`` are units of the class that
    it was not measured on.
    """

    cell: Cell
    figures: dict[str, Estimate]
    dataset: str = ""
    loss: float | None = None
    missing: tuple[str, ...] = ()

    @property
    def accuracy(self) -> Estimate | None:
        """The share that counts as accuracy."""
        return next((self.figures[name] for name in ACCURACY if name in self.figures), None)

    @property
    def energy_metric(self) -> str | None:
        """Which energy is known: net of idle, else gross."""
        return next((name for name in ENERGY if name in self.figures), None)

    @property
    def energy(self) -> Estimate | None:
        """Joules per inference: net of idle, or gross where only that is known."""
        return self.figures[self.energy_metric] if self.energy_metric else None


@dataclass(frozen=True, slots=True)
class DeviceClass:
    """The units of one class and what was measured on all of them. ``match`` tells the class."""

    match: dict[str, object]
    devices: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    runs: tuple[str, ...]


def device_classes(runs: Sequence[RunReader], wanted: Wanted) -> list[DeviceClass]:
    """What ``runs`` measured on the ``wanted`` devices; later runs replace earlier values."""
    found: dict[str, _Device] = {}
    for run in runs:
        for device_id, facts in run.plan.facts.items():
            found.setdefault(device_id, _Device(facts)).runs.append(run.run_id)
        for trial in run.plan.trials:
            if trial.cell.purpose == "timing" and trial.cell.device_id in found:
                found[trial.cell.device_id].is_timed = True
        for cell, records in _cells(run):
            device = found.setdefault(cell.device_id, _Device(DeviceFacts(cell.device_id)))
            device.add(cell, records)
    classes: dict[str, dict[str, _Device]] = {}
    for device_id in sorted(found):
        if wanted(device_id, found[device_id].facts):
            key = repr(_class_of(device_id, found[device_id].facts))
            classes.setdefault(key, {})[device_id] = found[device_id]
    return [_merged(units) for units in classes.values()]


def _class_of(device_id: str, facts: DeviceFacts) -> dict[str, object]:
    """What is known of the class; the device itself where that is next to nothing."""
    values: dict[str, object] = dict(facts.values)
    known = {name: values[name] for name in _CLASS_FACTS if name in values}
    if values.get(_SIMULATED) is True:  # never one class with the real thing
        known[_SIMULATED] = True
    return known if known.keys() - _TOO_VAGUE else {**known, "device": device_id}


@dataclass(slots=True)
class _Device:
    """What was measured on one device: values and samples by what a candidate is."""

    facts: DeviceFacts
    runs: list[str] = field(default_factory=list)
    timed: dict[str, list[Timing]] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    is_timed: bool = False  #: whether a run was to time something on it

    def add(self, cell: Cell, records: Sequence[TrialRecord]) -> None:
        if cell.purpose == "accuracy":
            accuracy = records[-1].accuracy
            if accuracy is not None:
                asked = f"{accuracy.dataset} {accuracy.split} {accuracy.samples}"
                self.asked[_identity(cell)] = asked, _accuracy_figures(records[-1])
        elif cell.purpose == "timing" and cell.batch == 1 and isinstance(cell.load, _LOADS):
            figures = _figures(records)
            if LATENCY in figures:
                self.timed.setdefault(_identity(cell), []).append((cell, figures))

    def timings(self) -> dict[str, Timing]:
        """For each candidate the last run's values of the best kind of load."""
        return {
            name: min(reversed(measured), key=lambda one: _preference(one[0]))
            for name, measured in self.timed.items()
        }


def _merged(units: dict[str, _Device]) -> DeviceClass:
    """A unit that was to be timed and has no value misses it; one that was only asked does not."""
    timed = {name: unit.timings() for name, unit in units.items() if unit.timed or unit.is_timed}
    first = next(iter(units))
    return DeviceClass(
        match=_class_of(first, units[first].facts),
        devices=tuple(timed or units),
        candidates=tuple(
            _candidate(
                name, timed, [unit.asked[name] for unit in units.values() if name in unit.asked]
            )
            for name in dict.fromkeys(name for found in timed.values() for name in found)
        ),
        runs=tuple(dict.fromkeys(run for unit in units.values() for run in unit.runs)),
    )


def _candidate(name: str, timed: dict[str, dict[str, Timing]], asked: list[Asked]) -> Candidate:
    """One candidate for all units: the worst of each figure that all of them have.

    Its answers follow from file, engine and delegate: they need not be asked for on each unit, but
    those that were must have been about the same samples.
    """
    found = [timings[name] for timings in timed.values() if name in timings]
    cell, known = found[0]
    figures = {
        metric: max((figures[metric] for _, figures in found), key=_value)
        for metric in known
        if all(metric in figures for _, figures in found)
    }
    dataset = asked[0][0] if len({name for name, _ in asked}) == 1 else ""
    if dataset:
        for metric in asked[0][1]:
            values = [answers[metric] for _, answers in asked if metric in answers]
            figures[metric] = min(values, key=_value)
    missing = tuple(unit for unit, timings in timed.items() if name not in timings)
    return Candidate(cell, figures, dataset, missing=missing)


def _value(estimate: Estimate) -> float:
    return estimate.value


def _cells(run: RunReader) -> Iterable[tuple[Cell, list[TrialRecord]]]:
    """Every cell with its valid trials, where there is one."""
    by_key: dict[str, list[TrialRecord]] = {}
    for record in run.records():
        if record.outcome is Outcome.OK:
            by_key.setdefault(record.trial.cell.key, []).append(record)
    return [(records[0].trial.cell, records) for records in by_key.values()]


def _figures(records: Sequence[TrialRecord]) -> dict[str, Estimate]:
    found = {}
    for name in (LATENCY, MEMORY, *ENERGY):
        values = [record.metrics[name] for record in records if record.metrics.get(name, 0) > 0]
        if values:
            found[name] = geometric_mean_interval(values)
    return found


def _accuracy_figures(record: TrialRecord) -> dict[str, Estimate]:
    found = {}
    for name in ACCURACY:
        if name in record.metrics and record.accuracy is not None:
            low, high = record.accuracy.intervals.get(name, (None, None))
            found[name] = Estimate(record.metrics[name], low, high, record.accuracy.samples)
    return found


def _identity(cell: Cell) -> str:
    """What makes two cells the same candidate."""
    return repr(
        (
            cell.variant.digest,
            (cell.engine, cell.delegate, cell.threads),
            sorted(cell.shapes.items()),
            sorted(cell.options.items()),
        )
    )


def _preference(cell: Cell) -> int:
    return next(place for place, kind in enumerate(_LOADS) if isinstance(cell.load, kind))
