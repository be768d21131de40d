"""LaTeX that compiles, whatever people call their phones."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.findings import finding
from harness.stats.interval import Estimate
from reports.paper.latex import numbers_tex, table_tex
from reports.paper.pivot import PivotRequest, pivot
from reports.paper.table import PaperColumn, PaperTable, number
from reports.paper.tables import paper_tables
from reports.paper.tex import identifier, tex
from reports.paper.write import write_latex
from reports.view import build_report

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is not installed (Debian's texlive)"
)
HOSTILE = (
    "_ & % # $ { } \\ < > \" ' ` ^ ~ | \U0001f4f1 \u0645\u0631\u062d\u0628\u0627 \u8d85 Zo\u00eb"
)


def compiled(folder: Path, document: str = "all") -> str:
    """Compile a document and return its text, without its page breaks."""
    for _ in range(2):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{document}.tex"],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=120,
        )
        log = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, log[-3000:]
    assert "Missing character" not in log
    assert "undefined" not in log
    text = shutil.which("pdftotext")
    if text is None:
        return ""
    shown = subprocess.run(
        [text, "-layout", f"{document}.pdf", "-"], cwd=folder, capture_output=True, check=True
    )
    return shown.stdout.decode()


@needs_latex
def test_the_whole_package_compiles_and_shows_its_numbers(demo, tmp_path: Path) -> None:
    tables = paper_tables(demo)
    write_latex(demo, tables, tmp_path)
    text = compiled(tmp_path)
    for table in tables:
        for one in table.numbers:
            assert not text or one.shown.parenthesised in text
    assert not text or "SYNTHETIC-MODEL" in text
    assert not text or ("MiB" in text and "Mi B" not in text)


@needs_latex
def test_tables_with_long_headings_stay_on_the_page(made_up, tmp_path: Path) -> None:
    names = (
        *("peak_p50_ns", "late_p50_ns", "stability_percent", "throttle_onset_ns"),
        *("energy_gross_j", "energy_net_j", "power_mean_w", "power_idle_w"),
    )
    cells = [made_up.make_cell(device=name) for name in ("android:SIMGALAXYS24002", "android:SIM2")]
    plan = made_up.make_plan(cells)
    trials = {}
    for trial in plan.trials:
        made = made_up.make_trial(trial, p50_ms=9, seed=trial.order)
        metrics = made.record.metrics | dict.fromkeys(names, 5.4321 + trial.repeat)
        made.record = replace(made.record, metrics=metrics)
        trials[trial.id] = made
    model = build_report([made_up.MemoryRun(plan, trials)])
    tables = paper_tables(model)
    assert "sustained" in {table.name for table in tables}
    write_latex(model, tables, tmp_path)
    text = compiled(tmp_path)
    assert "Overfull" not in (tmp_path / "all.log").read_text(errors="replace")
    assert not text or all(view.summary.split()[0] in text for view in model.findings)


@needs_latex
def test_many_phones_with_long_names_and_doubts_of_their_own_stay_on_the_page(
    made_up, tmp_path: Path
) -> None:
    names = ("android:SIMDENIESEVERYTHING006", "ios:fa4cbef7411305ad39c89fe9914e3957e95eda2b", "x")
    doubts = ("CPU-STARVED", "DRIFT", "GATE-TIMEOUT", "INTERFERENCE", "NOT-STEADY", "FEW-SAMPLES")
    cells = [made_up.make_cell(device=name) for name in names]
    plan = made_up.make_plan(cells)
    trials = {}
    for trial in plan.trials:
        made = made_up.make_trial(trial, p50_ms=9, seed=trial.order)
        found = [finding(doubt, "so it was") for doubt in doubts if trial.cell.device_id != "x"]
        made.record = replace(made.record, findings=(*made.record.findings, *found))
        trials[trial.id] = made
    model = build_report([made_up.MemoryRun(plan, trials)])
    latency = next(table for table in paper_tables(model) if table.name == "latency")
    name = "mobilenet_v2_w035_r96/int8-static"
    rows = tuple((row[0], name, "tflite", *row[2:]) for row in latency.rows)
    columns = (*latency.columns[:2], PaperColumn("Engine"), *latency.columns[2:])
    long = replace(latency, columns=columns, rows=rows)
    text = table_tex(long)
    assert "is on all of its numbers" in text
    assert "CPU-STARVED" in text
    write_latex(model, (long,), tmp_path)
    head = (tmp_path / "all.tex").read_text().partition(r"\section*")[0]
    (tmp_path / "one.tex").write_text(head + r"\input{table-latency}\end{document}")
    compiled(tmp_path, "one")
    assert "Overfull" not in (tmp_path / "one.log").read_text(errors="replace")


@needs_latex
def test_hostile_names_compile_and_can_be_read(made_up, tmp_path: Path) -> None:
    cell = made_up.make_cell(options={HOSTILE: HOSTILE}, device=HOSTILE, engine=HOSTILE)
    cell = replace(cell, variant=replace(cell.variant, model=HOSTILE, name=HOSTILE))
    other = replace(cell, threads=4)
    plan = replace(made_up.make_plan([cell, other]), scenario=HOSTILE, label=HOSTILE)
    doubt = replace(finding("DRIFT", HOSTILE), advice=HOSTILE)
    trials = {
        trial.id: made_up.make_trial(trial, p50_ms=9, seed=trial.order, findings=(doubt,))
        for trial in plan.trials
    }
    model = build_report([made_up.MemoryRun(plan, trials)])
    tables = (
        *paper_tables(model),
        pivot(model, PivotRequest(("engine",), ("size_bytes",), ("threads",))),
    )
    write_latex(model, tables, tmp_path)
    text = compiled(tmp_path)
    assert not text or "U+1F4F1" in text


@needs_latex
def test_a_table_longer_than_a_page_compiles(demo, tmp_path: Path) -> None:
    column = PaperColumn("latency p50", "ms", "latency_p50_ns", 1e6, "lower")
    entry = number(Estimate(7.65e6, 7.6e6, 7.7e6, 5), column, marks=(demo.findings[0],))
    rows = tuple((f"device {index}", entry) for index in range(200))
    table = PaperTable("long", "Two hundred devices", (PaperColumn("Device"), column), rows)
    write_latex(demo, [table], tmp_path)
    assert r"\begin{longtable}" in (tmp_path / "table-long.tex").read_text()
    text = compiled(tmp_path)
    assert not text or "device 199" in text


@given(st.text())
def test_no_character_means_anything_to_tex(text: str) -> None:
    shown = tex(text)
    assert shown.isprintable()
    rest = re.sub(r"\\(?:[A-Za-z]+(?:\{[0-9A-F]*-?\})?|[_&%#${}])", "", shown)
    assert not set(rest) & set('\\{}$&%#_^"<>|`')


@given(st.text())
def test_identifiers_are_safe_in_files_and_labels(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", identifier(text))


def test_numbers_in_the_text_are_those_in_the_tables(demo) -> None:
    tables = paper_tables(demo)
    macros = re.findall(r"\\bfdefine\{([^}]*)\}\{\\(?:qty|num)\{([^}]*)\}", numbers_tex(tables))
    assert len({name for name, _ in macros}) == len(macros)
    shown = [one.shown.parenthesised for table in tables for one in table.numbers]
    assert [value for _, value in macros] == shown


def test_every_caption_says_trials_and_units(demo) -> None:
    for table in paper_tables(demo):
        caption = next(line for line in table_tex(table).splitlines() if "caption" in line)
        assert not table.trials_text or "1 unit" in caption


def test_a_simulated_phone_is_named_so_in_every_table(made_up) -> None:
    run = made_up.demo_run()
    mark = finding("SIMULATED-DEVICE", "local is a simulation")
    for source in run.trials.values():
        source.record = replace(source.record, findings=(*source.record.findings, mark))
    model = build_report([run])
    tables = paper_tables(model)
    assert {"latency", "capability"} <= {table.name for table in tables}
    for table in tables:
        assert r"\caption{SIMULATED" in table_tex(table)


def test_equal_models_give_equal_files(demo, tmp_path: Path) -> None:
    first = write_latex(demo, paper_tables(demo), tmp_path / "a")
    second = write_latex(demo, paper_tables(demo), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_folder_that_cannot_be_written_is_named(demo, tmp_path: Path) -> None:
    (tmp_path / "latex").write_text("in the way")
    with pytest.raises(StoreError, match="latex"):
        write_latex(demo, paper_tables(demo), tmp_path / "latex")
