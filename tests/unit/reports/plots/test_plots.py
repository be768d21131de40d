"""Figures: what is drawn, the data beside it, and files that are the same when made twice."""

from __future__ import annotations

import csv
import io
import itertools
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import StoreError, UserError
from harness.findings import finding
from harness.record import ChannelRecord
from harness.scenario import Sustained
from reports.plots.plot import Plot
from reports.plots.style import STYLES, check_style
from reports.plots.write import caption, drawn, report_plots, write_figures
from reports.view import build_report

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra figures)")

CHANNELS = tuple(
    ChannelRecord(name, unit, "device", "sysfs")
    for name, unit in (
        ("temperature.skin_c", "degC"),
        ("cpu.frequency_max_khz.policy6", "kHz"),
        ("thermal.status", "level"),
    )
)


def by_name(model) -> dict[str, Plot]:
    return {plot.name: plot for plot in report_plots(model)}


@pytest.fixture(scope="module")
def soak(made_up):
    """Two cells on one hot phone: the one that is ahead at first falls behind."""
    cells = [
        made_up.make_cell(name, load=Sustained(seconds=600.0), device="android:9A")
        for name in ("fp32", "int8-static")
    ]
    plan = made_up.make_plan(cells, 2)
    trials = {}
    for trial in plan.trials:
        fast = trial.cell.variant.name == "int8-static"
        source = made_up.make_trial(
            trial, p50_ms=30 if fast else 40, seed=1, seconds=600.0, channels=CHANNELS
        )
        samples = source.stored
        late = samples.start_ns - samples.start_ns[0] > 300e9
        factor = np.where(late, 2.0 if fast else 1.25, 1.0)
        source.stored = replace(samples, invoke_ns=(samples.invoke_ns * factor).astype(np.int64))
        at = np.arange(0, 600.0, 5.0)
        at_ns = (made_up.RUNNER_EPOCH_NS + at * 1e9).astype(np.int64)
        values = (25 + at / 40, np.where(at > 300, 2e6, 2.8e6), np.where(at > 300, 2.0, 0.0))
        source.traces = {
            channel.name: made_up.MemoryTrace(at_ns, value)
            for channel, value in zip(CHANNELS, values, strict=True)
        }
        metrics = {
            "peak_p50_ns": 30e6 if fast else 40e6,
            "late_p50_ns": 60e6 if fast else 50e6,
            "throttle_onset_ns": 3e11,
        }
        source.record = replace(
            source.record,
            metrics={**source.record.metrics, **metrics},
            findings=(finding("SIMULATED-DEVICE", "9A is a simulation"),),
        )
        trials[trial.id] = source
    return build_report([made_up.MemoryRun(plan, trials)])


def test_figures_appear_where_there_is_something_to_draw(demo, soak) -> None:
    assert list(by_name(demo))[:4] == ["ecdf-1", "trials-1", "speed-up", "startup"]
    assert set(by_name(soak)) >= {"rank-change-1", "sustained", "overtime-1", "telemetry-1"}


def test_every_trial_is_in_the_data_beside_its_figure(demo) -> None:
    plot = by_name(demo)["trials-1"]
    values = sorted(row["value"] for row in plot.rows)
    cells = [cell for cell in demo.cells if cell.purpose == "timing"]
    assert values == sorted(v for cell in cells for v in cell.metric_values("latency_p50_ns"))


def test_the_sustained_curve_is_made_of_minute_medians(soak) -> None:
    rows = by_name(soak)["sustained"].rows
    fp32 = [row["latency_p50_ms"] for row in rows if row["cell"] == "fp32"]
    assert len(fp32) in {10, 11}  # the last inference may end just after ten minutes
    assert fp32[0] == pytest.approx(40, rel=0.02)
    assert fp32[-1] == pytest.approx(50, rel=0.02)


def test_a_changed_rank_is_told(soak) -> None:
    rows = {row["cell"]: row for row in by_name(soak)["rank-change-1"].rows}
    assert (rows["int8-static"]["rank_first"], rows["int8-static"]["rank_last"]) == (1, 2)
    assert (rows["fp32"]["rank_first"], rows["fp32"]["rank_last"]) == (2, 1)


def test_a_simulated_phone_is_named_so_in_figure_and_caption(soak) -> None:
    for plot in report_plots(soak):
        assert plot.simulated
        assert caption(plot).startswith("SIMULATED")
    picture = drawn(by_name(soak)["sustained"], STYLES["web"], "svg").decode()
    assert "SIMULATED device" in picture


def test_every_kind_of_figure_can_be_drawn(demo, soak) -> None:
    kinds = {
        plot.name.rstrip("-0123456789"): plot for m in (demo, soak) for plot in report_plots(m)
    }
    assert len(kinds) == 8
    for plot in kinds.values():
        assert drawn(plot, STYLES["paper"], "svg").startswith(b"<?xml")


@pytest.mark.parametrize("style", STYLES)
def test_every_style_draws(demo, style: str) -> None:
    plot = by_name(demo)["speed-up"]
    assert drawn(plot, STYLES[style], "svg").startswith(b"<?xml")


def test_files_are_the_same_when_made_twice(demo, tmp_path: Path) -> None:
    plots = [plot for plot in report_plots(demo) if plot.name in {"ecdf-1", "startup"}]
    first = write_figures(plots, tmp_path / "a")
    second = write_figures(plots, tmp_path / "b")
    assert [path.name for path in first] == [
        "captions.txt",
        *(f"{plot.name}.{suffix}" for plot in plots for suffix in ("pdf", "svg", "png", "csv")),
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_pdfs_embed_truetype_fonts_and_tell_nothing_about_their_maker(demo) -> None:
    data = drawn(by_name(demo)["ecdf-1"], STYLES["paper"], "pdf")
    streams = [
        zlib.decompress(part)
        for part in re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", data, re.DOTALL)
    ]
    whole = data + b"".join(streams)
    assert b"/FontFile2" in whole
    assert b"/Type3" not in whole
    assert b"CreationDate" not in whole


def test_hostile_names_are_text(made_up) -> None:
    name = "=1+1_$x$ \\frac{1}{0} <b> \N{MOBILE PHONE} \u0645\u0631\u062d\u0628\u0627"
    cells = [
        made_up.make_cell(variant, engine=name, device=name) for variant in ("fp32", "int8-static")
    ]
    plan = made_up.make_plan(cells)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=t.order) for t in plan.trials}
    model = build_report([made_up.MemoryRun(plan, trials)])
    for plot in report_plots(model):
        assert drawn(plot, STYLES["web"], "svg")


def test_csv_cells_are_no_formulas(demo, tmp_path: Path) -> None:
    plot = replace(by_name(demo)["trials-1"], rows=[{"cell": "=1+1", "value": 2.5}])
    write_figures([plot], tmp_path)
    rows = list(csv.reader(io.StringIO((tmp_path / "trials-1.csv").read_text())))
    assert rows == [["cell", "value"], ["'=1+1", "2.5"]]


def test_only_failures_give_no_figures(made_up) -> None:
    run = made_up.demo_run()
    for trial in run.plan.trials:
        run.trials[trial.id] = made_up.make_failure(trial)
    assert list(report_plots(build_report([run]))) == []


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(UserError, match="paper, slides, web"):
        check_style("poster")


def test_a_folder_that_cannot_be_written_is_named(demo, tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(StoreError, match="figures"):
        write_figures([by_name(demo)["trials-1"]], tmp_path / "figures")


def test_of_hundreds_of_a_kind_the_first_are_drawn_and_the_rest_is_told(
    demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.plots.write.MOST_OF_A_KIND", 2)
    plot = by_name(demo)["startup"]
    plots = [replace(plot, name=f"startup-{number}") for number in range(1, 6)]
    written = write_figures(plots, tmp_path)
    assert {path.stem for path in written} == {"captions", "startup-1", "startup-2"}
    *_, last = (tmp_path / "captions.txt").read_text().splitlines()
    assert last == "startup: 3 more are left out, only 2 are drawn"


@pytest.mark.parametrize("factor", [6.0, 150.0, 1e5])
def test_numbers_below_a_logarithmic_axis_keep_off_one_another(factor) -> None:
    from matplotlib.figure import Figure

    from reports.plots.plot import plain_log_axis
    from reports.plots.style import applied

    with applied(STYLES["paper"]):
        figure = Figure(figsize=(STYLES["paper"].column_in, 2.3), layout="constrained")
        axes = figure.subplots()
        axes.plot([0.004, 0.004 * factor], [0, 1])
        plain_log_axis(axes)
        figure.draw_without_rendering()
        left, right = axes.get_xlim()
        boxes = [
            label.get_window_extent()
            for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
            if left <= place <= right
        ]
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_the_names_of_distributions_cover_no_curve(demo) -> None:
    from matplotlib.figure import Figure

    from reports.plots.style import applied

    plot = by_name(demo)["ecdf-1"]
    with applied(STYLES["paper"]):
        figure = Figure(figsize=plot.size_in(STYLES["paper"]), layout="constrained")
        plot.draw(figure)
        figure.draw_without_rendering()
    (axes,), (legend,) = figure.axes, figure.legends
    assert legend.get_window_extent().y1 <= axes.get_window_extent().y0


def test_captions_say_what_is_shown_under_which_conditions_and_over_how_many_trials(
    demo, soak
) -> None:
    for model in (demo, soak):
        for name, plot in by_name(model).items():
            one_trial = name.startswith(("telemetry", "overtime"))
            assert "first trial" in plot.caption if one_trial else "n = " in plot.caption, name
            assert "tflite" in plot.caption or "onnxruntime" in plot.caption or not one_trial
        captions = [plot.caption for plot in report_plots(model)]
        assert len(set(captions)) == len(captions)
