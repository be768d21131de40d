"""Pivots: facets as rows and columns, never a silent mixture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import UserError
from harness.record import DeviceFacts, Outcome
from reports.paper.pivot import PivotRequest, metric_name, over_units, pivot
from reports.paper.table import Number
from reports.view import build_report


def request(rows: str, cols: str = "", metrics: str = "latency_p50", **where: str) -> PivotRequest:
    return PivotRequest(
        tuple(rows.split(",")),
        tuple(metric_name(word) for word in metrics.split(",")),
        tuple(cols.split(",")) if cols else (),
        where,
    )


def test_rows_columns_and_metrics(demo) -> None:
    table = pivot(demo, request("engine", "variant", "latency_p50,rss_peak"))
    assert [(c.group, c.heading) for c in table.columns] == [
        ("", "Engine"),
        ("fp32", "latency p50"),
        ("fp32", "peak RSS"),
        ("int8-static", "latency p50"),
        ("int8-static", "peak RSS"),
    ]
    assert [row[0] for row in table.rows] == ["tflite", "onnxruntime"]
    cell = next(c for c in demo.cells if c.facets["variant"] == "int8-static")
    shown = table.rows[0][3]
    assert isinstance(shown, Number)
    assert shown.estimate == cell.estimates["latency_p50_ns"]
    assert shown.trials == 3


def test_a_clear_best_in_a_row_is_marked_and_an_unclear_one_is_not(demo) -> None:
    table = pivot(demo, request("engine", "variant"))
    tflite, onnxruntime = table.rows
    assert [entry.best for entry in tflite[1:]] == [False, False]  # two trials: no interval
    assert [entry.best for entry in onnxruntime[1:]] == [False, False]  # intervals overlap
    by_variant = pivot(demo, request("variant", "engine"))
    assert [entry.best for entry in by_variant.rows[1][1:]] == [True, False]


def test_findings_are_marks_and_those_on_every_number_are_said_once(demo) -> None:
    table = pivot(demo, request("variant", "engine"))
    assert [view.id for view in table.common] == ["SYNTHETIC-MODEL"]
    assert {view.id for view in table.footnotes} >= {"INTERFERENCE", "DRIFT"}
    assert "SYNTHETIC-MODEL" not in {view.id for view in table.footnotes}


def test_a_mixture_is_refused_with_what_differs(demo) -> None:
    with pytest.raises(UserError, match="differ in: engine, engine_version"):
        pivot(demo, request("variant"))
    assert len(pivot(demo, request("variant", engine="tflite")).rows) == 2


def test_two_runs_are_never_mixed(made_up) -> None:
    run = made_up.demo_run()
    again = replace(run.plan, run_id="20260102T000000Z-again-0001")
    model = build_report([run, made_up.MemoryRun(again, run.trials)])
    with pytest.raises(UserError, match="differ in: run"):
        pivot(model, request("variant", "engine"))
    assert len(pivot(model, request("variant,run", "engine")).rows) == 4


def units_of_a_phone(made_up, count: int):
    """One cell on several units of one model of phone."""
    cells = [made_up.make_cell(device=f"android:unit{number}") for number in range(count)]
    plan = made_up.make_plan(cells)
    facts = {
        cell.device_id: DeviceFacts(cell.device_id, {"model": "Pixel 8", "simulated": True})
        for cell in cells
    }
    plan = replace(plan, facts=facts)
    trials = {
        trial.id: made_up.make_trial(trial, p50_ms=10 + int(trial.cell.device_id[-1]), seed=1)
        for trial in plan.trials
    }
    return build_report([made_up.MemoryRun(plan, trials)])


def test_units_of_one_phone_are_pooled_over_units(made_up) -> None:
    (row,) = pivot(units_of_a_phone(made_up, 3), request("phone")).rows
    number = row[1]
    assert row[0] == "Pixel 8"
    assert (number.units, number.trials) == (3, 9)
    assert number.estimate.value == pytest.approx((10 * 11 * 12) ** (1 / 3) * 1e6, rel=0.02)
    assert number.estimate.high > 12e6  # three units differ more than the trials of one
    assert number.simulated


def test_two_units_have_no_interval(made_up) -> None:
    (row,) = pivot(units_of_a_phone(made_up, 2), request("phone")).rows
    assert row[1].estimate.low is None


def test_one_unit_keeps_its_own_interval(demo) -> None:
    one = demo.cells[1].estimates["latency_p50_ns"]
    assert over_units([one]) is one


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("latency_p50", "latency_p50_ns"),
        ("latency_p50_ns", "latency_p50_ns"),
        ("rss_peak", "rss_peak_bytes"),
        ("energy", "energy_net_j"),
    ],
)
def test_metrics_by_their_short_names(word: str, name: str) -> None:
    assert metric_name(word) == name


@pytest.mark.parametrize(
    ("rows", "metrics", "says"),
    [
        ("engine", "latency_p51", "did you mean"),
        ("motor", "latency_p50", "no facet 'motor'"),
        ("engine", "accuracy_top1", "no cell"),
    ],
)
def test_what_does_not_exist_is_refused(demo, rows: str, metrics: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        pivot(demo, request(rows, metrics=metrics))


def test_cells_without_a_good_trial_leave_gaps(made_up) -> None:
    run = made_up.demo_run()
    victim = next(t for t in run.plan.trials if t.cell.variant.name == "int8-static").cell
    for trial in run.plan.trials:
        if trial.cell == victim:
            source = run.trials[trial.id]
            source.record = replace(source.record, outcome=Outcome.INVALID, reason="x")
    table = pivot(build_report([run]), request("engine", "variant"))
    assert [entry is None for entry in table.rows[0][1:]] == [False, True]
