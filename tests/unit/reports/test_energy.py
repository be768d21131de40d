"""Energy in reports: intervals with idle in them, nothing where trials have no net energy."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from harness.findings import finding
from harness.record import Cell, Energy, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import SingleStream
from harness.variant import ModelFormat, Variant
from reports.csv import cells_csv
from reports.energy import energy_estimates
from reports.markdown import render_markdown
from reports.paper.pivot import PivotRequest, pivot
from reports.paper.tables import paper_tables
from reports.tables import cell_tables
from reports.terminal import json_rows, terminal_table
from reports.view import build_report

STAMP = "2026-01-01T00:00:00+00:00"
CELL = Cell(
    "local",
    Variant("net", "fp32", ModelFormat.TFLITE, "a" * 64, 1000, "fp32"),
    *("tflite", "cpu", 1, 1, SingleStream()),
)


def record(repeat: int, gross_j: float | None, net_j: float | None) -> TrialRecord:
    metrics = {"latency_p50_ns": 8e6}
    found, energy = (), None
    if gross_j is None:
        energy = Energy(refused={"battery": "CHARGING: plugged"})
        found = (finding("ENERGY-REFUSED", "battery: CHARGING: plugged"),)
    else:
        metrics |= {"energy_gross_j": gross_j, "power_mean_w": 3.0, "power_idle_w": 1.0}
        metrics |= {} if net_j is None else {"energy_net_j": net_j}
        energy = Energy("battery", idle_error_j=0.001, edge_error_j=0.0005, gain=0.05)
    trial = Trial(f"{CELL.key}-r{repeat}", CELL, repeat, repeat)
    return TrialRecord(
        "run", trial, 1, Outcome.OK, STAMP, STAMP,
        metrics=metrics, energy=energy, findings=found,
    )  # fmt: skip


@pytest.fixture
def report(made_up):
    def make(*records: TrialRecord):
        plan = RunPlan("run", "energy", None, STAMP, tuple(one.trial for one in records))
        trials = {one.trial.id: made_up.MemoryTrial(one, made_up.no_samples()) for one in records}
        return build_report([made_up.MemoryRun(plan, trials)])

    return make


def test_idle_uncertainty_is_in_the_interval_however_alike_the_trials_are() -> None:
    found = energy_estimates([record(i, 0.030, 0.020) for i in range(3)])
    gross, net = found["energy_gross_j"], found["energy_net_j"]
    assert gross is not None
    assert net is not None
    assert (gross.value, net.value, net.n) == (pytest.approx(0.030), pytest.approx(0.020), 3)
    assert gross.high - gross.value == pytest.approx(1.96 * 0.0005)
    assert net.high - net.value == pytest.approx(1.96 * (0.001**2 + 0.0005**2) ** 0.5)


def test_below_three_trials_there_is_no_interval() -> None:
    gross = energy_estimates([record(0, 0.030, 0.020)])["energy_gross_j"]
    assert gross is not None
    assert (gross.low, gross.high) == (None, None)


def test_a_trial_without_net_energy_leaves_the_cell_without(report) -> None:
    model = report(record(0, 0.03, 0.02), record(1, 0.03, None), record(2, 0.03, 0.02))
    (cell,) = model.cells
    assert "energy_net_j" not in cell.estimates
    assert cell.estimates["energy_gross_j"].value == pytest.approx(0.03)


def test_every_output_shows_millijoules_with_their_interval(report) -> None:
    model = report(*(record(i, 0.0301 + i * 1e-4, 0.0201) for i in range(3)))
    table = terminal_table(model)
    assert "energy per inference, net of idle [mJ]" in table.headers
    assert any(cell.startswith("20.10 [") for cell in table.rows[0])
    (shown,) = cell_tables(model)
    assert {"energy_net_j", "energy_gross_j", "power_mean_w"} <= {c.key for c in shown.columns}
    assert "20.10" in render_markdown(model)
    (row,) = csv.DictReader(io.StringIO(cells_csv(model)))
    assert float(row["energy_net_j"]) == pytest.approx(0.0201)
    assert float(row["energy_net_j_low"]) < 0.0201
    (plain,) = json_rows(model)
    assert plain["energy_net_mj"] == pytest.approx(20.1)


def test_a_refusal_is_a_doubt_about_energy_and_never_a_number(report) -> None:
    model = report(record(0, None, None))
    table = terminal_table(model)
    assert not any("energy" in header for header in table.headers)
    assert "ENERGY-REFUSED" in table.rows[0][-1]
    assert "CHARGING: plugged" in render_markdown(model)


def test_tables_say_where_the_power_was_read_and_that_gain_is_in_no_interval(report) -> None:
    model = report(*(record(i, 0.030, 0.020) for i in range(3)))
    asked = pivot(model, PivotRequest(("device",), ("energy_net_j",)))
    for table in (asked, {one.name: one for one in paper_tables(model)}["energy"]):
        assert "Power is from: battery gauge, gain within 5.0 %." in table.note
        assert "gain of a source is in no interval" in table.note
    assert "gain" not in pivot(model, PivotRequest(("device",), ("latency_p50_ns",))).note


def test_an_energy_table_shows_who_has_none_and_says_why(made_up) -> None:
    found = []
    for device, gross_j in (("a", 0.03), ("b", None)):
        one = record(0, gross_j, gross_j)
        cell = replace(one.trial.cell, device_id=device)
        found.append(replace(one, trial=replace(one.trial, id=device, cell=cell)))
    plan = RunPlan("run", "energy", None, STAMP, tuple(one.trial for one in found))
    trials = {one.trial.id: made_up.MemoryTrial(one, made_up.no_samples()) for one in found}
    tables = paper_tables(build_report([made_up.MemoryRun(plan, trials)]))
    (table,) = [one for one in tables if one.name == "energy"]
    assert [row[0] for row in table.rows] == ["a", "b"]
    assert table.rows[1][2] is None
    assert "no source that could be trusted (b)" in table.note
