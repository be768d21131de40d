"""Profiles in reports: by type, by node, never among the latencies."""

from __future__ import annotations

import pytest

from harness.record import Cell, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import Burst
from harness.stats.operators import OperatorTime, Profile
from harness.variant import ModelFormat, Variant
from reports.html import render_html
from reports.markdown import render_markdown
from reports.operators import MOST_NODES, nodes_table, operator_views, types_table
from reports.tables import cell_tables
from reports.terminal import operator_tables, terminal_table
from reports.view import build_report

STAMP = "2026-01-01T00:00:00+00:00"
PROFILE = Profile(
    "litert",
    10,
    1_000_000,
    (
        OperatorTime(0, "conv <b>", "Conv", "CPU (XNNPACK)", 600_000, 10),
        OperatorTime(1, "conv2", "Conv", "GPU", 200_000, 10),
        OperatorTime(2, "soft|max", "Softmax", "CPU", 100_000, 10),
    ),
)


@pytest.fixture
def model(made_up):
    variant = Variant("net", "fp32", ModelFormat.TFLITE, "a" * 64, 1000, "fp32")
    cell = Cell("local", variant, "tflite", "cpu", 1, 1, Burst(), purpose="profile")
    trial = Trial(f"{cell.key}-r0", cell, 0, 0)
    metrics = {"operators_ns": 90_000.0}
    record = TrialRecord("run", trial, 1, Outcome.OK, STAMP, STAMP, metrics=metrics)
    source = made_up.MemoryTrial(record, made_up.no_samples(), profiled=PROFILE)
    return build_report(
        [made_up.MemoryRun(RunPlan("run", "p", None, STAMP, (trial,)), {trial.id: source})]
    )


def test_types_are_told_apart_by_processor_and_the_rest_is_told() -> None:
    table = types_table(PROFILE)
    assert table.rows == (
        ("Conv", "CPU (XNNPACK)", "1", "0.0600", "60.0 %"),
        ("Conv", "GPU", "1", "0.0200", "20.0 %"),
        ("Softmax", "CPU", "1", "0.0100", "10.0 %"),
        ("between operators", "", "", "0.0100", "10.0 %"),
    )
    assert "not how fast" in table.note


def test_nodes_are_ordered_by_cost_and_cut_with_a_note() -> None:
    many = tuple(OperatorTime(i, f"n{i}", "Add", "CPU", i, 1) for i in range(MOST_NODES + 7))
    table = nodes_table(Profile("litert", 1, 10_000, many))
    assert len(table.rows) == MOST_NODES
    assert table.rows[0][1] == f"n{MOST_NODES + 6}"
    assert table.note.startswith("7 more nodes")


def test_every_output_has_the_operators_and_no_latency(model) -> None:
    (view,) = operator_views(model)
    assert "net/fp32" in view.title
    markdown, page = render_markdown(model), render_html(model)
    for text in ("Conv", "CPU (XNNPACK)", "GPU", "60.0 %"):
        assert text in page
    assert "## Operators" in markdown
    assert "| Conv | GPU | 1 | 0.0200 | 20.0 % |" in markdown
    assert "conv &lt;b&gt;" in page
    assert "<b>" not in page
    assert "soft\\|max" in markdown
    (table,) = operator_tables(model)
    assert table.rows[0][0] == "Conv"
    assert terminal_table(model).rows == ()
    assert cell_tables(model) == ()
    assert "latency" not in " ".join(model.cells[0].estimates)
