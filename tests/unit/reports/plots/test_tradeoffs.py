"""Accuracy against what was measured of the same file: latency, and energy where there is any."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.findings import finding
from harness.record import Accuracy, Energy
from reports.plots.style import STYLES
from reports.plots.tradeoffs import tradeoff_plots
from reports.plots.write import caption, drawn
from reports.view import build_report

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra figures)")

NET_J = {"fp32": 0.030, "int8-static": 0.012}
TOP1 = {"fp32": 0.98, "int8-static": 0.95}


@pytest.fixture(scope="module")
def plots(made_up):
    """Two files on one simulated phone with a gauge, timed and examined."""
    cells = [
        made_up.make_cell(name, device="android:9A", purpose=purpose)
        for name in NET_J
        for purpose in ("timing", "accuracy")
    ]
    plan = made_up.make_plan(cells, 3)
    trials = {}
    for trial in plan.trials:
        name = trial.cell.variant.name
        made = made_up.make_trial(trial, p50_ms=9, seed=trial.order, seconds=0.1)
        metrics = {**made.record.metrics, "energy_gross_j": 0.04, "energy_net_j": NET_J[name]}
        accuracy = None
        if trial.cell.purpose == "accuracy":
            top1 = TOP1[name]
            metrics = {"accuracy_top1": top1}
            accuracy = Accuracy(
                "digits",
                "test",
                "d",
                3,
                {"accuracy_top1": (top1 - 0.02, top1 + 0.01)},
                "1 2 3",
                "110",
            )
        made.record = replace(
            made.record,
            metrics=metrics,
            accuracy=accuracy,
            energy=Energy("battery", idle_error_j=0.001, edge_error_j=0.0005, gain=0.05),
            findings=(finding("SIMULATED-DEVICE", "9A is a simulation"),),
        )
        trials[trial.id] = made
    return {
        plot.name: plot for plot in tradeoff_plots(build_report([made_up.MemoryRun(plan, trials)]))
    }


def test_accuracy_meets_net_energy_with_both_intervals(plots) -> None:
    assert set(plots) == {"accuracy-latency", "accuracy-energy"}
    rows = {row["cell"]: row for row in plots["accuracy-energy"].rows}
    assert set(rows) == set(NET_J)
    for name, row in rows.items():
        assert row["energy"] == pytest.approx(NET_J[name] * 1e3)
        assert row["low"] < row["energy"] < row["high"]
        assert row["accuracy_percent"] == pytest.approx(TOP1[name] * 100)
        assert row["accuracy_high"] - row["accuracy_low"] == pytest.approx(3)


def test_its_figure_says_that_the_phone_is_simulated(plots) -> None:
    plot = plots["accuracy-energy"]
    assert caption(plot).startswith("SIMULATED")
    picture = drawn(plot, STYLES["paper"], "svg")
    assert b"SIMULATED device" in picture
    assert b"net per inference, mJ" in picture
    assert drawn(plot, STYLES["paper"], "svg") == picture
