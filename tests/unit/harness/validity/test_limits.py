from __future__ import annotations

from dataclasses import replace

import pytest

from harness.metrics import METRICS
from harness.scenario import Limit
from harness.validity.limits import (
    bound_names,
    cell_keys,
    exceeded,
    matches,
    metric_for_bound,
    unchecked,
)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("latency_p90_ns", ("latency_p90_ns", 1)),
        ("latency_p90_us", ("latency_p90_ns", 1e3)),
        ("latency_p90_ms", ("latency_p90_ns", 1e6)),
        ("cold_start_s", ("cold_start_ns", 1e9)),
        ("rss_peak_mib", ("rss_peak_bytes", 1024 * 1024)),
        ("size_mb", ("size_bytes", 1e6)),
        ("cpu_percent", ("cpu_percent", 1)),
    ],
)
def test_a_bound_names_a_metric_with_a_unit(name, bound):
    assert name in bound_names()
    assert metric_for_bound(name) == bound


@pytest.mark.parametrize("name", ["latency_p90", "throughput_per_s", "inferences", "nonsense", ""])
def test_other_names_are_unknown(name):
    assert name not in bound_names()
    with pytest.raises(KeyError):
        metric_for_bound(name)


def test_every_metric_of_which_less_is_better_can_be_bounded():
    bounded = {metric_for_bound(name)[0] for name in bound_names()}
    assert bounded == {name for name, metric in METRICS.items() if metric.better == "lower"}


def test_a_bound_that_is_broken_is_told_in_its_own_unit(cell):
    limits = [Limit({}, {"latency_p90_ms": 200, "cpu_percent": 30})]
    cells = [(cell, {"latency_p90_ns": 212.35e6, "cpu_percent": 30.0})]
    (line,) = exceeded(limits, cells)
    cell_part, _, bound_part = line.partition(": ")
    assert cell_part == "mobilenet_v2/fp32 tflite cpu t1 b1 single_stream on local"
    assert bound_part == "latency_p90_ms is 212.35, the limit is 200"


def test_only_matching_cells_are_held_to_a_limit(cell):
    other = replace(cell, engine="onnxruntime")
    cells = [(cell, {"latency_p50_ns": 9e6}), (other, {"latency_p50_ns": 9e6})]
    lines = exceeded([Limit({"engine": "onnx*"}, {"latency_p50_ms": 8})], cells)
    assert len(lines) == 1
    assert "onnxruntime" in lines[0]


def test_a_bound_that_nothing_measured_is_told(cell):
    limits = [Limit({"model": "mobile*"}, {"rss_peak_mib": 300, "latency_p50_ms": 8})]
    assert unchecked(limits, [(cell, {"latency_p50_ns": 1.0})]) == [
        "limit rss_peak_mib: 300 was not checked, no matching cell measured it"
    ]
    assert len(unchecked(limits, [])) == 2


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"model": "mobilenet*", "threads": "1"}, True),
        ({"threads": 1}, True),
        ({"model": "kws*"}, False),
        ({"load": "single_stream", "engine": "onnxruntime"}, False),
        ({"colour": "*"}, False),
    ],
)
def test_patterns(cell, match, fits):
    assert matches(cell, match) is fits


def test_engine_options_are_keys_too_as_yaml_writes_them(cell):
    assert cell_keys(replace(cell, options={"xnnpack": False}))["xnnpack"] == "false"


def test_an_engine_option_never_hides_a_key_of_the_cell(cell):
    assert cell_keys(replace(cell, options={"load": "mmap"}))["load"] == "single_stream"


def test_the_memory_pass_is_a_load_of_its_own(cell):
    assert matches(replace(cell, purpose="memory"), {"load": "memory"})
