"""Profiles of both engines, and everything that is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.operators import ProfileError, by_type, read_profile


def ort_run(at: int, *nodes: tuple[str, str, int, str]) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    place = at + 1
    for name, op_type, dur, provider in nodes:
        about = {"op_name": op_type, "provider": provider, "node_index": "0"}
        event = {"cat": "Node", "name": f"{name}_kernel_time", "ts": place, "dur": dur}
        events.append({**event, "args": about, "ph": "X"})
        place += dur
    whole = {"cat": "Session", "name": "model_run", "ts": at, "dur": place - at + 1, "args": {}}
    return [*events, whole]  # the engine writes the whole after its parts


CPU = "CPUExecutionProvider"
CONV, RELU = ("c_0", "Conv", 30, CPU), ("r_0", "Relu", 5, "QNNExecutionProvider")


def read(events: object, count: int, warmup: int = 0, form: str = "onnxruntime"):
    return read_profile(form, json.dumps(events).encode(), count, warmup)


def test_onnxruntime_nodes_with_provider_and_without_warmup() -> None:
    slow = ("c_0", "Conv", 3000, CPU)
    events = [
        {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 9, "args": {}},
        *ort_run(100, slow, RELU),
        *ort_run(10_000, CONV, RELU),
        *ort_run(20_000, CONV, RELU),
    ]
    profile = read(events, count=2, warmup=1)
    conv, relu = profile.nodes
    assert (conv.name, conv.op_type, conv.processor) == ("c_0", "Conv", "CPU")
    assert (conv.total_ns, conv.calls) == (60_000, 2)
    assert relu.processor == "QNN"
    assert profile.whole_ns == 74_000
    assert profile.operators_ns == 35_000


def litert(*runs: list[tuple[int, str, int]]) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    for run in runs:
        total = sum(us for _, _, us in run)
        events.append({"tag": "LiteRT::Run[buffer registration]", "type": 1, "us": 9})
        events.append({"tag": "Invoke", "type": 1, "us": total + 1})
        events += [{"tag": tag, "type": kind, "us": us} for kind, tag, us in run]
        events.append({"tag": "Invoke", "type": 32, "us": 2**32})
    return events


def test_litert_tells_delegated_operators_from_builtin_ones() -> None:
    run = [
        (8, "Convolution (NHWC, F32) IGEMM", 40),
        (8, "Convolution (NHWC, F32) DWConv", 20),
        (2, "SOFTMAX", 3),
    ]
    profile = read(litert(run, run, run), count=2, warmup=1, form="litert")
    assert [node.processor for node in profile.nodes] == ["CPU (XNNPACK)"] * 2 + ["CPU"]
    assert [node.total_ns for node in profile.nodes] == [80_000, 40_000, 6_000]
    first, second = by_type(profile)
    assert (first.op_type, first.nodes, first.total_ns) == ("Convolution", 2, 120_000)
    assert (second.op_type, second.processor) == ("SOFTMAX", "CPU")
    assert profile.whole_ns == 128_000


def test_runs_that_differ_are_added_by_name() -> None:
    branch = [(2, "ADD", 4)]
    profile = read(litert([(2, "MUL", 7), *branch], branch), count=2, form="litert")
    assert {node.name: (node.calls, node.total_ns) for node in profile.nodes} == {
        "MUL": (1, 7_000),
        "ADD": (2, 8_000),
    }


@pytest.mark.parametrize(
    ("form", "data", "count", "words"),
    [
        ("onnxruntime", b"", 1, "damaged"),
        ("onnxruntime", b"{", 1, "damaged"),
        ("onnxruntime", b"[]", 1, "0 runs, 1 were asked for"),
        ("onnxruntime", b"7", 1, "damaged"),
        ("onnxruntime", b'[{"name": "model_run"}]', 1, "damaged"),
        ("litert", b'[{"tag": "Invoke", "type": 1, "us": 3}]', 1, "names no operator"),
        ("litert", b'[{"tag": "Invoke", "type": "x", "us": 3}]', 1, "damaged"),
        ("litert", b"[]", 0, "0 runs"),
        ("perf", b"[]", 1, "'perf'"),
    ],
)
def test_what_is_no_profile_is_refused(form, data, count, words) -> None:
    with pytest.raises(ProfileError, match="profile") as raised:
        read_profile(form, data, count, 0)
    assert words in str(raised.value)


_DATA = st.binary(max_size=200) | st.text().map(str.encode)


@given(st.sampled_from(["onnxruntime", "litert"]), _DATA)
def test_no_bytes_break_it(form, data) -> None:
    with pytest.raises(ProfileError):
        read_profile(form, data, 1, 0)


_VALUES = st.none() | st.integers() | st.floats() | st.text(max_size=5)
_EVENTS = st.lists(
    st.dictionaries(
        st.sampled_from(["name", "cat", "ts", "dur", "args", "type", "tag", "us"]),
        _VALUES | st.dictionaries(st.sampled_from(["op_name", "provider"]), _VALUES, max_size=2)
        | st.sampled_from(["model_run", "Node", "x_kernel_time", "Invoke"]),
    ),
    max_size=6,
)  # fmt: skip


@given(st.sampled_from(["onnxruntime", "litert"]), _EVENTS, st.integers(0, 3), st.integers(0, 2))
def test_no_json_breaks_it(form, events, count, warmup) -> None:
    try:
        profile = read_profile(form, json.dumps(events).encode(), count, warmup)
    except ProfileError:
        return
    assert profile.runs == count
