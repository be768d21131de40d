"""The figure of nights in a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.store.lab_files import NightEntry
from reports.plots.history import history_plots
from reports.plots.style import STYLES
from reports.plots.write import caption, drawn

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra figures)")


def nights(*ratios: float | None) -> list[NightEntry]:
    first = NightEntry(
        at="", runs=("r",), scenario="nightly", device_id="local", unit="local", os_build="1",
        cell="net/int8 tflite cpu t1", metric="latency_p50_ns", status="good", verdict="equivalent",
    )  # fmt: skip
    return [
        replace(
            first,
            at=f"2026-11-{day:02d}T01:00:00+00:00",
            ratio=ratio,
            low=ratio and ratio * 0.99,
            high=ratio and ratio * 1.01,
            status="regression" if ratio and ratio > 1.05 else "good",
        )
        for day, ratio in enumerate(ratios, start=1)
    ]


def test_a_step_is_a_change_point_and_a_gap_stays_a_gap() -> None:
    flat, high = [1.001, 0.999, 1.0, 1.002, 0.998], [1.08, 1.081, 1.079, 1.08, 1.082]
    (plot,) = history_plots({"s": nights(*flat, None, *high)})
    assert "between 1 change point;" in caption(plot)
    assert len(plot.rows) == 10
    assert [row["night"][:10] for row in plot.rows][4:6] == ["2026-11-05", "2026-11-07"]
    assert drawn(plot, STYLES["web"], "svg").startswith(b"<?xml")


def test_two_nights_are_no_history() -> None:
    assert list(history_plots({"s": nights(1.0, 1.0), "t": nights(1.0, None, None, 1.0)})) == []


def test_simulated_nights_say_so() -> None:
    entries = [replace(one, findings=("SIMULATED-DEVICE",)) for one in nights(1.0, 1.01, 0.99)]
    (plot,) = history_plots({"s": entries})
    assert caption(plot).startswith("SIMULATED")
