"""The ready-made tables, and the same tables as data."""

from __future__ import annotations

import io
import json

import pytest

from harness.findings import finding
from reports.paper.data import tables_csv, tables_json, tables_markdown, tables_parquet
from reports.paper.table import Number
from reports.paper.tables import paper_tables
from reports.view import build_report


def by_name(model):
    return {table.name: table for table in paper_tables(model)}


def test_tables_appear_where_there_is_something_to_put_in_them(demo) -> None:
    assert list(by_name(demo)) == [
        *("latency", "speed-up", "quantization", "startup", "memory", "capability"),
    ]


def test_speed_up_is_over_float32_in_the_same_setting(demo) -> None:
    table = by_name(demo)["speed-up"]
    assert not any(number.best for number in table.numbers)  # float32 may be best, and has no row
    *rows, mean = table.rows
    assert [row[0] for row in rows] == ["mobilenet_v2/int8-static"] * 2
    ratios = [row[-1].estimate.value for row in rows]
    assert ratios[0] == pytest.approx(12.4 / 7.65, rel=0.02)
    assert mean[-1].estimate.value == pytest.approx((ratios[0] * ratios[1]) ** 0.5)
    assert mean[-1].trials == 0  # it sums up others
    assert table.trials_text == "n = 2 to 3 trials \u00d7 1 unit"
    assert not any(row[-1].best for row in table.rows)  # baselines differ, and 0.9 is no best


def test_quantization_has_size_latency_and_speed_up(demo) -> None:
    table = by_name(demo)["quantization"]
    assert [c.heading for c in table.columns if c.metric] == [
        *("model size", "latency p50", "speed-up"),
    ]
    fp32, int8 = table.rows[:2]
    assert fp32[-1] is None
    assert isinstance(int8[-1], Number)


def test_what_ran_where(demo) -> None:
    table = by_name(demo)["capability"]
    assert [c.heading for c in table.columns[2:]] == ["tflite cpu", "onnxruntime cpu"]
    assert {row[2] for row in table.rows} == {"yes"}


def test_only_failures_give_no_table_with_numbers(made_up) -> None:
    run = made_up.demo_run()
    for trial in run.plan.trials:
        run.trials[trial.id] = made_up.make_failure(trial)
    tables = paper_tables(build_report([run]))
    assert all(not table.numbers for table in tables)
    assert tables_csv(tables)
    assert tables_markdown(tables)
    assert tables_parquet(tables)


def test_one_trial_has_a_value_and_no_interval(made_up) -> None:
    plan = made_up.make_plan([made_up.make_cell()], 1)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=1) for t in plan.trials}
    table = by_name(build_report([made_up.MemoryRun(plan, trials)]))["latency"]
    assert all(number.shown.plus_minus == "" for number in table.numbers)
    assert table.trials_text == "n = 1 trial \u00d7 1 unit"


def test_csv_and_parquet_hold_every_number_in_full(demo) -> None:
    import pandas as pd

    tables = paper_tables(demo)
    frames = [
        pd.read_csv(io.StringIO(tables_csv(tables))),
        pd.read_parquet(io.BytesIO(tables_parquet(tables))),
    ]
    expected = [one.estimate.value for table in tables for one in table.numbers]
    for frame in frames:
        assert frame["value"].tolist() == pytest.approx(expected, rel=1e-15)
        assert frame["trials"].max() == 3


def test_json_says_what_the_caption_says(demo) -> None:
    documents = json.loads(tables_json(paper_tables(demo)))
    assert [d["name"] for d in documents] == list(by_name(demo))
    latency = documents[0]
    assert "1 unit" in latency["caption"]
    assert latency["on_every_number"] == ["SYNTHETIC-MODEL"]
    shown = latency["rows"][1][2]
    assert (shown["shown"], shown["best"]) == ("7.660(52)", True)


def test_markdown_marks_best_and_doubts(demo) -> None:
    text = tables_markdown(paper_tables(demo))
    assert "**7.660(52)**" in text
    assert "INTERFERENCE" in text


def test_operators_by_processor(made_up) -> None:
    from harness.stats.operators import OperatorTime, Profile

    cell = made_up.make_cell(purpose="profile")
    plan = made_up.make_plan([cell], 1)
    nodes = (
        OperatorTime(0, "conv", "CONV_2D", "CPU", 6_000_000, 2),
        OperatorTime(1, "add", "ADD", "CPU", 2_000_000, 2),
    )
    source = made_up.make_trial(plan.trials[0], p50_ms=9, seed=1)
    source.profiled = Profile("tflite", 2, 8_000_000, nodes)
    table = by_name(build_report([made_up.MemoryRun(plan, {plan.trials[0].id: source})]))
    rows = table["operators"].rows
    assert [row[2] for row in rows] == ["CONV_2D", "ADD"]
    assert rows[0][5].estimate.value == pytest.approx(3e6)
    assert rows[0][6].shown.value == "75"


def test_a_doubt_on_every_number_of_a_table_is_said_once(made_up) -> None:
    cells = [made_up.make_cell(name) for name in ("fp32", "int8-static")]
    plan = made_up.make_plan([*cells, made_up.make_cell(purpose="memory")])
    doubt = finding("DRIFT", "it moved")
    trials = {
        trial.id: made_up.make_trial(
            trial, p50_ms=9, seed=1, findings=(doubt,) if trial.cell in cells else ()
        )
        for trial in plan.trials
    }
    table = by_name(build_report([made_up.MemoryRun(plan, trials)]))["latency"]
    assert "DRIFT" in [view.id for view in table.common]
    assert "DRIFT" not in [view.id for one in table.numbers for view in one.marks]
