"""The accuracy pass in reports, from records in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import Accuracy, Cell, Outcome, Trial, TrialRecord
from harness.scenario import Burst
from harness.variant import ModelFormat, Variant
from reports.accuracy import accuracy_estimates, accuracy_loss
from reports.markdown import render_markdown
from reports.paper.pivot import PivotRequest, pivot
from reports.paper.tables import paper_tables
from reports.tables import cell_tables
from reports.terminal import accuracy_table, json_rows, terminal_table
from reports.view import build_report

RIGHT = {"fp32": "1" * 95 + "0" * 5, "int8": "1" * 80 + "0" * 20}


def make_cell(name: str, purpose: str) -> Cell:
    variant = Variant("net", name, ModelFormat.TFLITE, f"{name:0<64}", 1000, name)
    return Cell("local", variant, "tflite", "cpu", 1, 1, Burst(), purpose=purpose)


def make_record(cell: Cell) -> TrialRecord:
    metrics, accuracy = {"latency_p50_ns": 4e6 if cell.variant.name == "int8" else 8e6}, None
    if cell.purpose == "accuracy":
        correct = RIGHT[cell.variant.name]
        share = correct.count("1") / 100
        metrics = {"accuracy_top1": share}
        intervals = {"accuracy_top1": (share - 0.05, share + 0.04)}
        answers = " ".join(correct)
        accuracy = Accuracy("made-up", "test", "d", 100, intervals, answers, correct)
    stamp = "2026-01-01T00:00:00+00:00"
    return TrialRecord(
        "run", Trial(f"{cell.key}-r0", cell, 0, 0), 1, Outcome.OK, stamp, stamp,
        metrics=metrics, accuracy=accuracy,
    )  # fmt: skip


@pytest.fixture
def model(made_up):
    cells = [make_cell(name, what) for what in ("timing", "accuracy") for name in ("int8", "fp32")]
    records = [make_record(cell) for cell in cells]
    plan = made_up.make_plan(cells, repeats=1)
    trials = {
        record.trial.id: made_up.MemoryTrial(record, made_up.no_samples()) for record in records
    }
    return build_report([made_up.MemoryRun(plan, trials)])


def test_accuracy_has_its_own_table_with_float32_first(model) -> None:
    results, accuracy = cell_tables(model)
    assert (results.title, accuracy.title) == ("Results", "Accuracy")
    assert [row.cell.label for row in accuracy.rows] == ["net/fp32", "net/int8"]
    assert "over the 100 samples" in accuracy.note
    shown = {column.key: entry for column, entry in accuracy.pairs(accuracy.rows[1])}
    assert (shown["accuracy_top1"].text, shown["accuracy_top1"].interval) == (
        "80.00",
        "[75.0, 84.0]",
    )
    assert shown["latency"].text == "4.000"
    assert shown["speed-up"].text == "2.00"
    assert shown["retention"].text == "84.2 [77.1, 92.0]"
    assert shown["agreement"].text.startswith("85.00 [")
    assert shown["verdict"].text.startswith("worse (p = ")


def test_a_file_is_compared_with_the_one_it_was_made_from(made_up) -> None:
    """They are called differently; that they belong together is in the record."""
    cells = [make_cell(name, what) for what in ("timing", "accuracy") for name in ("int8", "fp32")]
    origin = {"source_digest": cells[1].variant.digest}
    cells = [
        replace(cell, variant=replace(cell.variant, model="mine", origin=origin))
        if cell.variant.name == "int8"
        else cell
        for cell in cells
    ]
    records = [make_record(cell) for cell in cells]
    plan = made_up.make_plan(cells, repeats=1)
    trials = {one.trial.id: made_up.MemoryTrial(one, made_up.no_samples()) for one in records}
    _, accuracy = cell_tables(build_report([made_up.MemoryRun(plan, trials)]))
    (row,) = [row for row in accuracy.rows if row.cell.label == "mine/int8"]
    shown = {column.key: entry.text for column, entry in accuracy.pairs(row)}
    assert (shown["speed-up"], shown["retention"][:4]) == ("2.00", "84.2")


def test_accuracy_never_meets_the_rows_of_time(model) -> None:
    assert len(terminal_table(model).rows) == 2
    table = accuracy_table(model)
    assert table is not None
    assert len(table.rows) == 2
    assert "## Accuracy" in render_markdown(model)


def test_tables_for_papers_say_that_accuracy_is_over_samples(model) -> None:
    table = {one.name: one for one in paper_tables(model)}["accuracy"]
    assert "intervals over samples" in table.note
    assert "trials" not in table.note
    assert "over the 100 samples" in table.note
    assert table.trials_text == "n = 1 trial \u00d7 1 unit"  # not the hundred samples
    asked = PivotRequest(("variant",), ("latency_p50_ns", "accuracy_top1"))
    mixed = pivot(model, asked)
    assert "intervals over trials" not in mixed.note
    assert "Accuracy and its interval are over the 100 samples" in mixed.note
    assert mixed.trials_text == "n = 1 trial \u00d7 1 unit"


def test_accuracy_kept_has_an_interval_over_paired_samples(model) -> None:
    table = {one.name: one for one in paper_tables(model)}["quantization"]
    assert "over paired samples" in table.note
    (kept,) = [row[-1] for row in table.rows if row[-1] is not None]
    assert kept.estimate.low < kept.estimate.value < kept.estimate.high < 1


def test_programs_get_the_comparison_in_numbers(model) -> None:
    (row,) = [row for row in json_rows(model) if "against" in row]
    against = row["against"]
    assert (against["lost"], against["gained"]) == (15, 0)
    assert against["retention"] == pytest.approx(80 / 95)
    assert against["retention_interval"][0] < 80 / 95 < against["retention_interval"][1] < 1
    assert row["accuracy_top1_percent"] == pytest.approx(80)


def test_a_trial_that_failed_gives_no_accuracy_and_no_comparison() -> None:
    cells = [make_cell(name, "accuracy") for name in ("int8", "fp32")]
    good = [make_record(cell) for cell in cells]
    failed = replace(good[1], outcome=Outcome.FAILED)
    assert accuracy_estimates([]) == {}
    assert accuracy_loss(cells[0], [(cells[0], [good[0]]), (cells[1], [failed])]) is None
    assert accuracy_loss(cells[0], [(cells[0], [good[0]]), (cells[1], [good[1]])]) is not None
