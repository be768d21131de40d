"""A cell that fell back stands in no output under the accelerator's name."""

from __future__ import annotations

import csv
import io

import pytest

from harness.findings import finding
from harness.jobs.recommend import Limits, recommend
from harness.record import (
    Cell,
    Outcome,
    Placement,
    PlacementVerdict,
    RunPlan,
    Trial,
    TrialRecord,
    Witness,
)
from harness.scenario import SingleStream
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant
from reports.csv import cells_csv, trials_csv
from reports.html import render_html
from reports.markdown import render_markdown
from reports.terminal import json_rows, terminal_table
from reports.view import build_report

STAMP = "2026-01-01T00:00:00+00:00"
#: Of the trials that fell back; it must not be seen anywhere.
MEDIAN_NS = 7_654_321.0
SHOWN = ("7.654", "7654321", "7.65")


@pytest.fixture
def run(tmp_path):
    variant = Variant("net", "fp32", ModelFormat.TFLITE, "a" * 64, 1000, "fp32")
    cell = Cell("local", variant, "tflite", "gpu", 1, 1, SingleStream())
    trials = tuple(Trial(f"{cell.key}-r{i}", cell, i, i) for i in range(3))
    store = ResultsStore(tmp_path)
    writer = store.create_run(RunPlan("run", "fallback", None, STAMP, trials))
    placed = Placement(
        PlacementVerdict.FELL_BACK, witnesses=(Witness("log", PlacementVerdict.FELL_BACK, "no"),)
    )
    for trial in trials:
        writer.begin_trial(trial).finish(
            TrialRecord(
                writer.run_id, trial, 1, Outcome.INVALID, STAMP, STAMP,
                reason="the delegate took nothing of the graph", placed=placed,
                metrics={"latency_p50_ns": MEDIAN_NS, "latency_p90_ns": MEDIAN_NS},
                findings=(finding("FELL-BACK", "asked for gpu"),),
            )
        )  # fmt: skip
    writer.close("complete")
    return store.resolve("run")


def test_no_number_and_no_accelerators_name_in_any_output(run) -> None:
    model = build_report([run])
    (cell,) = model.cells
    assert cell.facets["delegate"] == "cpu (gpu fell back)"
    outputs = {
        "terminal": str(terminal_table(model)),
        "html": render_html(model),
        "markdown": render_markdown(model),
        "cells": cells_csv(model),
        "trials": trials_csv(model),
        "json": str(json_rows(model)),
    }
    for name, text in outputs.items():
        assert not any(number in text for number in SHOWN), name
    for row in csv.DictReader(io.StringIO(outputs["trials"])):
        assert (row["delegate"], row["outcome"]) == ("cpu (gpu fell back)", "INVALID")
        assert row["value"] == ""
    assert "3 invalid" in outputs["terminal"]
    assert "FELL_BACK" in outputs["cells"]


def test_it_is_never_recommended(run) -> None:
    assert all(not answer.judged for answer in recommend([run], Limits()))
