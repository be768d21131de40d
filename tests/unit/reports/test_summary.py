from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import Outcome
from harness.scenario import Cold, Offline, SingleStream
from reports.compare import Certainty, advantage, groups, quantized_pairs, winners
from reports.summary import summarise
from reports.view import build_report


@pytest.fixture
def report_of(made_up):
    """A report of cells with given values of their primary metric."""

    def build(*cells):
        plan = made_up.make_plan([cell for cell, _, _ in cells], 3)
        values = {cell.key: (metric, numbers) for cell, metric, numbers in cells}
        trials = {}
        for trial in plan.trials:
            metric, numbers = values[trial.cell.key]
            if trial.repeat < len(numbers):
                made = made_up.make_trial(trial, p50_ms=10.0, seed=1, seconds=0.1)
                made.record = replace(made.record, metrics={metric: numbers[trial.repeat]})
                trials[trial.id] = made
        return build_report([made_up.MemoryRun(plan, trials)])

    return build


P50 = "latency_p50_ns"


def test_the_fastest_is_named_with_its_lead(demo) -> None:
    first = summarise(demo).results[0]
    assert first.startswith("mobilenet_v2/int8-static with tflite 2.3.0 is fastest: 7.6")
    assert "times [" in first
    assert "In doubt: INTERFERENCE" in first


def test_quantized_pairs_say_when_nothing_is_shown(demo) -> None:
    text = " ".join(summarise(demo).results)
    assert "the interval contains 1, so this run shows no difference" in text
    assert "(no interval)" in text  # the pair whose fp32 cell lost a trial


def test_a_clear_lead_and_an_unclear_one(report_of, made_up) -> None:
    fp32, int8 = made_up.make_cell("fp32"), made_up.make_cell("int8-static")
    clear = report_of((fp32, P50, [10e6, 10.1e6, 9.9e6]), (int8, P50, [5e6, 5.1e6, 4.9e6]))
    (pair,) = quantized_pairs(clear.cells)
    assert pair.certainty is Certainty.CLEAR
    assert pair.factor.value == pytest.approx(2, rel=0.01)
    unclear = report_of((fp32, P50, [10e6, 12e6, 9e6]), (int8, P50, [9e6, 11e6, 10e6]))
    (pair,) = quantized_pairs(unclear.cells)
    assert pair.certainty is Certainty.UNCLEAR
    few = report_of((fp32, P50, [10e6, 12e6]), (int8, P50, [9e6, 11e6]))
    assert quantized_pairs(few.cells)[0].certainty is Certainty.UNKNOWN
    assert "take these as hints" in summarise(few).certainty


def test_quantization_that_slows_down_is_said(report_of, made_up) -> None:
    fp32, int8 = made_up.make_cell("fp32"), made_up.make_cell("int8-static")
    model = report_of((fp32, P50, [5e6, 5.1e6, 4.9e6]), (int8, P50, [10e6, 10.1e6, 9.9e6]))
    assert "quantization slows it down" in " ".join(summarise(model).results)
    few = report_of((fp32, P50, [5e6, 5.1e6]), (int8, P50, [5.1e6, 5.2e6]))
    assert "slows" not in " ".join(summarise(few).results)  # without an interval nobody knows


def test_throughput_wins_when_it_is_higher(report_of, made_up) -> None:
    cells = [made_up.make_cell(engine=e, load=Offline()) for e in ("tflite", "onnxruntime")]
    rate = "throughput_per_s"
    model = report_of((cells[0], rate, [10.0, 11.0, 10.5]), (cells[1], rate, [30.0, 31.0, 30.5]))
    (won,) = winners(model.cells)
    assert won.better.facets["engine"] == "onnxruntime"
    assert won.factor.value == pytest.approx(2.9, rel=0.02)


def test_cells_that_answer_different_questions_are_not_compared(report_of, made_up) -> None:
    load = SingleStream(min_seconds=60.0)
    model = report_of(
        (made_up.make_cell(), P50, [1e6, 1e6, 1e6]),
        (made_up.make_cell(batch=4), P50, [2e6, 2e6, 2e6]),
        (made_up.make_cell(load=load), P50, [3e6, 3e6, 3e6]),
        (made_up.make_cell(load=Cold()), "cold_start_ns", [4e6, 4e6, 4e6]),
        (made_up.make_cell(shapes={"x": (1, 8)}), P50, [4e6, 4e6, 4e6]),
    )
    assert len(groups(model.cells)) == 5
    assert winners(model.cells) == []
    assert advantage(model.cells[0], model.cells[1]) is None


def test_doubts_and_lost_trials_stand_in_front(demo) -> None:
    doubts = summarise(demo).doubts
    assert doubts[0].startswith("DRIFT on 1 cell")
    assert doubts[-1] == "1 trial of 15 gave no number: 1 failed."


def test_a_run_with_only_failures(made_up) -> None:
    run = made_up.demo_run(seconds=0.1)
    for made in run.trials.values():
        made.record = replace(made.record, outcome=Outcome.INVALID, reason="forbidden")
    summary = summarise(build_report([run]))
    assert summary.results == ("Nothing was measured.",)
    assert summary.certainty == ""


def test_one_cell_is_stated_plainly(report_of, made_up) -> None:
    model = report_of((made_up.make_cell(), P50, [1e6, 1.01e6, 1.02e6]))
    (only,) = summarise(model).results
    assert only.startswith("mobilenet_v2/fp32 with tflite 2.3.0, cpu, 1 thread: 1.010\u00a0ms [")


def test_of_many_devices_a_few_are_named(report_of, made_up) -> None:
    cells = [made_up.make_cell(device=f"android:{n:03}") for n in range(200)]
    model = report_of(*((cell, P50, [10e6]) for cell in cells))
    measured = summarise(model).measured
    assert "on 200 devices: android:000; " in measured
    assert "android:003 and 196 more" in measured
    assert "android:004" not in measured


@pytest.mark.parametrize(
    ("count", "last"), [(5, "1 more is in the table."), (6, "2 more are in the table.")]
)
def test_what_is_not_said_is_counted(made_up, count, last) -> None:
    plan = made_up.make_plan([made_up.make_cell(batch=n + 1) for n in range(count)], 1)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=t.order) for t in plan.trials}
    assert last in summarise(build_report([made_up.MemoryRun(plan, trials)])).results
