from __future__ import annotations

from dataclasses import replace

import pytest

from harness.findings import Severity, finding
from harness.record import Outcome, Placement, PlacementVerdict
from reports.tables import cell_tables, number
from reports.view import build_report


@pytest.fixture
def one_cell(made_up):
    """Build a report of one cell from changes to its three trials' records."""

    def build(*changes, repeats=3, cell=None, facts=None):
        plan = made_up.make_plan([cell or made_up.make_cell()], repeats)
        if facts is not None:
            plan = replace(plan, facts={"local": facts})
        trials = {}
        for trial, change in zip(plan.trials, changes, strict=False):
            if change is None:
                continue
            made = made_up.make_trial(trial, p50_ms=10.0 + trial.repeat, seed=trial.order)
            made.record = replace(made.record, **change)
            trials[trial.id] = made
        return build_report([made_up.MemoryRun(plan, trials)])

    return build


def test_every_cell_is_there_with_its_counts(demo) -> None:
    assert [cell.counts.text for cell in demo.cells] == [
        "2 OK, 1 failed",
        *["3 OK"] * 4,
    ]
    assert demo.counts.planned == 15


def test_failed_and_invalid_trials_enter_no_number(one_cell) -> None:
    good = {"metrics": {"latency_p50_ns": 1e7}}
    model = one_cell(
        good,
        {"outcome": Outcome.FAILED, "metrics": {"latency_p50_ns": 9e9}},
        {"outcome": Outcome.INVALID, "metrics": {"latency_p50_ns": 9e9}, "reason": "DRIFT"},
    )
    (cell,) = model.cells
    assert cell.estimates["latency_p50_ns"].n == 1
    assert cell.estimates["latency_p50_ns"].value == pytest.approx(1e7)
    assert [row.outcome for row in cell.trials] == [Outcome.OK, Outcome.FAILED, Outcome.INVALID]
    assert cell.trials[2].reason == "DRIFT"
    assert len(model.failures) == 1


def test_a_cell_without_a_good_trial_has_no_number_and_says_why(one_cell) -> None:
    model = one_cell({"outcome": Outcome.INVALID}, {"outcome": Outcome.INVALID}, None)
    (cell,) = model.cells
    assert cell.estimates == {}
    assert cell.quantiles is None
    entry = number(cell, "latency_p50_ns", model)
    assert entry.text == "\u2014"
    assert entry.why == "not measured: 2 invalid, 1 not run"


def test_trials_that_were_never_finished_are_counted(one_cell) -> None:
    model = one_cell({}, None, None)
    assert model.counts.missing == 2
    assert model.cells[0].counts.planned == 3


def test_skipped_trials_are_listed_with_their_reason(one_cell) -> None:
    model = one_cell({}, {"outcome": Outcome.SKIPPED, "reason": "too hot", "metrics": {}}, {})
    assert any(skip.reason == "too hot" for skip in model.skips)
    assert model.cells[0].trials[1].metrics == {}


def test_the_memory_pass_never_meets_timed_numbers(demo) -> None:
    timed, memory = cell_tables(demo)
    assert {row.cell.purpose for row in timed.rows} == {"timing"}
    assert {row.cell.purpose for row in memory.rows} == {"memory"}
    assert not any(column.metric.startswith("latency") for column in memory.columns)
    keys = [column.metric for column in memory.columns]
    assert keys.count("rss_steady_bytes") == keys.count("pss_steady_bytes") == 1


def test_few_trials_are_a_finding_of_the_cell(one_cell) -> None:
    model = one_cell({}, {}, repeats=2)
    (few,) = [item for item in model.cells[0].findings if item.id == "FEW-TRIALS"]
    assert few.severity is Severity.NOTE
    assert model.cells[0].estimates["latency_p50_ns"].low is None


def test_doubtful_numbers_carry_the_mark_of_their_finding(demo) -> None:
    doubted = demo.cells[3]
    entry = number(doubted, "latency_p50_ns", demo)
    assert [view.id for view in entry.marks] == ["INTERFERENCE"]
    assert demo.finding("INTERFERENCE").mark in entry.mark_text
    tail = number(doubted, "latency_p99_ns", demo)
    assert "TAIL-UNSUPPORTED" in [view.id for view in tail.marks]
    assert number(doubted, "size_bytes", demo).marks == ()


def test_findings_are_merged_with_counts_heaviest_first(demo) -> None:
    ids = [view.id for view in demo.findings]
    assert ids[:2] == ["DRIFT", "INTERFERENCE"]
    interference = demo.finding("INTERFERENCE")
    assert (interference.trials, interference.cells) == (3, 1)
    assert len(interference.examples) == 3
    assert len({view.mark for view in demo.findings}) == len(demo.findings)
    assert demo.finding("SYNTHETIC-MODEL").everywhere
    assert not interference.everywhere


def test_findings_of_failed_trials_are_explained_but_mark_no_number(one_cell) -> None:
    recovered = finding("RECOVERED", "3 blocks")
    model = one_cell({}, {"outcome": Outcome.FAILED, "findings": (recovered,)}, {})
    assert model.finding("RECOVERED").trials == 1
    assert (
        number(model.cells[0], "latency_p50_ns", model).mark_text != model.finding("RECOVERED").mark
    )


def test_simulated_devices_are_known_by_finding_or_by_fact(one_cell, made_up) -> None:
    by_finding = one_cell({"findings": (finding("SIMULATED-DEVICE", "a fake"),)})
    by_fact = one_cell({}, facts=replace(made_up.FACTS, values={"simulated": True}))
    for model in (by_finding, by_fact):
        assert model.simulated
        table = cell_tables(model)[0]
        assert "SIMULATED" in table.rows[0].entries[0].text


def test_placement_is_named_for_delegates_only(one_cell, made_up) -> None:
    placed = Placement(PlacementVerdict.PARTIAL, 70, 72, 2)
    on_gpu = one_cell({"placed": placed}, cell=made_up.make_cell(delegate="gpu"))
    assert on_gpu.cells[0].facets["placement"] == "PARTIAL 70/72 nodes in 2 partitions"
    assert one_cell({"placed": placed}).cells[0].facets["placement"] == ""


def test_two_runs_are_not_pooled(made_up) -> None:
    first = made_up.demo_run()
    second = made_up.MemoryRun(replace(first.plan, run_id="later"), first.trials)
    model = build_report([first, second])
    assert len(model.cells) == 10
    assert all(cell.counts.planned == 3 for cell in model.cells)
    assert any(column.key == "run" for column in cell_tables(model)[0].columns)


def test_a_plan_without_trials_is_a_report(made_up) -> None:
    model = build_report([made_up.MemoryRun(made_up.make_plan([]), {})])
    assert model.cells == ()
    assert len(model.skips) == 1
    assert cell_tables(model) == ()


def test_cells_stand_as_the_scenario_declares_them_not_as_they_were_shuffled(made_up) -> None:
    cells = [made_up.make_cell(name) for name in ("fp32", "fp16", "int8-static")]
    shuffled = made_up.make_plan([cells[2], cells[0], cells[1]], 3)
    plan = replace(shuffled, ranking=tuple(cell.key for cell in cells))
    trials = {trial.id: made_up.make_trial(trial, p50_ms=10.0, seed=1) for trial in plan.trials}
    model = build_report([made_up.MemoryRun(plan, trials)])
    assert [cell.facets["variant"] for cell in model.cells] == ["fp32", "fp16", "int8-static"]
