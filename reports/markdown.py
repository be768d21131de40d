"""The report as Markdown: for pull requests, mails and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.text import markdown_block, markdown_text
from reports import labels
from reports.html import utc_text
from reports.model import FindingView, ReportModel, RunView
from reports.operators import OperatorTable, OperatorView, operator_views
from reports.soak import soak_views
from reports.summary import device_text, summarise
from reports.tables import Entry, Table, cell_tables


def render_markdown(model: ReportModel) -> str:
    """The whole report; the same model gives the same bytes."""
    titles = list(dict.fromkeys(run.scenario for run in model.runs))
    blocks = [f"# {markdown_text(' and '.join(titles) or 'empty report')}"]
    blocks += _summary(model)
    for table in cell_tables(model):
        blocks += _table(table)
    for soak in soak_views(model):
        blocks += [f"## {markdown_text(soak.title)}", *_plain_table(soak.table)]
    for view in operator_views(model):
        blocks += _operators(view)
    blocks += _findings(model.findings)
    blocks += _not_measured(model)
    blocks += [block for run in model.runs for block in _run(run)]
    return "\n\n".join(blocks) + "\n"


def _summary(model: ReportModel) -> Iterator[str]:
    summary = summarise(model)
    if summary.simulated:
        yield f"> **{markdown_text(summary.simulated)}**"
    sentences = [*summary.results, summary.certainty, summary.measured]
    yield from (markdown_text(sentence) for sentence in sentences if sentence)
    if summary.doubts:
        yield _bullets(markdown_text(doubt) for doubt in summary.doubts)


def _table(table: Table) -> Iterator[str]:
    yield f"## {markdown_text(table.title)}"
    sides = ["---:" if column.metric else "---" for column in table.columns]
    lines = [
        _line([markdown_text(column.heading) for column in table.columns]),
        _line(sides),
        *(_line([_entry(entry) for entry in row.entries]) for row in table.rows),
    ]
    yield "\n".join(lines)
    notes = [f"All rows: {markdown_text(table.constant)}."] if table.constant else []
    if table.common:
        notes.append(f"On every row: {', '.join(view.id for view in table.common)}.")
    notes.append(table.note or "Values are geometric means over trials with 95 % intervals.")
    yield " ".join(notes)


def _operators(view: OperatorView) -> Iterator[str]:
    yield f"## Operators: {markdown_text(view.title)}"
    for table in (view.types, view.nodes):
        yield from _plain_table(table)


def _plain_table(table: OperatorTable) -> Iterator[str]:
    sides = ["---:" if i >= table.numbers else "---" for i in range(len(table.headers))]
    rows = [_line([markdown_text(text) for text in row]) for row in table.rows]
    yield "\n".join([_line(table.headers), _line(sides), *rows])
    if table.note:
        yield markdown_text(table.note)


def _entry(entry: Entry) -> str:
    text = markdown_text(f"{entry.text} {entry.interval}".strip())
    return f"{text} ({entry.mark_text})" if entry.marks else text


def _findings(findings: Sequence[FindingView]) -> Iterator[str]:
    if not findings:
        return
    yield "## Findings"
    lines = []
    for view in findings:
        seen = "; ".join(markdown_text(text) for text in view.examples)
        lines.append(
            f"({view.mark}) **{view.id}** ({view.severity}, {_trials(view.trials)}): "
            f"{markdown_text(view.summary)} Seen: {seen}. {markdown_text(view.advice)}"
        )
    yield _bullets(lines)


def _not_measured(model: ReportModel) -> Iterator[str]:
    if not model.failures and not model.skips:
        return
    yield "## Not measured"
    for failure in model.failures:
        yield (
            f"**{markdown_text(failure.cell)}**: {failure.cause.value}: "
            f"{markdown_text(failure.message)}"
        )
        if failure.log_tail:
            yield markdown_block(failure.log_tail)
    if model.skips:
        yield _bullets(
            f"{markdown_text(skip.what)} on {markdown_text(skip.device_id)}: "
            f"{markdown_text(skip.reason)}"
            for skip in model.skips
        )


def _run(run: RunView) -> Iterator[str]:
    yield f"## Run {markdown_text(labels.run_name(run.run_id, run.label))}"
    facts = [
        f"created {utc_text(run.created_at)}, last trial ended {utc_text(run.ended_at)}",
        f"{run.counts.text} of {run.counts.planned} trials",
        f"engines: {', '.join(run.engines) or 'none answered'}",
        *(f"benchfarm {name}: {value}" for name, value in sorted(run.harness.items())),
        *(f"device {device_text(facts)}" for facts in run.facts),
    ]
    yield _bullets(markdown_text(fact) for fact in facts)


def _trials(count: int) -> str:
    return f"{count} trial{'' if count == 1 else 's'}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
