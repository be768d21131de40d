"""The keys ``arms``, ``finish_by`` and ``max_regression``: what they mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.scenario import Arm, Arms, Order, Repeats
from harness.scenario_file import load, loads

MATRIX = "schema: 1\nmodels: {family: net, variants: fp32}\nblocks: {engine: tflite}\n"


@pytest.fixture
def read(tmp_path: Path):
    """A scenario with more keys; the files that arms may name are there."""
    for name in ("new.tflite", "old.onnx", "python"):
        (tmp_path / name).write_bytes(b"x")

    def make(text: str, *overrides: str):
        path = tmp_path / "s.yaml"
        path.write_text(MATRIX + text)
        return load(path, overrides)

    return make


def test_an_arm_says_what_it_has_instead(read, tmp_path):
    scenario = read(
        "arms:\n"
        "  reference: {python: python, builds: {tflite: 'litert 1, sha256 ab'}}\n"
        "  candidate: {model: new.tflite, options: {xnnpack: false, affinity: 0-3}}\n"
    )
    assert scenario.arms == Arms(
        Arm(python=tmp_path / "python", builds={"tflite": "litert 1, sha256 ab"}),
        Arm({"*": tmp_path / "new.tflite"}, {"xnnpack": False, "affinity": "0-3"}),
    )


def test_files_by_the_model_they_replace(read, tmp_path):
    scenario = read("arms: {candidate: {model: {'net*': new.tflite, other: old.onnx}}}\n")
    assert scenario.arms.candidate.models == {
        "net*": tmp_path / "new.tflite",
        "other": tmp_path / "old.onnx",
    }


def test_arms_bring_their_order_and_three_quads(read):
    scenario = read("arms: {equal: true}\n")
    assert (scenario.order, scenario.repeats) == (Order("abba"), Repeats(6, 6))
    chosen = read(
        "arms: {}\nrepeats: {min: 4, max: 20, until_ci: 2%}\norder: {kind: abba, seed: 3}"
    )
    assert (chosen.order, chosen.repeats) == (Order("abba", 3), Repeats(4, 20, 0.02))


@pytest.mark.parametrize("text", ["06:30", "2026-11-22T06:30", "2026-11-22 06:30+01:00"])
def test_when_a_night_is_over(read, text):
    assert read(f"finish_by: '{text}'\n").finish_by == text


def test_a_bound_on_a_slowdown(read):
    scenario = read("arms: {}\nlimits: [{model: 'n*', max_regression: 3%, latency_p90_ms: 9}]\n")
    (limit,) = scenario.limits
    assert (limit.match, limit.bounds) == ({"model": "n*"}, {"latency_p90_ms": 9})
    assert limit.max_regression == 0.03


def test_a_stored_arm_comes_by_set(read, tmp_path):
    stored = f'{{"model": {{"net tflite": "{tmp_path}/new.tflite"}}, "builds": {{}}}}'
    scenario = read("arms: {candidate: {options: {load: buffer}}}\n", f"arms.reference={stored}")
    assert scenario.arms.reference == Arm({"net tflite": tmp_path / "new.tflite"})
    assert scenario.arms.candidate.options == {"load": "buffer"}


def test_the_kept_text_means_the_same_without_the_files(read, tmp_path):
    scenario = read(
        "arms: {reference: {python: python}, candidate: {model: {net: new.tflite}}}\n"
        "finish_by: '06:30'\nlimits: [{max_regression: 3%}]\n"
    )
    (tmp_path / "new.tflite").unlink()
    again = loads(scenario.text, scenario.source, Path("/elsewhere"))
    assert replace(again, text="") == replace(scenario, text="")
