"""A run with a delegate beside plain cpu: answers are kept and compared when all is measured."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def scenario(tmp_path, shared_models):
    path = tmp_path / "delegates.yaml"
    path.write_text(
        "schema: 1\n"
        f"models: [{{path: {shared_models}/kws_ref_model_float32.tflite}}]\n"
        "blocks: [{engine: tflite, delegate: [cpu, xnnpack]}]\n"
        "loads: [{kind: burst, inferences: 5}]\n"
        "profile: {inferences: 3, warmup: 1}\n"
        "repeats: 1\n"
    )
    return path


def test_answers_and_profiles_lie_beside_the_trials(scenario, benchfarm, tmp_path) -> None:
    done = benchfarm("run", str(scenario), "--results", str(tmp_path / "results"))
    assert done.returncode == 0, done.stderr
    assert "Softmax" in done.stdout or "SOFTMAX" in done.stdout
    (run,) = (tmp_path / "results" / "runs").iterdir()
    records = {
        path: json.loads((path / "trial.json").read_text()) for path in (run / "trials").iterdir()
    }
    timed = {p: r for p, r in records.items() if r["trial"]["cell"]["purpose"] == "timing"}
    assert len(timed) == 2
    for path, record in timed.items():
        assert (path / "outputs.npz").exists()
        assert record["outcome"] == "OK"
        assert "OUTPUT-MISMATCH" not in [item["id"] for item in record["findings"]]
        assert "COMPARE" in [phase["name"] for phase in record["phases"]]
    profiled = [p for p, r in records.items() if r["trial"]["cell"]["purpose"] == "profile"]
    assert len(profiled) == 2
    assert all((path / "profile.json").exists() for path in profiled)
