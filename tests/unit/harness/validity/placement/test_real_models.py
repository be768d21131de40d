"""Verdicts on real models, from the engines of the local runner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import PlacementVerdict as V
from harness.validity.placement.verdict import trial_placement
from harness.wire.messages import LoadModel


@pytest.fixture
def placed(shared_models, cell):
    """Load a shared model as the local runner does, and judge what the engine reports."""

    def judge(name, engine, delegate, **options):
        from device_agents.local.runner.engines import open_engine

        request = LoadModel("", engine, delegate, threads=1, options=options)
        model = open_engine(engine).load(shared_models / name, request).prepare()
        asked = replace(cell, engine=engine, delegate=delegate)
        return trial_placement(asked, model.placement(), model.facts, "")

    return judge


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vww_96_float.tflite", "FULL 31/31 nodes in 1 partition"),  # MobileNet v1, fp32
        ("ad01_int8.tflite", "FULL 10/10 nodes in 1 partition"),
        ("mobilenet_v2_1.0_224_quant.tflite", "PARTIAL 64/66 nodes in 2 partitions"),
        ("deeplabv3_mnv2_dm05_pascal_quant.tflite", "PARTIAL 70/72 nodes in 2 partitions"),
    ],
)
def test_xnnpack(placed, name, text):
    assert placed(name, "tflite", "xnnpack").text == text


def test_a_partial_placement_names_what_stayed_behind(placed):
    (witness,) = placed("deeplabv3_mnv2_dm05_pascal_quant.tflite", "tflite", "xnnpack").witnesses
    assert witness.seen.startswith("70 of 72 operations taken by a delegate; left to the CPU: ")


@pytest.mark.parametrize("xnnpack", [True, False])
def test_the_cpu_of_tflite(placed, xnnpack):
    found = placed("deeplabv3_mnv2_dm05_pascal_quant.tflite", "tflite", "cpu", xnnpack=xnnpack)
    assert found.text == "FULL 72/72 nodes"


def test_the_cpu_of_onnxruntime(placed):
    found = placed("mnist.onnx", "onnxruntime", "cpu")
    assert found.verdict is V.FULL
    assert found.nodes == found.total
    assert found.total > 0
