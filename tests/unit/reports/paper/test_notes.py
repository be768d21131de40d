"""What tables say of their numbers fits the metrics that they show."""

from __future__ import annotations

import pytest

from harness.metrics import METRICS
from reports.paper.notes import numbers_note
from reports.paper.pivot import PivotRequest, pivot
from reports.view import build_report


def test_times_are_over_trials() -> None:
    note = numbers_note(["latency_p50_ns", "rss_peak_bytes"])
    assert note.startswith("Values are geometric means over trials")
    assert "95 % intervals over trials" in note
    assert "samples" not in note


@pytest.mark.parametrize("metric", [name for name in METRICS if name.startswith("accuracy_")])
def test_accuracy_is_over_samples(metric: str) -> None:
    assert "intervals over samples" in numbers_note([metric])
    assert "over trials" not in numbers_note([metric])
    assert "over the 900 samples of a data set" in numbers_note([metric], samples={900})


def test_time_to_throttle_speaks_of_those_that_did() -> None:
    assert "those trials that throttled" in numbers_note(["throttle_onset_ns", "late_p50_ns"])
    assert "throttled" not in numbers_note(["late_p50_ns"])


def test_energy_and_plain_means_are_told_apart() -> None:
    assert "uncertainty of idle power" in numbers_note(["energy_net_j", "latency_p50_ns"])
    assert "without an interval" in numbers_note(["stability_percent"])
    assert "without an interval" not in numbers_note(["energy_net_j"])


def test_a_pivot_over_units_says_so(made_up) -> None:
    cells = [made_up.make_cell(device=device) for device in ("a", "b", "c")]
    plan = made_up.make_plan(cells)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=t.order) for t in plan.trials}
    model = build_report([made_up.MemoryRun(plan, trials)])
    pooled = pivot(model, PivotRequest(("variant",), ("latency_p50_ns",)))
    assert "its interval is over units" in pooled.note
    assert pooled.trials_text == "n = 9 trials \u00d7 3 units"
    apart = pivot(model, PivotRequest(("device",), ("latency_p50_ns",)))
    assert "over units" not in apart.note
