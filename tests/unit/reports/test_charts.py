from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.interval import Estimate
from reports import figures
from reports.charts.axis import Axis, fit, from_zero
from reports.charts.ecdf import ecdf_chart
from reports.charts.strips import bar, dots, ruler
from reports.model import QuantileCurve

FINITE = st.floats(1e-6, 1e9)


@given(st.lists(FINITE, min_size=1, max_size=20), st.booleans())
def test_every_value_lies_on_its_axis_and_ticks_are_few(values: list[float], log: bool) -> None:
    axis = fit(values, allow_log=log)
    positions = [axis.position(value) for value in sorted(values)]
    assert positions == sorted(positions)
    assert all(0 <= position <= 100 for position in positions)
    ticks = axis.ticks()
    assert len(ticks) <= 16
    assert all(axis.low * 0.999 <= tick <= axis.high * 1.001 for tick in ticks)


def test_one_value_has_an_axis_too() -> None:
    assert fit([5.0]).holds(5.0)
    assert fit([0.0]).holds(0.0)
    assert from_zero([0.0]).high > 0


def test_small_ranges_are_linear_and_large_ones_logarithmic() -> None:
    assert not fit([7.0, 8.0], allow_log=True).log
    assert fit([1.0, 100.0], allow_log=True).log
    assert not fit([1.0, 100.0]).log
    assert fit([1.0, 100.0], allow_log=True).ticks() == [1, 2, 5, 10, 20, 50, 100]


def curve(*values: float) -> QuantileCurve:
    array = np.array(values)
    return QuantileCurve(np.linspace(0, 1, len(array)), array, array * 0.9, array * 1.1)


def test_drawings_are_well_formed_and_escape_their_text() -> None:
    hostile = "<script>&\"'"
    axis = fit([1.0, 2.0])
    drawings = [
        ecdf_chart([(hostile, curve(1.0, 2.0, 30.0)), ("b", curve(2.0, 3.0, 4.0))]),
        dots([(hostile, 1.0), ("x", 2.0)], Estimate(1.5, 1.0, 2.0, 2), axis),
        bar({hostile: (1, 1.0, hostile)}, from_zero([1.0])),
        ruler(axis, hostile),
    ]
    for drawing in drawings:
        root = ET.fromstring(drawing)  # noqa: S314 - our own
        assert not [node for node in root.iter() if "script" in node.tag]
        assert hostile in "".join(root.itertext()) + root.get("aria-label", "")


def test_an_interval_beyond_the_axis_has_no_cap_there() -> None:
    axis = Axis(1.0, 2.0)
    inside = dots([], Estimate(1.5, 1.2, 1.8, 3), axis)
    beyond = dots([], Estimate(1.5, 1.2, 9.0, 3), axis)
    assert inside.count('class="interval"') == 3
    assert beyond.count('class="interval"') == 2


def test_no_curves_no_drawing() -> None:
    assert ecdf_chart([]) == ""


def test_every_good_trial_is_a_dot(demo) -> None:
    (chart,) = figures.dot_charts(demo)
    assert [row.svg.count("<circle") for row in chart.rows] == [3, 3, 3, 2]
    assert chart.rows[0].value.startswith("7.6")
    assert "int8-static, tflite 2.3.0" in chart.rows[0].label


def test_startup_bars_stack_the_phases(demo) -> None:
    (chart,) = figures.startup_charts(demo)
    assert [label for _, label in chart.legend] == [
        "launch",
        "engine import",
        "model load",
        "preparation",
        "first inference",
    ]
    assert chart.rows[0].svg.count("<rect") == 5
    widths = [float(w) for w in re.findall(r'width="([\d.]+)%" y', chart.rows[0].svg)]
    assert 0 < sum(widths) <= 100


@pytest.mark.parametrize("cells", [1, 8, 9])
def test_a_chart_holds_at_most_eight_curves(made_up, cells: int) -> None:
    from reports.view import build_report

    plan = made_up.make_plan([made_up.make_cell(threads=n + 1) for n in range(cells)], 1)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=t.order, seconds=0.2) for t in plan.trials}
    charts = figures.ecdf_charts(build_report([made_up.MemoryRun(plan, trials)]))
    assert [len(chart.legend) for chart in charts] == ([cells] if cells <= 8 else [8, cells - 8])


def test_a_drawn_curve_is_never_off_by_more_than_a_rounded_unit() -> None:
    """Of 2000 units in width: half a pixel of a wide page. Both ends and every jump stay."""
    rng = np.random.default_rng(1)
    probability = np.linspace(0, 1, 101)
    for spread in (0.0, 0.01, 0.3, 2.0):
        value = np.sort(10 * np.exp(rng.normal(0, spread, 101)))
        drawn = ecdf_chart([("a", QuantileCurve(probability, value, value * 0.9, value * 1.1))])
        (line,) = re.findall(r'class="curve" points="([^"]*)"', drawn)
        corners = np.array([[float(n) for n in point.split(",")] for point in line.split()])
        assert len(corners) <= 101
        axis = fit([value[0] * 0.9, value[-1] * 1.1], allow_log=True)
        exact = np.array([axis.position(float(v)) * 20 for v in value])
        height = 2000 * probability
        shown = np.interp(height, 2000 - corners[:, 1], corners[:, 0])
        assert np.abs(shown - exact).max() <= 1.6  # a unit, and what rounding adds
