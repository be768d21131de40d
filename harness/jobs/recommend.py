"""Which variant to ship: the front of what was measured, and the best within given limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.jobs.candidates import (
    LATENCY,
    MEMORY,
    SIZE,
    Candidate,
    DeviceClass,
    Wanted,
    device_classes,
)
from harness.stats.interval import Estimate
from harness.stats.margins import margin_of
from harness.store.run_reader import RunReader
from harness.units import NS_PER_MS

BYTES_PER_MB = 1_000_000
J_PER_MJ = 1e-3
#: What counts among those within the limits.
PREFERENCES = (BY_LATENCY, BY_ACCURACY) = ("latency", "accuracy")
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
class Judged:
    """A candidate with its place: ``why`` says why it was not chosen, empty for the choice."""

    candidate: Candidate
    fits: bool
    on_front: bool
    why: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer for a class of devices: candidates in the order to try them, fitting ones first.

    ``match`` is what an app can tell the class by; ``devices`` are the units that were measured.
    """

    match: dict[str, object]
    devices: tuple[str, ...]
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


def recommend(
    runs: Sequence[RunReader],
    limits: Limits,
    wanted: Wanted = lambda _id, _facts: True,
    prefer: str = BY_LATENCY,
) -> list[Recommendation]:
    """One answer for each class of ``wanted`` devices; later runs replace earlier values.

    Of what is within the limits the fastest is chosen, or the most accurate: see PREFERENCES.

    All candidates are taken for answers to one question: give runs of one task.
    """
    return [_judge(found, limits, prefer) for found in device_classes(runs, wanted)]


def _judge(found: DeviceClass, limits: Limits, prefer: str) -> Recommendation:
    reference = _reference(found.candidates)
    candidates = [_with_loss(one, reference) for one in found.candidates]
    reasons = {id(one): _objections(one, limits, prefer) for one in candidates}
    fitting = [one for one in candidates if not reasons[id(one)]]
    by_accuracy = prefer == BY_ACCURACY
    rank = _rank_by_accuracy if by_accuracy else _rank
    best = min(fitting, key=rank, default=None) if by_accuracy else _best(fitting)
    ordered = sorted(
        candidates, key=lambda one: (one is not best, bool(reasons[id(one)]), *rank(one))
    )
    judged = []
    for one in ordered:
        better = next((other for other in candidates if _dominates(other, one)), None)
        why = reasons[id(one)]
        if not why and best is not None and one is not best:
            why = _second(one, best, dominated=_dominates(best, one))
        judged.append(Judged(one, not reasons[id(one)], better is None, why))
    return Recommendation(found.match, found.devices, tuple(judged), reference, found.runs)


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
    return replace(one, loss=loss)


def _objections(one: Candidate, limits: Limits, prefer: str) -> str:
    """Which limits it breaks, in words; empty where it fits."""
    found = [
        f"was not measured on {', '.join(one.missing)}" if one.missing else "",
        _above("p90 latency", one.figures.get(LATENCY), limits.latency_ns, NS_PER_MS, "ms"),
        _above("peak RSS", one.figures.get(MEMORY), limits.rss_bytes, BYTES_PER_MB, "MB"),
        _above("energy per inference", one.energy, limits.energy_j, J_PER_MJ, "mJ"),
    ]
    if prefer == BY_ACCURACY and one.accuracy is None:
        found.append("its accuracy was not measured")
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


def _rank_by_accuracy(one: Candidate) -> tuple[float, float, float]:
    """The most accurate first; among equals the fastest, then the smallest."""
    return -_share(one), one.figures[LATENCY].value, float(one.cell.variant.size_bytes)


def _second(one: Candidate, best: Candidate, *, dominated: bool) -> str:
    if dominated:
        return f"{_name(best)} is at least as good in everything measured"
    ours, theirs = (each.figures[LATENCY].value / NS_PER_MS for each in (one, best))
    less = (_share(best) - _share(one)) * 100
    if less > 0 and ours < theirs / (1 + _MARGIN):
        return f"faster, and {less:.2f} points less accurate than {_name(best)}"
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
    if one.energy is not None:  # net and gross are not compared with each other
        costs[str(one.energy_metric)] = one.energy.value
    if one.accuracy is not None:
        costs["inaccuracy"] = 1 - one.accuracy.value
    return costs
