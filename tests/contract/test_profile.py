"""``profile``: every runner that has a profiler tells each operator, and stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.operators import read_profile
from harness.wire import messages as m


@pytest.fixture
def profiled(x):
    """Profiles the loaded model of a bench."""

    def ask(bench, wire, data=x, **changes):
        given = {"inputs": (bench.push(data.tobytes()),), "count": 4, "warmup": 2}
        wire.say(m.ProfileRequest(**(given | changes)))
        return wire.hear()

    return ask


def test_each_operator_and_where_it_ran(bench, profiled):
    _, wire = bench.loaded()
    packet = profiled(bench, wire)
    found = packet.message
    assert isinstance(found, m.Profiled), found
    assert (found.count, found.warmup) == (4, 2)
    assert found.facts["engine"]
    profile = read_profile(found.format, packet.frames[0], found.count, found.warmup)
    (node,) = profile.nodes
    assert node.op_type.lower() == "add"
    assert node.processor.startswith("CPU")
    assert (node.calls, profile.runs) == (4, 4)
    assert profile.whole_ns >= node.total_ns


def test_the_loaded_model_runs_as_before(bench, profiled, x, offset):
    _, wire = bench.loaded()
    profiled(bench, wire)
    wire.say(m.Infer((bench.push(x.tobytes()),), 0, 1))
    outputs, _ = wire.hear_until(m.Done)
    assert np.array_equal(np.frombuffer(outputs.frames[0], np.float32), (x + offset)[0])


@pytest.mark.parametrize(("changes", "code"), [
    ({"count": 0}, "bad-message"),
    ({"warmup": -1}, "bad-message"),
    ({"count": 10_001}, "bad-message"),
    ({"inputs": ()}, "input-rejected"),
    ({"inputs": ("0" * 64,)}, "no-file"),
])  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_breaks(bench, profiled, changes, code):
    _, wire = bench.loaded()
    refused = profiled(bench, wire, **changes).message
    assert isinstance(refused, m.Error)
    assert (refused.code, refused.fatal) == (code, False)
    assert isinstance(profiled(bench, wire).message, m.Profiled)


def test_without_a_model(bench, profiled):
    _, wire = bench.greeted()
    assert profiled(bench, wire).message.code == "bad-message"


@pytest.mark.parametrize("engine_bench", ["tflite"], indirect=True)
def test_shapes_that_are_not_the_files_are_refused(engine_bench, profiled):
    _, wire = engine_bench.greeted()
    wire.say(engine_bench.load_message(batch=3))
    wire.hear_a(m.Loaded)
    refused = profiled(engine_bench, wire, np.zeros((3, 4), np.float32)).message
    assert isinstance(refused, m.Error)
    assert refused.code == "unsupported"
    assert "shapes" in refused.text


@pytest.mark.parametrize("engine_bench", ["tflite"], indirect=True)
@pytest.mark.parametrize("xnnpack", [True, False])
def test_the_kernels_are_those_of_the_load(engine_bench, profiled, xnnpack):
    _, wire = engine_bench.greeted()
    wire.say(engine_bench.load_message(options={"xnnpack": xnnpack}))
    wire.hear_a(m.Loaded)
    packet = profiled(engine_bench, wire)
    (node,) = read_profile("litert", packet.frames[0], 4, 2).nodes
    assert node.processor == ("CPU (XNNPACK)" if xnnpack else "CPU")
