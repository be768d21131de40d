"""History of nights, calibrations and baselines in the results folder."""

from __future__ import annotations

import json

import pytest

from harness.errors import StoreError, UserError
from harness.store.lab_files import LabFiles, NightEntry
from harness.validity.calibration import Calibration, CellCalibration


def entry(day: int, **changes: object) -> NightEntry:
    known = {
        "at": f"2026-11-{day:02d}T01:00:00+00:00",
        "runs": ("run",),
        "scenario": "nightly",
        "device_id": "local",
        "unit": "bench",
        "os_build": "Linux 6",
        "cell": "net tflite cpu t1 b1 burst",
        "metric": "latency_p50_ns",
        "status": "good",
        "verdict": "equivalent",
        "ratio": 1.0,
    }
    return NightEntry(**(known | changes))


def test_a_series_has_gaps_and_keeps_the_order_of_its_nights(tmp_path):
    files = LabFiles(tmp_path)
    assert files.history() == ({}, ())
    files.append([entry(9), entry(9, metric="rss_peak_bytes")])
    files.append([entry(3)])
    files.append([entry(4, metric="rss_peak_bytes")])
    series, problems = files.history()
    assert problems == ()
    assert [[one.at[8:10] for one in nights] for nights in series.values()] == [
        ["03", "09"],
        ["04", "09"],
    ]
    assert series[entry(3).series][0] == entry(3)


def test_foreign_names_meet_in_no_file(tmp_path):
    files = LabFiles(tmp_path)
    files.append([entry(1, cell="模型/一 🎉"), entry(1, cell="模型/二 🎉"), entry(1, cell="../x")])
    series, _ = files.history()
    assert len(series) == 3
    assert {path.parent for path in tmp_path.rglob("*.jsonl")} == {tmp_path / "nightly"}


def test_a_torn_line_is_left_out_and_told(tmp_path):
    files = LabFiles(tmp_path)
    files.append([entry(1)])
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"at": "2026-11-0')
    files.append([entry(3)])
    series, (problem,) = files.history()
    assert [one.at[8:10] for one in series[entry(1).series]] == ["01", "03"]
    assert problem.startswith(f"{path}:2: left out")


@pytest.mark.parametrize("line", ["[]", "3", '{"version": 2}', '{"version": 1}'])
def test_lines_that_are_no_entries_are_told(tmp_path, line):
    files = LabFiles(tmp_path)
    files.append([entry(1)])
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_text(path.read_text() + line + "\n")
    series, (problem,) = files.history()
    assert len(series[entry(1).series]) == 1
    assert ":2: left out" in problem


def test_a_calibration_replaces_the_earlier_one_of_its_unit(tmp_path):
    files = LabFiles(tmp_path)
    assert files.calibrations() == {}
    cells = {"net": CellCalibration(20, 3, 0.01, 0.005, 0.01, 0.01, 0.03)}
    for unit, at in (("a/b", "1"), ("c", "2"), ("a/b", "3")):
        files.save_calibration(Calibration("local", unit, "os", at, "run", "m", 0.02, cells=cells))
    found = files.calibrations()
    assert {unit: one.at for unit, one in found.items()} == {"a/b": "3", "c": "2"}
    assert found["c"].cells == cells


def test_baselines_by_name(tmp_path):
    files = LabFiles(tmp_path)
    with pytest.raises(UserError, match="no baseline 'v1'; there is none yet"):
        files.baseline("v1")
    files.save_baseline("v1", {"arm": {"options": {"xnnpack": False}}})
    assert files.baseline("v1") == {"name": "v1", "arm": {"options": {"xnnpack": False}}}
    with pytest.raises(UserError, match="no baseline 'v2'; there is v1"):
        files.baseline("v2")


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"version": 9})])
def test_a_damaged_file_is_named(tmp_path, text):
    files = LabFiles(tmp_path)
    path = files.save_baseline("v1", {"arm": {}})
    path.write_text(text)
    with pytest.raises(StoreError, match=r"v1\.json"):
        files.baseline("v1")
