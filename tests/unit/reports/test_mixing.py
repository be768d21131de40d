"""Several runs in one report: what they differ in is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import DeviceFacts
from reports.markdown import render_markdown
from reports.paper.latex import table_tex
from reports.paper.tables import paper_tables
from reports.view import build_report


@pytest.fixture
def two_runs(made_up):
    """Makes a report of a run and the same run on a phone with changed facts."""

    def make(**facts):
        first = made_up.demo_run()
        changed = DeviceFacts("local", {**made_up.FACTS.values, **facts})
        plan = replace(first.plan, run_id="20261121T000000Z-again-0001", facts={"local": changed})
        return build_report([first, made_up.MemoryRun(plan, first.trials)])

    return make


def test_another_os_build_is_said_everywhere(two_runs) -> None:
    model = two_runs(kernel="6.2.0")
    (sentence,) = model.mixed
    assert "OS build (6.1.0 against 6.2.0)" in sentence
    assert "6.2.0" in render_markdown(model)
    latency = next(table for table in paper_tables(model) if table.name == "latency")
    assert "6.2.0" in table_tex(latency)
    assert latency.columns[0].heading == "Run"


def test_equal_runs_need_no_warning(two_runs) -> None:
    assert two_runs().mixed == ()


def test_one_run_is_not_compared_with_itself(demo) -> None:
    assert demo.mixed == ()
