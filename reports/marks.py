"""Findings gathered over trials and cells, and the marks that stand for them beside numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.findings import KINDS, Finding, Severity
from harness.record import TrialRecord
from harness.text import one_line
from reports.model import CellView, FindingView, SeenFinding
from reports.scope import concerns, concerns_model

_EXAMPLES = 3
_HEAVIEST_FIRST = {severity: -rank for rank, severity in enumerate(Severity)}


def seen_findings(
    records: Iterable[TrialRecord], of_the_cell: Iterable[Finding]
) -> tuple[SeenFinding, ...]:
    """The findings of a cell's good trials and of the cell itself, heaviest first."""
    items = [(record.trial.id, item) for record in records for item in record.findings]
    items += [("", item) for item in of_the_cell]
    found: dict[str, list[tuple[str, Finding]]] = {}
    for trial_id, item in items:
        found.setdefault(item.id, []).append((trial_id, item))
    views = [
        SeenFinding(
            id=finding_id,
            severity=max((f.severity for _, f in seen), key=list(Severity).index),
            trials=len({trial_id for trial_id, _ in seen if trial_id}),
            seen=tuple(dict.fromkeys(one_line(f.seen) for _, f in seen)),
        )
        for finding_id, seen in found.items()
    ]
    return tuple(sorted(views, key=lambda view: (_HEAVIEST_FIRST[view.severity], view.id)))


def merge_findings(
    found: Sequence[tuple[str, Finding]], cells: Sequence[CellView]
) -> tuple[FindingView, ...]:
    """Every finding of the report once, heaviest first, with its mark ``a``, ``b``...

    ``found`` are pairs of a cell's anchor and one finding on one of its trials or on itself.
    """
    by_id: dict[str, list[tuple[str, Finding]]] = {}
    for anchor, item in found:
        by_id.setdefault(item.id, []).append((anchor, item))
    measured = [cell for cell in cells if cell.estimates]
    ordered = sorted(
        by_id.items(),
        key=lambda entry: (_HEAVIEST_FIRST[_heaviest(entry[1])], entry[0]),
    )
    return tuple(
        _view(finding_id, letter(index), seen, measured)
        for index, (finding_id, seen) in enumerate(ordered)
    )


def _view(
    finding_id: str,
    mark: str,
    seen: Sequence[tuple[str, Finding]],
    measured: Sequence[CellView],
) -> FindingView:
    kind = KINDS.get(finding_id)
    on = sum(any(item.id == finding_id for item in cell.findings) for cell in measured)
    return FindingView(
        id=finding_id,
        mark=mark,
        severity=_heaviest(seen),
        summary=kind.summary if kind else one_line(seen[0][1].seen),
        advice=one_line(seen[0][1].advice),
        trials=len(seen),
        cells=len({anchor for anchor, _ in seen}),
        everywhere=len(measured) > 1 and on == len(measured),
        examples=tuple(dict.fromkeys(one_line(item.seen) for _, item in seen))[:_EXAMPLES],
    )


def _heaviest(seen: Sequence[tuple[str, Finding]]) -> Severity:
    return max((item.severity for _, item in seen), key=list(Severity).index)


def letter(index: int) -> str:
    """``a`` to ``z``, then ``aa``: footnote marks."""
    quotient, rest = divmod(index, 26)
    return (letter(quotient - 1) if quotient else "") + chr(ord("a") + rest)


def marks_for(
    cell: CellView, metric: str, findings: Sequence[FindingView]
) -> tuple[FindingView, ...]:
    """The findings that cast doubt on one number of the cell."""
    on_cell = {item.id: item.seen for item in cell.findings}
    return tuple(
        view
        for view in findings
        if view.id in on_cell and concerns(view.id, metric, on_cell[view.id])
    )


def model_marks(cell: CellView, findings: Sequence[FindingView]) -> tuple[FindingView, ...]:
    """The findings that belong on the model's name."""
    on_cell = {item.id for item in cell.findings}
    return tuple(view for view in findings if view.id in on_cell and concerns_model(view.id))
