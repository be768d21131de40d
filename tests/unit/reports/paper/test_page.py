"""Tables of one's own as a page."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.findings import finding
from reports.paper.page import tables_html
from reports.paper.pivot import PivotRequest, pivot
from reports.paper.tables import paper_tables
from reports.view import build_report


def test_every_number_is_there_with_a_key_to_sort_by(demo) -> None:
    table = pivot(demo, PivotRequest(("engine",), ("latency_p50_ns",), ("variant",)))
    page = tables_html([table])
    for number in table.numbers:
        assert f'data-sort="{number.estimate.value}"' in page
        assert number.shown.parenthesised in page
    assert page.count("<th colspan") == 3
    assert 'class="results sortable"' in page


def test_marks_lead_to_findings_that_are_explained(demo) -> None:
    page = tables_html(paper_tables(demo))
    targets = set(re.findall(r'href="#(finding-[A-Z-]+)"', page))
    assert targets
    assert targets <= set(re.findall(r'id="(finding-[A-Z-]+)"', page))


def test_foreign_names_are_text(made_up) -> None:
    name = "<script>alert(1)</script>"
    cell = made_up.make_cell(engine=name, device=name)
    plan = made_up.make_plan([cell])
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=t.order) for t in plan.trials}
    model = build_report([made_up.MemoryRun(plan, trials)])
    page = tables_html([pivot(model, PivotRequest(("engine",), ("latency_p50_ns",)))])
    assert "<script>alert" not in page
    assert "alert(1)" in page


def test_a_simulated_phone_shouts(made_up) -> None:
    run = made_up.demo_run()
    mark = finding("SIMULATED-DEVICE", "local is a simulation")
    for source in run.trials.values():
        source.record = replace(source.record, findings=(mark,))
    page = tables_html([t for t in paper_tables(build_report([run])) if t.numbers])
    assert "SIMULATED device" in page


def test_equal_tables_give_equal_pages(demo) -> None:
    assert tables_html(paper_tables(demo)) == tables_html(paper_tables(demo))
