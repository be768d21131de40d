"""The main job: the shipped quickstart, both engines, both precisions, one report."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_quickstart_measures_and_reports(benchfarm, tmp_path: Path) -> None:
    done = benchfarm("run", ROOT / "scenarios/quickstart.yaml", "--set", "loads.0.min_seconds=0.5")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("p50") == 12  # a line for each of 2 engines x 2 precisions x 3 repeats
    for word in ("mobilenet_v2/fp32", "mobilenet_v2/int8-static", "tflite", "onnxruntime"):
        assert word in done.stdout
    report = Path(re.search(r"Report: (.+)", done.stdout)[1])
    page = report.read_text("utf-8")
    assert "SYNTHETIC-MODEL" in page
    assert "<script src" not in page
    listed = json.loads(benchfarm("runs", "list", "--json").stdout)
    assert [item["state"] for item in listed] == ["complete"]

    shown = json.loads(benchfarm("runs", "show", "latest", "--json").stdout)
    assert len(shown) == 12
    assert {record["outcome"] for record in shown} == {"OK"}
    for record in shown:
        metrics = record["metrics"]
        assert metrics["latency_min_ns"] <= metrics["latency_p50_ns"] <= metrics["latency_p99_ns"]
        assert metrics["rss_peak_bytes"] > 2**20
        assert metrics["load_ns"] > 0

    again = benchfarm("report", "latest", "--format", "csv,md", "--out", tmp_path / "out")
    assert again.returncode == 0, again.stderr
    written = [Path(line) for line in again.stdout.splitlines()]
    assert {path.suffix for path in written} == {".csv", ".md"}
    (cells,) = [path for path in written if path.name == "cells.csv"]
    rows = list(csv.DictReader(cells.read_text("utf-8").splitlines()))
    assert len(rows) == 4
    assert all(float(row["latency_p50_ns"]) > 0 for row in rows)


def test_the_plan_tells_cells_and_time(benchfarm) -> None:
    done = benchfarm("plan", ROOT / "scenarios/quickstart.yaml", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert len(plan["trials"]) == 12
    assert plan["estimate"]["seconds"] < 120
    assert "12 trials in 4 cells" in benchfarm("plan", ROOT / "scenarios/quickstart.yaml").stdout


def test_bench_needs_no_scenario(benchfarm, shared_models: Path) -> None:
    model = shared_models / "kws_ref_model.tflite"
    done = benchfarm("bench", model, "-r", 1, "--seconds", 0.2, "-o", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["engine"] == "tflite"
    assert 0 < row["latency_p50_ms"] < 1000
    table = benchfarm("bench", model, "-r", 1, "--seconds", 0.2)
    assert "kws_ref_model" in table.stdout
