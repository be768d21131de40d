"""Everything a user gets wrong ends in one clear line and the right exit code."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.tflite", b"", "empty"),
        ("text.tflite", b"this is a text file, not a model at all", "no TFLite model"),
        ("text.onnx", b"<html><body>404</body></html>", "no ONNX model"),
        ("model.bin", b"\x00" * 64, ".tflite"),
    ],
)
def test_files_that_are_no_models(
    benchfarm, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    line = one_line(benchfarm("bench", tmp_path / name), 2)
    assert words in line
    assert name in line
    assert not (tmp_path / "results").exists()


def test_a_missing_model(benchfarm, tmp_path: Path) -> None:
    assert "nowhere.tflite" in one_line(benchfarm("bench", tmp_path / "nowhere.tflite"), 2)


def test_a_truncated_model(benchfarm, shared_models: Path, tmp_path: Path) -> None:
    whole = (shared_models / "kws_ref_model.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    assert "cut off or damaged" in one_line(benchfarm("bench", tmp_path / "cut.tflite"), 2)


def test_what_only_the_engine_can_refuse_fails_its_trials_in_clear_words(
    benchfarm, shared_models: Path
) -> None:
    done = benchfarm("bench", shared_models / "mnist.onnx", "-r", 1, "-b", "1,8", "--seconds", 0.1)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "FAILED (REJECTED)" in done.stderr
    assert "batch" in done.stderr
    assert "1 OK" in done.stdout  # the other cell was measured


def test_a_model_for_the_other_engine_is_skipped_with_the_reason(
    benchfarm, shared_models: Path
) -> None:
    model = shared_models / "kws_ref_model.tflite"
    line = one_line(benchfarm("bench", model, "-e", "onnxruntime"), 2)
    assert "onnxruntime" in line


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"model": []}, "did you mean"),
        ({"repeats": "many"}, "repeats"),
        ({"notify": ["mailto:lab@example.org"]}, "not available yet"),
        ({"blocks": []}, "blocks"),
        ({"exclude": [{"engine": "tflite"}]}, "why"),
        ({"models": [{"path": "nowhere.tflite"}]}, "nowhere.tflite"),
        ({"loads": [{"kind": "generate"}]}, "generate"),
        ({"loads": [{"kind": "sustained", "hours": 73}]}, "72"),
        ({"schema": 2}, "schema"),
    ],
)
def test_scenario_mistakes_name_file_line_and_key(
    benchfarm, write_scenario, keys: dict[str, object], words: str
) -> None:
    line = one_line(benchfarm("run", write_scenario(**keys)), 2)
    assert "scenario.yaml:1" in line
    assert words in line


def test_set_is_checked_like_the_file(benchfarm, write_scenario) -> None:
    line = one_line(benchfarm("run", write_scenario(), "--set", "repeat=3"), 2)
    assert "--set" in line
    assert "repeats" in line


def test_no_device_matches(benchfarm, write_scenario) -> None:
    done = benchfarm("run", write_scenario(), "-s", "platform=android")
    assert "no device" in one_line(done, 3)


def test_excluding_everything_is_told(benchfarm, write_scenario) -> None:
    scenario = write_scenario(exclude=[{"engine": "tflite", "why": "not today"}])
    assert "not today" in one_line(benchfarm("run", scenario), 2)


def test_k_that_matches_nothing(benchfarm, write_scenario) -> None:
    assert "-k" in one_line(benchfarm("run", write_scenario(), "-k", "nothing"), 2)


def test_an_unknown_run(benchfarm, write_scenario) -> None:
    assert "nothing-like-it" in one_line(benchfarm("report", "nothing-like-it"), 2)


def test_results_in_the_place_of_a_file(benchfarm, write_scenario, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = benchfarm("run", write_scenario(), "--results", tmp_path / "taken")
    assert "taken" in one_line(done, 4)


def test_a_full_disk_is_one_line_and_what_was_stored_stays(
    benchfarm, write_scenario, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        scenario = write_scenario(loads=[{"kind": "burst", "inferences": 4000}], repeats=40)
        done = benchfarm("run", scenario, "--results", small)
        assert done.returncode == 4, done.stderr
        assert "Traceback" not in done.stderr
        last = done.stderr.strip().splitlines()[-1]
        assert "No space left" in last
        kept = json.loads(benchfarm("runs", "show", "latest", "--json", "--results", small).stdout)
        assert kept
        assert all(record["outcome"] == "OK" for record in kept)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_unicode_and_very_long_names(benchfarm, write_scenario, shared_models, tmp_path) -> None:
    model = tmp_path / ("модель-模型-" + "x" * 150 + ".tflite")
    model.symlink_to(shared_models / "kws_ref_model.tflite")
    scenario = write_scenario(name="Ü" * 200, models=[{"path": str(model)}])
    done = benchfarm("run", scenario, "--label", "ночь")
    assert done.returncode == 0, done.stderr
    assert "модель" in benchfarm("runs", "show", "ночь").stdout


def test_a_store_of_a_newer_version_says_so(benchfarm, write_scenario, tmp_path: Path) -> None:
    assert benchfarm("run", write_scenario()).returncode == 0
    (plan,) = tmp_path.glob("results/runs/*/plan.json")
    document = json.loads(plan.read_text("utf-8"))
    plan.write_text(json.dumps(document | {"version": 99}), "utf-8")
    assert "newer" in one_line(benchfarm("report", "latest"), 2)
    assert benchfarm("runs", "reindex").returncode == 0
    assert "newer" in benchfarm("runs", "list").stdout


def test_two_runs_into_one_store_at_once_both_arrive(
    benchfarm, start_benchfarm, write_scenario, tmp_path: Path
) -> None:
    scenario = write_scenario()
    first = start_benchfarm("run", scenario)
    # Leases and device folder of its own stand for another machine that shares the store.
    other = {
        "BENCHFARM_LEASES": str(tmp_path / "other"),
        "BENCHFARM_CACHE": str(tmp_path / "cache"),
    }
    second = benchfarm("run", scenario, **other)
    _, stderr = first.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 0), stderr + second.stderr
    assert len(json.loads(benchfarm("runs", "list", "--json").stdout)) == 2
