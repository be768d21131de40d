"""A night as JUnit XML, Markdown and JSON, and as lines of its history."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.jobs import repeated
from harness.jobs.nightly import OPEN, Night, NightRow, Status
from harness.metrics import METRICS
from harness.plan import label
from harness.record import Cell
from harness.stats.comparison import Comparison, Verdict
from harness.stats.interval import Estimate, geometric_mean_interval
from harness.store.files import write_atomically
from harness.store.lab_files import NightEntry
from harness.text import markdown_text
from harness.units import format_percent
from harness.validity.calibration import os_build_of, unit_of
from harness.validity.comparability import Side

_SIMULATED = "SIMULATED-DEVICE"
#: What XML 1.0 cannot hold.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_night(night: Night, folder: Path, notes: Sequence[str]) -> tuple[Path, ...]:
    """Write ``junit.xml``, ``nightly.md`` and ``nightly.json``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "junit.xml": junit(night),
        "nightly.md": markdown(night, notes),
        "nightly.json": json.dumps(document(night, notes), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    return tuple(folder / name for name in texts)


def entries(night: Night) -> list[NightEntry]:
    """The night's lines of its history; what was not measured leaves a gap."""
    return [
        _entry(row, night) for row in night.rows if row.reference.records and row.candidate.records
    ]


def row_name(row: NightRow) -> str:
    """The pair and the metric for people."""
    return f"{label(row.cell)} on {row.cell.device_id}, {METRICS[row.metric].title}"


def ratio_text(comparison: Comparison) -> str:
    """``1.031 [1.024, 1.038]``, or nothing."""
    ratio = comparison.ratio
    if ratio is None or ratio.low is None or ratio.high is None:
        return ""
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def explained(rows: Iterable[NightRow]) -> Iterator[tuple[NightRow, tuple[str, ...]]]:
    """Rows with their likely causes, which a pair tells with its first row only."""
    seen: set[str] = set()
    for row in rows:
        yield row, () if row.candidate.cell.key in seen else row.causes
        if row.causes:
            seen.add(row.candidate.cell.key)


def told(row: NightRow) -> str:
    """What the status rests on, in a sentence."""
    ratio = ratio_text(row.comparison)
    parts = [f"candidate / reference is {ratio} over {row.quads} quads"] if ratio else []
    if row.status is Status.REGRESSION and row.again is not None:
        what = "the limit" if row.bound is not None else "the margin"
        parts.append(f"beyond {what} of {format_percent(row.comparison.margin)}")
        parts.append(f"fresh quads alone {ratio_text(row.again)}")
    parts += [row.reason, repeated.told(row.reference, row.candidate, row.metric)]
    parts += [f"{item.id}: {item.seen}" for item in row.findings]
    parts += [str(row.calibration)] if row.calibration and row.calibration.trusted else []
    parts += [f"on its trials: {', '.join(row.doubts)}"] if row.doubts else []
    return "; ".join(part for part in parts if part)


# --- JUnit --------------------------------------------------------------------------------------


def junit(night: Night) -> str:
    """One test case for each row, as CI systems read it.

    A regression is a failure, an open question an error, what was left out on purpose is skipped.
    """
    suite = ET.Element(
        "testsuite",
        name="benchfarm nightly",
        timestamp=night.runs[0].plan.created_at,
        tests=str(len(night.rows)),
        failures=str(len(night.having(Status.REGRESSION))),
        errors=str(len(night.having(*_ERRORS))),
        skipped=str(len(night.having(Status.DROPPED))),
    )
    for row in night.rows:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_clean(f"{night.runs[0].plan.scenario}.{row.cell.device_id}"),
            name=_clean(f"{label(row.cell)} {row.metric}"),
        )
        _judge(case, row)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


_ERRORS = (Status.UNCONFIRMED, Status.INCOMPARABLE, Status.INCOMPLETE)


def _judge(case: ET.Element, row: NightRow) -> None:
    message = _clean(told(row))
    if row.status is Status.REGRESSION:
        failure = ET.SubElement(case, "failure", type=row.status.value, message=message)
        failure.text = _clean("\n".join(["likely causes:", *row.causes]))
    elif row.status in _ERRORS:
        ET.SubElement(case, "error", type=row.status.value, message=message)
    elif row.status is Status.DROPPED:
        ET.SubElement(case, "skipped", message=message)
    else:
        ET.SubElement(case, "system-out").text = message


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)


# --- Markdown -----------------------------------------------------------------------------------


def markdown(night: Night, notes: Sequence[str]) -> str:
    """The night for people: what is worse and why, what is open, then everything."""
    run = night.runs[0]
    lines = [
        f"# Night of {run.plan.created_at[:16]}: {markdown_text(run.plan.scenario)}",
        "",
        summary(night),
    ]
    for heading, rows in (
        ("Regressions", night.having(Status.REGRESSION)),
        ("Open", night.having(*OPEN)),
        ("Suspected, went away", night.having(Status.WENT_AWAY)),
        ("Inconclusive", inconclusive(night)),
    ):
        if rows:
            lines += ["", f"## {heading}", ""]
        for row, causes in explained(rows):
            lines.append(
                f"- **{markdown_text(row_name(row))}** ({row.status}): {markdown_text(told(row))}"
            )
            lines += [f"  - likely cause: {markdown_text(cause)}" for cause in causes]
    lines += [
        "",
        "## All",
        "",
        "| cell | device | metric | candidate / reference | verdict | status | doubts |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [
        f"| {markdown_text(label(row.cell))} | {markdown_text(row.cell.device_id)} "
        f"| {METRICS[row.metric].title} | {ratio_text(row.comparison)} "
        f"| {row.comparison.verdict} | {row.status} | {', '.join(row.doubts)} |"
        for row in night.rows
    ]
    lines += ["", *(f"- {markdown_text(note)}" for note in notes)] if notes else []
    lines += ["", "Runs: " + ", ".join(f"`{run.run_id}`" for run in night.runs)]
    return "\n".join(lines) + "\n"


def summary(night: Night) -> str:
    """One sentence: how many regressions, how many open questions, of how many."""
    counts = [
        (len(night.having(Status.REGRESSION)), "confirmed as regressions"),
        (len(night.having(*OPEN)), "open"),
        (len(night.having(Status.WENT_AWAY)), "suspected and gone"),
    ]
    found = ", ".join(f"{count} {what}" for count, what in counts if count)
    unsure = len(inconclusive(night))
    also = f", {unsure} inconclusive" if unsure else ""
    simulated = any(_SIMULATED in row.doubts for row in night.rows)
    says = " SIMULATED devices took part: their numbers are not a phone's." if simulated else ""
    return f"Of {len(night.rows)} comparisons: {found or 'no regression'}{also}.{says}"


def inconclusive(night: Night) -> list[NightRow]:
    """No regression was seen in them, and nothing shows that there is none."""
    return [
        row for row in night.having(Status.GOOD) if row.comparison.verdict is Verdict.INCONCLUSIVE
    ]


# --- JSON and history ---------------------------------------------------------------------------


def document(night: Night, notes: Sequence[str]) -> dict[str, object]:
    """The night for programs."""
    return {
        "scenario": night.runs[0].plan.scenario,
        "runs": [run.run_id for run in night.runs],
        "summary": summary(night),
        "regressions": len(night.having(Status.REGRESSION)),
        "open": len(night.having(*OPEN)),
        "notes": list(notes),
        "comparisons": [_row_document(row) for row in night.rows],
    }


def _row_document(row: NightRow) -> dict[str, object]:
    return {
        "cell": label(row.cell),
        "device": row.cell.device_id,
        "metric": row.metric,
        "status": row.status.value,
        "verdict": row.comparison.verdict.value,
        "margin": row.comparison.margin,
        "max_regression": row.bound,
        "ratio": _interval(row.comparison.ratio),
        "again": _interval(row.again.ratio if row.again else None),
        "ratio_over_all_blocks": _interval(
            repeated.over_all_blocks(row.reference, row.candidate, row.metric)
        ),
        "unit_false_alarms": _interval(row.calibration.rate if row.calibration else None),
        "quads": row.quads,
        "planned_quads": row.planned_quads,
        "reason": row.reason or None,
        "findings": [{"id": item.id, "seen": item.seen} for item in row.findings],
        "doubts_on_trials": list(row.doubts),
        "likely_causes": list(row.causes),
        "reference": _side_document(row.reference),
        "candidate": _side_document(row.candidate),
    }


def _interval(found: Estimate | None) -> dict[str, float | None] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _side_document(side: Side) -> dict[str, object]:
    return {
        "cell": side.cell.key,
        "digest": side.cell.variant.digest,
        "build": side.cell.build or None,
        "repeated_blocks": sum(one.metrics.get("repeated_blocks", 0.0) for one in side.records),
        "options": side.cell.options,
        "valid_trials": len(side.records),
    }


def _entry(row: NightRow, night: Night) -> NightEntry:
    ratio = row.comparison.ratio
    facts = row.candidate.facts
    return NightEntry(
        at=night.runs[0].plan.created_at,
        runs=tuple(run.run_id for run in night.runs),
        scenario=night.runs[0].plan.scenario,
        device_id=row.cell.device_id,
        unit=unit_of(facts),
        os_build=os_build_of(facts),
        cell=label(row.cell),
        metric=row.metric,
        status=row.status.value,
        verdict=row.comparison.verdict.value,
        reason=row.reason,
        ratio=ratio.value if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        reference=_mean(row.reference, row.metric),
        candidate=_mean(row.candidate, row.metric),
        quads=row.quads,
        reference_build=_build(row.reference.cell),
        candidate_build=_build(row.candidate.cell),
        findings=(*(item.id for item in row.findings), *row.doubts),
    )


def _mean(side: Side, metric: str) -> float | None:
    values = [one.metrics[metric] for one in side.records if one.metrics.get(metric, 0.0) > 0]
    return geometric_mean_interval(values).value if values else None


def _build(cell: Cell) -> str:
    """What an arm was: its model file and its engine build."""
    return " ".join(part for part in (cell.variant.digest[:16], cell.build) if part)
