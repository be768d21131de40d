"""The core's own JUnit tests, on this machine's JVM."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "wire"
MODELS = ("vww_96_float.tflite", "ad01_int8.tflite", "pretrainedResnet.tflite")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_models(junit):
    assert "OK (" in run(junit({"golden": str(GOLDEN)}))


def test_operations_of_real_models(junit, shared_models):
    flatbuffer_utils = pytest.importorskip("ai_edge_litert.tools.flatbuffer_utils")
    counts = []
    for name in MODELS:
        model = flatbuffer_utils.read_model(str(shared_models / name))
        counts.append(f"{name}={len(model.subgraphs[0].operators)}")
    properties = {"golden": str(GOLDEN), "models": str(shared_models), "ops": ",".join(counts)}
    assert "OK (" in run(junit(properties))
