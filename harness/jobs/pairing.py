"""Which cells of one run, or of two, belong together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from harness.plan.night import units
from harness.record import DeviceFacts, Outcome, TrialRecord
from harness.stats.comparison import Quad
from harness.store.run_reader import RunReader
from harness.validity.comparability import CELL_FACTORS, Side, level, pairing_key

Pair = tuple[Side, Side]  #: reference and candidate
_QUAD = 4


def sides_of(run: RunReader) -> list[Side]:
    """Every planned cell with its valid trials, in plan order.

    Not those of the accuracy pass: they have one trial, and are compared sample by sample.
    """
    valid: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in run.records():
        if record.outcome is Outcome.OK:
            valid[record.trial.cell.key].append(record)
    cells = {
        trial.cell.key: trial.cell for trial in run.plan.trials if trial.cell.purpose != "accuracy"
    }
    facts = run.plan.facts
    return [
        Side(
            run.run_id,
            cell,
            tuple(valid[key]),
            facts.get(cell.device_id, DeviceFacts(cell.device_id)),
        )
        for key, cell in cells.items()
    ]


def pair_within(
    sides: Sequence[Side], factors: Sequence[str], reference_level: str | None
) -> tuple[list[Pair], list[Side]]:
    """In each group of cells that differ in nothing but the factors: all others with the reference.

    The reference is the group's cell with that level of the factors; without a level, the first in
    natural order (fp32 before int8, 1 thread before 4), whatever order the plan was shuffled into.
    The second list holds the cells that have nothing to be compared with.
    """
    pairs: list[Pair] = []
    alone: list[Side] = []
    for group in _grouped(sides, factors).values():
        reference = _reference(group, factors, reference_level)
        if reference is None or len(group) == 1:
            alone += group
        else:
            pairs += [(reference, side) for side in group if side is not reference]
    return pairs, alone


def pair_arms(run: RunReader, sides: Sequence[Side]) -> list[Pair]:
    """The reference and the candidate arm of each pair that the plan measures in quads.

    In the order in which the scenario declares them.
    """
    by_key = {side.cell.key: side for side in sides}
    pairs: dict[tuple[str, ...], Pair] = {}
    for unit in units(run.plan.trials):
        keys = {trial.cell.arm: trial.cell.key for trial in unit}
        if unit[0].quad is None or len(keys) < 2:
            continue  # a run that wanted one arm only has no pairs
        reference, candidate = keys["reference"], keys["candidate"]
        pairs[reference, candidate] = (by_key[reference], by_key[candidate])
    rank = {key: place for place, key in enumerate(run.plan.ranking)}
    return sorted(pairs.values(), key=lambda pair: rank.get(pair[0].cell.key, len(rank)))


def quads_of(reference: Side, candidate: Side, metric: str) -> list[Quad]:
    """The metric in each quad of which all four trials are valid and measured it."""
    places: dict[tuple[str, int | None], dict[int, tuple[str, float]]] = defaultdict(dict)
    for side in (reference, candidate):
        for record in side.records:
            trial = record.trial
            if metric in record.metrics:
                value = record.metrics[metric]
                places[record.run_id, trial.quad][trial.quad_place] = (trial.cell.arm, value)
    return [
        Quad(_values(quad, "reference"), _values(quad, "candidate"))
        for quad in places.values()
        if len(quad) == _QUAD
    ]


def _values(quad: dict[int, tuple[str, float]], arm: str) -> tuple[float, float]:
    """The arm's two values in the order of time: each lies beside one of the other arm."""
    first, second = (quad[place][1] for place in sorted(quad) if quad[place][0] == arm)
    return first, second


def pair_across(
    references: Sequence[Side], candidates: Sequence[Side], factors: Sequence[str]
) -> tuple[list[Pair], list[Side]]:
    """Cells of two runs: equal ones first, then those that differ in the factors only.

    Then those that differ in one thing more: no comparison, but so their reader learns why. A cell
    that more than one other could be meant with stays alone, in the second list.
    """
    pairs: list[Pair] = []
    order = {id(side): place for place, side in enumerate(candidates)}
    # Each attempt is less strict than the one before and sees only what that one left.
    for attempt in ((), factors, *((*factors, extra) for extra in CELL_FACTORS)):
        found = list(_one_to_one(references, candidates, attempt))
        pairs += found
        gone = {id(side) for pair in found for side in pair}
        references = [side for side in references if id(side) not in gone]
        candidates = [side for side in candidates if id(side) not in gone]
    pairs.sort(key=lambda pair: order[id(pair[1])])
    return pairs, [*references, *candidates]


def _grouped(sides: Iterable[Side], factors: Sequence[str]) -> dict[tuple[str, ...], list[Side]]:
    groups: dict[tuple[str, ...], list[Side]] = defaultdict(list)
    for side in sides:
        groups[pairing_key(side.cell, factors)].append(side)
    return groups


def _reference(group: Sequence[Side], factors: Sequence[str], wanted: str | None) -> Side | None:
    if wanted is None:
        return min(group, key=lambda side: _natural(level(side.cell, factors)))
    return next((side for side in group if level(side.cell, factors) == wanted), None)


def _natural(text: str) -> list[tuple[int, str]]:
    """Sorts numbers inside text by their size."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)
    ]


def _one_to_one(
    references: Sequence[Side], candidates: Sequence[Side], factors: Sequence[str]
) -> Iterator[Pair]:
    """Pairs in which neither side could belong to another one."""
    theirs, ours = _grouped(references, factors), _grouped(candidates, factors)
    for key, group in theirs.items():
        if len(group) == 1 and len(ours.get(key, ())) == 1:
            yield group[0], ours[key][0]
