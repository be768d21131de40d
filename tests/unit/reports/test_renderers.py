from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.errors import StoreError, UserError
from harness.findings import finding
from harness.record import DeviceFacts, Outcome, Skip
from reports.csv import cells_csv, trials_csv
from reports.figures import dot_charts, ecdf_charts, startup_charts
from reports.html import render_html
from reports.markdown import render_markdown
from reports.render import FORMATS, write_reports
from reports.tables import cell_tables
from reports.terminal import json_rows, terminal_table
from reports.view import build_report

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e|`*"


@pytest.fixture(scope="module")
def page(demo) -> str:
    """The demo page."""
    return render_html(demo)


@pytest.fixture(scope="module")
def hostile(made_up):
    """A run in which every foreign text tries to become markup."""
    cell = made_up.make_cell(options={HOSTILE: HOSTILE}, device=HOSTILE, engine=HOSTILE)
    cell = replace(cell, variant=replace(cell.variant, model=HOSTILE, name=HOSTILE))
    plan = made_up.make_plan([cell], 3)
    facts = DeviceFacts(HOSTILE, {"cpu": HOSTILE, HOSTILE: HOSTILE}, {HOSTILE: HOSTILE})
    plan = replace(
        plan,
        scenario=HOSTILE,
        label=HOSTILE,
        facts={HOSTILE: facts},
        harness={HOSTILE: HOSTILE},
        scenario_text=HOSTILE,
        skips=(replace(plan.skips[0], what=HOSTILE, reason=HOSTILE, device_id=HOSTILE),),
    )
    first, second, third = plan.trials
    channels = (
        replace(made_up.CHANNELS[0], unit=HOSTILE),
        replace(made_up.CHANNELS[1], name=HOSTILE, unavailable=HOSTILE),
    )
    doubt = replace(finding("DRIFT", HOSTILE), advice=HOSTILE)
    good = made_up.make_trial(first, p50_ms=9, seed=1, channels=channels, findings=(doubt,))
    good.record = replace(good.record, engine={"version": HOSTILE})
    invalid = made_up.make_trial(third, p50_ms=9, seed=2)
    invalid.record = replace(invalid.record, outcome=Outcome.INVALID, reason=HOSTILE)
    failed = made_up.make_failure(second, log_tail=f"{HOSTILE}\n```\n{HOSTILE}")
    failure = replace(failed.record.failure, message=HOSTILE, signal_name=HOSTILE)
    failed.record = replace(failed.record, failure=failure)
    trials = {first.id: good, second.id: failed, third.id: invalid}
    return build_report([made_up.MemoryRun(plan, trials)])


class Tags(HTMLParser):
    """Collects tags and attributes, and checks that they nest."""

    VOID = frozenset({"meta", "input", "img", "br", "link"})
    SVG = frozenset({"line", "circle", "rect", "polygon", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


def test_the_page_nests_and_its_links_lead_somewhere(page: str) -> None:
    tags = parsed(page).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"] for tag, attrs in tags if tag == "a"]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(ids)


def test_the_page_asks_nobody_for_anything(page: str) -> None:
    tags = parsed(page).tags
    assert not [tag for tag, attrs in tags if "src" in attrs or tag in ("link", "img", "iframe")]
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src &#39;none&#39;" in page


def test_the_policy_allows_exactly_the_pages_scripts(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    policy = next(
        attrs["content"]
        for tag, attrs in parsed(page).tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy) == digests
    assert "script-src 'unsafe-inline'" not in policy


def test_hostile_text_stays_text_on_the_page(hostile) -> None:
    page = render_html(hostile)
    tags = parsed(page).tags
    assert sum(tag == "script" for tag, _ in tags) == 4  # three of ours, and the packed series
    assert not [tag for tag, attrs in tags if tag == "img" or "onerror" in attrs]
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_hostile_text_stays_text_elsewhere(hostile) -> None:
    markdown = render_markdown(hostile)
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert "alert" in outside
    assert not re.search(r"(?<!\\)<", outside)
    assert "````text" in markdown  # longer than the fence inside the log
    table = terminal_table(hostile)
    texts = [*table.notes, *(cell for row in table.rows for cell in row)]
    assert not any("\x1b" in text or "\n" in text for text in texts)
    for text in (cells_csv(hostile), trials_csv(hostile)):
        assert "\x1b" not in text


def unpacked(page: str) -> str:
    """The JSON of the page's series."""
    text = re.search(r'id="series">(.*?)</script>', page, re.DOTALL)[1]
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", text)
    return zlib.decompress(base64.b64decode(text), -zlib.MAX_WBITS).decode()


def test_series_are_packed_json_that_cannot_close_its_element(hostile, demo) -> None:
    for model in (hostile, demo):
        page = render_html(model)
        document = json.loads(unpacked(page))
        assert document["cells"]
    assert [len(cell["trials"]) for cell in document["cells"]] == [2, 3, 3, 3, 3]
    assert document["cells"][0]["missing"] == {"1": "no cpufreq in this VM"}


def test_a_missing_temperature_is_told_with_its_reason(made_up) -> None:
    plan = made_up.make_plan([made_up.make_cell()], 1)
    (trial,) = plan.trials
    channels = (made_up.NO_TEMPERATURE, *made_up.CHANNELS[1:])
    run = made_up.MemoryRun(
        plan, {trial.id: made_up.make_trial(trial, p50_ms=9, seed=1, channels=channels)}
    )
    page = render_html(build_report([run]))
    assert "no /sys/class/thermal zones" in unpacked(page)
    without = made_up.MemoryRun(
        plan, {trial.id: made_up.make_trial(trial, p50_ms=9, seed=1, channels=())}
    )
    page = render_html(build_report([without]))
    assert "no temperature channel was recorded" in unpacked(page)


def test_simulated_numbers_shout_everywhere(made_up) -> None:
    plan = made_up.make_plan([made_up.make_cell()], 1)
    (trial,) = plan.trials
    fake = finding("SIMULATED-DEVICE", "made up")
    run = made_up.MemoryRun(
        plan, {trial.id: made_up.make_trial(trial, p50_ms=9, seed=1, findings=(fake,))}
    )
    model = build_report([run])
    page = render_html(model)
    assert 'class="banner"' in page
    assert all("(SIMULATED)" in chart.rows[0].label for chart in dot_charts(model))
    assert all("(SIMULATED)" in name for chart in ecdf_charts(model) for *_, name in chart.legend)
    assert all("(SIMULATED)" in chart.rows[0].label for chart in startup_charts(model))
    assert json.loads(unpacked(page))["cells"][0]["simulated"] is True
    assert "**SIMULATED" in render_markdown(model)
    table = terminal_table(model)
    assert "SIMULATED" in table.rows[0][0]
    assert "SIMULATED" in table.notes[0]
    assert "SIMULATED-DEVICE" in cells_csv(model)


def test_equal_runs_give_equal_bytes(made_up, tmp_path: Path) -> None:
    first = write_reports([made_up.demo_run()], list(FORMATS), tmp_path / "a")
    second = write_reports([made_up.demo_run()], list(FORMATS), tmp_path / "b")
    assert [path.name for path in first] == ["report.html", "report.md", "cells.csv", "trials.csv"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in first
    )


def test_unknown_formats_and_unwritable_places(made_up, tmp_path: Path) -> None:
    run = made_up.demo_run(seconds=0.1)
    with pytest.raises(UserError, match="'pdf'"):
        write_reports([run], ["pdf"], tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"):
        write_reports([run], ["md"], tmp_path / "file")


def test_markdown_has_tables_that_line_up(demo) -> None:
    text = render_markdown(demo)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    widths = {re.sub(r"\\.", "", row).count("|") for row in rows}
    assert len(widths) == 2  # results and memory pass
    assert "SIGSEGV" in text
    assert "delegate gpu is not on this device" in text


def test_what_is_on_every_row_is_one_list(demo, monkeypatch) -> None:
    views = demo.findings[:2]
    tables = [replace(table, common=views) for table in cell_tables(demo)]
    monkeypatch.setattr("reports.markdown.cell_tables", lambda _: tables)
    assert f"On every row: {views[0].id}, {views[1].id}." in render_markdown(demo)


def test_the_wide_table_has_a_row_a_cell_and_empty_fields(demo) -> None:
    rows = list(csv.DictReader(io.StringIO(cells_csv(demo))))
    assert len(rows) == 5
    assert rows[0]["latency_p50_ns_low"] == ""  # two trials: no interval
    assert float(rows[1]["latency_p50_ns_low"]) < float(rows[1]["latency_p50_ns"])
    assert rows[4]["latency_p50_ns"] == ""
    assert rows[4]["pss_steady_bytes"] != ""


def test_the_long_table_keeps_failed_trials(demo) -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(demo))))
    failed = [row for row in rows if row["outcome"] == "FAILED"]
    assert failed
    assert {row["metric"] for row in rows} > {"latency_p50_ns", "rss_peak_bytes"}


def test_json_rows_name_the_units_they_are_in(demo) -> None:
    first, second = json_rows(demo)[:2]
    assert first["engine"] == "tflite"
    assert 12 < first["latency_p50_ms"] < 13
    assert "latency_p50_ms_interval" not in first
    low, high = second["latency_p50_ms_interval"]
    assert low < second["latency_p50_ms"] < high
    assert 80 < second["rss_peak_mib"] < 100
    json.dumps(first)


def test_the_terminal_table_is_square(demo) -> None:
    table = terminal_table(demo)
    assert {len(row) for row in table.rows} == {len(table.headers)}
    assert "DRIFT" in table.rows[2][-1]
    assert table.rows[4][table.headers.index("latency p50 [ms]")] == "\u2014"


def test_the_terminal_says_what_was_left_out_and_why(made_up) -> None:
    plan = made_up.make_plan([made_up.make_cell()], 1)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=1) for t in plan.trials}
    left_out = [("a", "no gpu"), ("b", "no gpu"), ("c", "by hand"), ("d", "cold"), ("e", "late")]
    plan = replace(plan, skips=tuple(Skip("phone", what, why) for what, why in left_out))
    notes = terminal_table(build_report([made_up.MemoryRun(plan, trials)])).notes
    assert [note for note in notes if "ot measured" in note] == [
        "Not measured: a on phone and 1 more: no gpu.",
        "Not measured: c on phone: by hand.",
        "Not measured: d on phone: cold.",
        "What else was not measured is in the report.",
    ]


def test_a_large_run_folds_most_of_its_rows(made_up) -> None:
    plan = made_up.make_plan([made_up.make_cell(threads=n + 1) for n in range(40)], 1)
    trials = {
        t.id: made_up.make_trial(t, p50_ms=9, seed=t.order, seconds=0.05) for t in plan.trials
    }
    page = render_html(build_report([made_up.MemoryRun(plan, trials)]))
    assert "16 more cells" in page
    assert "1 more chart<" in page


def test_two_hundred_devices_fold_away(made_up) -> None:
    cells = [made_up.make_cell(device=f"android:{n:03}") for n in range(200)]
    plan = made_up.make_plan(cells, 1)
    plan = replace(plan, facts={c.device_id: DeviceFacts(c.device_id) for c in cells}, skips=())
    trials = {
        t.id: made_up.make_failure(t)
        if t.order % 5 == 0
        else made_up.make_trial(t, p50_ms=9, seed=1, seconds=0.1)
        for t in plan.trials
    }
    page = render_html(build_report([made_up.MemoryRun(plan, trials)]))
    folded = re.findall(r'<details class="more"><summary>(\d+) more(?: (\w+))?', page)
    assert ("176", "cells") in folded
    assert ("176", "devices") in folded
    assert ("16", "") in folded  # of forty failures
    assert page.count('class="scroll tall"') == 1
    assert page.count('<details class="cell"') == 200


def test_a_process_that_served_two_trials_is_never_called_fresh(made_up) -> None:
    from reports.paper.protocol import protocol_tex
    from reports.paper.tables import paper_tables
    from reports.summary import summarise

    plan = made_up.make_plan([made_up.make_cell()], 3)
    reused = finding("PROCESS-REUSED", "it served repeat 1 before")
    trials = {
        t.id: made_up.make_trial(t, p50_ms=9, seed=t.order, findings=(reused,) * (t.order > 0))
        for t in plan.trials
    }
    model = build_report([made_up.MemoryRun(plan, trials)])
    told = [render_html(model), protocol_tex(model), summarise(model).certainty]
    told += [table.note for table in paper_tables(model)]
    view = model.finding("PROCESS-REUSED")
    for text in told:
        plain = text.replace(view.summary, "").replace(view.advice, "")
        assert "fresh process" not in plain
    assert "2 ran in a process that had served an earlier one" in protocol_tex(model)
