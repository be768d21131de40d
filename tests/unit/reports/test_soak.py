"""Sustained loads in reports: places at the beginning and the end, and windows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.findings import finding
from harness.record import Cell, Outcome, RunPlan, SoakWindow, Trial, TrialRecord
from harness.scenario import Burst, Sustained
from harness.variant import ModelFormat, Variant
from reports.html import render_html
from reports.markdown import render_markdown
from reports.soak import soak_views
from reports.terminal import soak_tables
from reports.view import build_report

STAMP = "2026-01-01T00:00:00+00:00"
VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "a" * 64, 1000, "fp32")
WINDOWS = (
    SoakWindow(0.0, 86_400.0, 100, 5e6, 1, {"temperature.skin_c": 38.0}, 2.5),
    SoakWindow(86_400.0, 259_200.0, 200, 6e6, 0),
)


def record(cell: Cell, repeat: int = 0, first_ns: float = 5e6, last_ns: float = 6e6, **more):
    trial = Trial(f"{cell.key}-r{repeat}", cell, repeat, repeat)
    metrics = {"latency_p50_ns": last_ns, "peak_p50_ns": first_ns, "late_p50_ns": last_ns}
    made = TrialRecord("run", trial, 1, Outcome.OK, STAMP, STAMP, metrics=metrics)
    return replace(made, **more)


@pytest.fixture
def report(made_up):
    def build(*records: TrialRecord):
        trials = tuple(one.trial for one in records)
        sources = {one.trial.id: made_up.MemoryTrial(one, made_up.no_samples()) for one in records}
        plan = RunPlan("run", "soak", None, STAMP, trials)
        return build_report([made_up.MemoryRun(plan, sources)])

    return build


def cell(**changes: object) -> Cell:
    return replace(Cell("local", VARIANT, "tflite", "cpu", 1, 1, Sustained(259_200.0)), **changes)


def test_who_is_ahead_at_first_and_who_at_the_end(report) -> None:
    fast = replace(VARIANT, name="int8", digest="b" * 64)
    model = report(
        record(cell(), first_ns=8e6, last_ns=8e6), record(cell(variant=fast), last_ns=9e6)
    )
    (view,) = soak_views(model)
    assert view.title.startswith("Who is ahead: local, sustained")
    assert view.table.rows == (
        ("net/fp32", "8.000", "2", "8.000", "1"),
        ("net/int8", "5.000", "1", "9.000", "2"),
    )


def test_devices_are_ranked_with_the_same_cell(report) -> None:
    model = report(
        record(
            cell(device_id="android:1"), last_ns=7e6, findings=(finding("SIMULATED-DEVICE", ""),)
        ),
        record(cell(device_id="android:2"), last_ns=6e6),
    )
    (view,) = soak_views(model)
    assert [row[0] for row in view.table.rows] == [
        "net/fp32, android:2",
        "net/fp32, android:1 (SIMULATED)",
    ]


def test_windows_of_every_trial(report) -> None:
    model = report(record(cell(), windows=WINDOWS))
    (view,) = soak_views(model)
    assert view.table.rows == (
        ("net/fp32 #1", "0.0 s", "1 d 00 h", "100", "5.000", "1", "38.0 (skin)", "2.500"),
        ("net/fp32 #1", "1 d 00 h", "3 d 00 h", "200", "6.000", "0", "\u2014", "\u2014"),
    )
    (table,) = soak_tables(model)
    assert table.notes[0].startswith("Windows of sustained loads: The first third")
    for page in (render_html(model), render_markdown(model)):
        assert "Windows of sustained loads" in page
        assert "38.0 (skin)" in page


def test_other_loads_have_neither(report) -> None:
    model = report(
        replace(record(cell(load=Burst())), metrics={"latency_p50_ns": 5e6}),
    )
    assert soak_views(model) == ()
    assert 'href="#sustained"' not in render_html(model)
