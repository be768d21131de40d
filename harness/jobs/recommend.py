"""Which variant to ship: the front of what was measured, and the best within given limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.record import Cell, DeviceFacts, Outcome, TrialRecord
from harness.scenario import Burst, Periodic, SingleStream, Sustained
from harness.stats.interval import Estimate, geometric_mean_interval
from harness.stats.margins import margin_of
from harness.store.run_reader import RunReader
from harness.units import NS_PER_MS

LATENCY, SIZE, MEMORY = "latency_p90_ns", "size_bytes", "rss_peak_bytes"
#: Joules per inference: of these, too, the first that was measured counts.
ENERGY = ("energy_net_j", "energy_gross_j")
#: Of these the first that was measured counts.
ACCURACY = ("accuracy_top1", "accuracy_f1")
#: Loads whose latency is that of single inferences, in the order of preference.
_LOADS = (SingleStream, Periodic, Sustained, Burst)
BYTES_PER_MB = 1_000_000
_MARGIN = margin_of(LATENCY).relative


@dataclass(frozen=True, slots=True)
class Limits:
    """What an app allows; None is no limit.

    ``accuracy_loss`` is a difference of shares, 0.01 for one percentage point. ``latency_ns`` is
    for the 90th percentile, ``rss_bytes`` for the peak, ``energy_j`` for one inference.
    """

    accuracy_loss: float | None = None
    latency_ns: float | None = None
    rss_bytes: float | None = None
    energy_j: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One variant on one engine and setting of a device, with what was measured.

    ``figures`` hold metrics by stored name; ``loss`` is the accuracy lost against the reference,
    None where either was not measured on the same samples.
    """

    cell: Cell
    figures: dict[str, Estimate]
    dataset: str = ""
    loss: float | None = None

    @property
    def accuracy(self) -> Estimate | None:
        """The share that counts as accuracy."""
        return next((self.figures[name] for name in ACCURACY if name in self.figures), None)

    @property
    def energy(self) -> Estimate | None:
        """Joules per inference: net of idle, or gross where only that is known."""
        return next((self.figures[name] for name in ENERGY if name in self.figures), None)


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with its place: ``why`` says why it was not chosen, empty for the choice."""

    candidate: Candidate
    fits: bool
    on_front: bool
    why: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer for one device: candidates in the order to try them, those that fit first."""

    device_id: str
    facts: DeviceFacts
    judged: tuple[Judged, ...]
    reference: Candidate | None = None
    runs: tuple[str, ...] = ()

    @property
    def choice(self) -> Judged | None:
        """The best within the limits, None where nothing fits."""
        return self.judged[0] if self.judged and self.judged[0].fits else None

    @property
    def fallbacks(self) -> tuple[Judged, ...]:
        """What else fits, best first."""
        return tuple(item for item in self.judged[1:] if item.fits)


def recommend(runs: Sequence[RunReader], limits: Limits) -> list[Recommendation]:
    """One answer for each device that ``runs`` measured; later runs replace earlier values.

    All candidates are taken for answers to one question: give runs of one task.
    """
    found: dict[str, _Device] = {}
    for run in runs:
        for device_id, facts in run.plan.facts.items():
            found.setdefault(device_id, _Device(facts)).runs.append(run.run_id)
        for cell, records in _cells(run):
            device = found.setdefault(cell.device_id, _Device(DeviceFacts(cell.device_id)))
            device.add(cell, records)
    return [_judge(device_id, found[device_id], limits) for device_id in sorted(found)]


@dataclass(slots=True)
class _Device:
    """What was measured on one device: values and samples by what a candidate is."""

    facts: DeviceFacts
    runs: list[str] = field(default_factory=list)
    timed: dict[str, list[tuple[Cell, dict[str, Estimate]]]] = field(default_factory=dict)
    asked: dict[str, tuple[str, dict[str, Estimate]]] = field(default_factory=dict)

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

    def candidates(self) -> list[Candidate]:
        made = []
        for name, measured in self.timed.items():
            # The last run's value of the best kind of load.
            cell, figures = min(reversed(measured), key=lambda one: _preference(one[0]))
            dataset, accuracy = self.asked.get(name, ("", {}))
            made.append(Candidate(cell, figures | accuracy, dataset))
        return made


def _judge(device_id: str, device: _Device, limits: Limits) -> Recommendation:
    candidates = device.candidates()
    reference = _reference(candidates)
    candidates = [_with_loss(one, reference) for one in candidates]
    reasons = {id(one): _objections(one, limits) for one in candidates}
    best = _best([one for one in candidates if not reasons[id(one)]])
    ordered = sorted(
        candidates, key=lambda one: (one is not best, bool(reasons[id(one)]), *_rank(one))
    )
    judged = []
    for one in ordered:
        better = next((other for other in candidates if _dominates(other, one)), None)
        why = reasons[id(one)]
        if not why and best is not None and one is not best:
            why = _second(one, best, dominated=_dominates(best, one))
        judged.append(Judged(one, not reasons[id(one)], better is None, why))
    return Recommendation(device_id, device.facts, tuple(judged), reference, tuple(device.runs))


def _reference(candidates: Iterable[Candidate]) -> Candidate | None:
    """The most accurate float32 candidate."""
    known = [
        (one.accuracy.value, one)
        for one in candidates
        if one.accuracy is not None and one.cell.variant.precision == "fp32"
    ]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _with_loss(one: Candidate, reference: Candidate | None) -> Candidate:
    if reference is None or reference.accuracy is None or one.accuracy is None:
        return one
    if one.dataset != reference.dataset:
        return one
    loss = reference.accuracy.value - one.accuracy.value
    return Candidate(one.cell, one.figures, one.dataset, loss)


def _objections(one: Candidate, limits: Limits) -> str:
    """Which limits it breaks, in words; empty where it fits."""
    found = [
        _above("p90 latency", one.figures.get(LATENCY), limits.latency_ns, NS_PER_MS, "ms"),
        _above("peak RSS", one.figures.get(MEMORY), limits.rss_bytes, BYTES_PER_MB, "MB"),
        _above("energy per inference", one.energy, limits.energy_j, 1e-3, "mJ"),
    ]
    if limits.accuracy_loss is not None:
        if one.loss is None:
            found.append("its loss of accuracy was not measured")
        elif one.loss > limits.accuracy_loss + 1e-12:
            found.append(
                f"loses {one.loss * 100:.2f} points of accuracy, "
                f"at most {limits.accuracy_loss * 100:g}"
            )
    return "; ".join(text for text in found if text)


def _above(
    what: str, value: Estimate | None, limit: float | None, unit: float, unit_name: str
) -> str:
    if limit is None:
        return ""
    if value is None:
        return f"its {what} was not measured"
    if value.value <= limit:
        return ""
    return f"{what} {value.value / unit:.4g} {unit_name}, at most {limit / unit:g}"


def _best(fitting: Sequence[Candidate]) -> Candidate | None:
    """Of those that are as fast as the fastest, within the margin of verdicts on that metric, the

    most accurate, and among equals the smallest: noise must not decide for a larger file.
    """
    if not fitting:
        return None
    fastest_ns = min(one.figures[LATENCY].value for one in fitting)
    tied = [one for one in fitting if one.figures[LATENCY].value <= fastest_ns * (1 + _MARGIN)]
    return min(tied, key=lambda one: (-_share(one), one.cell.variant.size_bytes, _rank(one)))


def _share(one: Candidate) -> float:
    return one.accuracy.value if one.accuracy else 0.0


def _rank(one: Candidate) -> tuple[float, float, float]:
    """Fastest first; among equals the most accurate, then the smallest."""
    return one.figures[LATENCY].value, -_share(one), float(one.cell.variant.size_bytes)


def _second(one: Candidate, best: Candidate, *, dominated: bool) -> str:
    if dominated:
        return f"{_name(best)} is at least as good in everything measured"
    ours, theirs = (each.figures[LATENCY].value / NS_PER_MS for each in (one, best))
    if ours <= theirs and _share(one) < _share(best):
        return f"about as fast as {_name(best)}, and less accurate"
    if ours <= theirs:
        return f"about as fast as {_name(best)}, and larger"
    return f"p90 latency {ours:.4g} ms, {_name(best)} has {theirs:.4g} ms"


def _name(one: Candidate) -> str:
    return f"{one.cell.variant.label} on {one.cell.engine}"


def _dominates(better: Candidate, other: Candidate) -> bool:
    """Whether one is no worse in anything that the other was measured for, and better in one."""
    ours, theirs = _costs(better), _costs(other)
    if not theirs.keys() <= ours.keys():
        return False
    return all(ours[name] <= theirs[name] for name in theirs) and any(
        ours[name] < theirs[name] for name in theirs
    )


def _costs(one: Candidate) -> dict[str, float]:
    """Everything of which less is better."""
    costs = {name: one.figures[name].value for name in (LATENCY, MEMORY) if name in one.figures}
    costs[SIZE] = float(one.cell.variant.size_bytes)
    known = next((name for name in ENERGY if name in one.figures), None)
    if known is not None:  # net and gross are not compared with each other
        costs[known] = one.figures[known].value
    if one.accuracy is not None:
        costs["inaccuracy"] = 1 - one.accuracy.value
    return costs


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
