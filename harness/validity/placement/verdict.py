"""Weighing the witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.findings import Finding, finding
from harness.record import Cell, Placement, PlacementVerdict, Witness
from harness.validity.placement.assignment import assignment_witness
from harness.validity.placement.compute_plan import compute_plan_witness
from harness.validity.placement.libraries import library_witness
from harness.validity.placement.log import log_witness

CPU_ALONE = ("cpu", "cpuOnly")
#: Witnesses that speak of the graph itself: the least that one of them grants is believed.
_DIRECT = ("assignment", "log")
#: The others only see traces of a fallback. Together they make a case from a weight of 2 on:
#: without its libraries a delegate cannot work; equal speed alone may be chance.
_WEIGHTS = {"compute_plan": 2, "libraries": 2, "latency": 1, "outputs": 1}
_CASE = 2
_LEAST_FIRST = (PlacementVerdict.FELL_BACK, PlacementVerdict.PARTIAL, PlacementVerdict.FULL)


def trial_placement(
    cell: Cell, evidence: Mapping[str, object], engine: Mapping[str, object], log: str
) -> Placement:
    """The verdict on one trial, from what its runner reported and wrote.

    Delegate ``cpu`` (Core ML's ``cpuOnly``) needs no proof, since everything runs there unless
    told otherwise; it is only less than FULL where the engine itself names another place.
    """
    told = assignment_witness(cell.delegate, evidence, engine)
    if cell.delegate in CPU_ALONE:
        default = Witness("assignment", PlacementVerdict.FULL, "nothing but the CPU was asked for")
        return judge([told or default])
    mapped = evidence.get("libraries")
    present = mapped.split(",") if isinstance(mapped, str) else None
    said = (
        told,
        log_witness(cell.delegate, log),
        library_witness(cell.delegate, present),
        compute_plan_witness(cell.delegate, evidence),
    )
    return judge([item for item in said if item is not None])


def judge(witnesses: Sequence[Witness]) -> Placement:
    """One verdict from all witnesses.

    Of the direct ones the most sceptical decides. A circumstantial case for a fallback decides
    where no direct witness can tell, and turns a direct FULL or PARTIAL into UNPROVEN: an engine
    may hand the whole graph to a driver that computes on the CPU.
    """
    direct = [item for item in witnesses if item.name in _DIRECT and item.says in _LEAST_FIRST]
    suspects = [item for item in witnesses if item.says is PlacementVerdict.FELL_BACK]
    case = sum(_WEIGHTS.get(item.name, 0) for item in suspects) >= _CASE
    if not direct:
        verdict = PlacementVerdict.FELL_BACK if case else PlacementVerdict.UNPROVEN
        return _placement(verdict, [], witnesses)
    verdict = min((item.says for item in direct), key=_LEAST_FIRST.index)
    agreeing = [item for item in direct if item.says is verdict]
    if case and verdict is not PlacementVerdict.FELL_BACK:
        return _placement(PlacementVerdict.UNPROVEN, [], witnesses)
    return _placement(verdict, agreeing, witnesses)


def with_witnesses(placement: Placement, more: Iterable[Witness]) -> Placement:
    """The verdict with what became known later, such as the latency of the run's CPU cells."""
    return judge([*placement.witnesses, *more])


def placement_doubts(cell: Cell, placement: Placement | None) -> Iterator[Finding]:
    """FELL-BACK, or PLACEMENT-UNPROVEN for anything but the CPU; nothing where none was loaded."""
    if placement is None:
        return
    asked = f"{cell.engine} was asked for {cell.delegate}"
    if placement.verdict is PlacementVerdict.FELL_BACK:
        yield finding("FELL-BACK", f"{asked}; {_testimony(placement)}")
    elif placement.verdict is PlacementVerdict.UNPROVEN and cell.delegate not in CPU_ALONE:
        yield finding("PLACEMENT-UNPROVEN", f"{asked}; {_testimony(placement)}")


def _placement(
    verdict: PlacementVerdict, agreeing: Sequence[Witness], witnesses: Sequence[Witness]
) -> Placement:
    """The verdict with the counts of the first witnesses that have them."""
    others = [w for w in witnesses if w.says not in (verdict, PlacementVerdict.UNPROVEN)]
    made = Placement(
        verdict,
        witnesses=tuple(witnesses),
        contradictions=tuple(f"{item.name} says {item.says}: {item.seen}" for item in others),
    )
    for item in agreeing:
        if made.total is None and item.total is not None:
            made = replace(made, nodes=item.nodes, total=item.total)
        if made.partitions is None:
            made = replace(made, partitions=item.partitions)
    return made


def _testimony(placement: Placement) -> str:
    said = [f"{item.name}: {item.seen}" for item in placement.witnesses]
    return "; ".join(said) or "no witness said anything"
