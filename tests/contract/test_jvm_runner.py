"""What the Android runner's core adds to the contract, tried on this machine's JVM."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from harness.clock import CancelToken
from harness.wire import messages as m


@pytest.fixture
def attempt(jvm):
    """Loads with changes to the usual message; returns the wire to hear the answer on."""
    _, wire = jvm.greeted()

    def load(data=None, /, **changes):
        if data is not None:
            changes["model"] = jvm.push(data)
        wire.say(jvm.load_message(**changes))
        return wire

    return load


def test_ready_names_the_build_and_how_it_was_started(jvm):
    runner = jvm.start()
    facts = jvm.connect(runner).greet(runner.token).facts
    assert facts["runner"] == "jvm"
    assert facts["start"] == "java"
    assert facts["pid"] == runner.pid
    assert facts["build"].startswith("d")


def test_loaded_tells_the_tensors_and_times(attempt):
    loaded = attempt().hear_a(m.Loaded)
    assert [(t.name, t.dtype, t.shape) for t in loaded.inputs] == [("x", "float32", (1, 4))]
    assert [(t.name, t.dtype, t.shape) for t in loaded.outputs] == [("y", "float32", (1, 4))]
    assert min(loaded.import_ns, loaded.load_ns, loaded.prepare_ns) > 0
    assert loaded.engine["engine"] == "onnxruntime"
    assert loaded.engine["version"] == "1.29.0"
    assert loaded.placement == {"providers": "CPUExecutionProvider"}


def test_a_profile_tells_where_each_node_ran(attempt):
    loaded = attempt(options={"profile": True}).hear_a(m.Loaded)
    assert loaded.placement == {"nodes": 1, "CPUExecutionProvider": 1}


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_of_a_dynamic_first_dimension(attempt, jvm, offset, batch):
    wire = attempt(batch=batch)
    assert wire.hear_a(m.Loaded).inputs[0].shape == (batch, 4)
    data = np.arange(batch * 4, dtype=np.float32).reshape(batch, 4)
    wire.say(m.Infer((jvm.push(data.tobytes()),), 0, 1))
    outputs, _ = wire.hear_until(m.Done)
    assert outputs.message.shapes == ((batch, 4),)
    result = np.frombuffer(outputs.frames[0], np.float32).reshape(batch, 4)
    np.testing.assert_array_equal(result, data + offset)


def test_a_buffer_is_as_good_as_a_file(attempt):
    loaded = attempt(options={"load": "buffer", "allow_spinning": False}).hear_a(m.Loaded)
    assert loaded.engine["load"] == "buffer"
    assert loaded.engine["allow_spinning"] is False


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"engine": "tflite"}, "option-rejected", "this build of the runner has no engine"),
        ({"engine": "coreml"}, "option-rejected", "no engine 'coreml'"),
        ({"delegate": "nnapi"}, "delegate-rejected", "it has [cpu]"),
        ({"delegate": "warp"}, "delegate-rejected", "no delegate 'warp'"),
        ({"threads": 0}, "option-rejected", "threads is at least 1"),
        ({"batch": -1}, "option-rejected", "batch is at least 1"),
        ({"shapes": {"z": (1,)}}, "option-rejected", "no input 'z'"),
        ({"shapes": {"x": (1, 5)}}, "option-rejected", "does not fit"),
        ({"options": {"load": "mmap"}}, "option-rejected", "file or buffer"),
        ({"options": {"xnnpack": True}}, "option-rejected", "no option 'xnnpack'"),
        ({"options": {"profile": "yes"}}, "option-rejected", "true or false"),
        ({"page_cache": "drop"}, "option-rejected", "page_cache: drop"),
        ({"page_cache": "warm"}, "option-rejected", "keep or drop"),
        ({"model": "0" * 64}, "no-file", "was pushed"),
        ({"model": "../secret"}, "no-file", "was pushed"),
    ],
)
def test_refused(attempt, changes, code, words):
    wire = attempt(**changes)
    assert words in wire.refused(code, fatal=False)
    attempt().hear_a(m.Loaded)  # and the runner is as good as before


@pytest.mark.parametrize("damage", ["empty", "truncated", "garbage", "other"])
def test_files_that_are_no_model(attempt, tiny_models, damage):
    good = tiny_models["onnxruntime"]()
    data = {
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "garbage": bytes(range(256)) * 8,
        "other": tiny_models["tflite"](),
    }[damage]
    assert attempt(data).refused("model-rejected", fatal=False)


def test_a_tensor_beyond_the_heap_is_refused_and_the_runner_lives(attempt, tiny_models):
    data = tiny_models["onnxruntime"](inner="inner")
    wire = attempt(data, shapes={"x": (50_000_000, 4)})
    assert wire.refused("out-of-memory", fatal=False)
    attempt().hear_a(m.Loaded)


def test_nothing_is_collected_inside_blocks(jvm, x):
    """These inferences allocate 70 MB in all, more than the young generation holds."""
    _, wire = jvm.loaded()
    wire.say(m.TelemetryRequest(1))
    blocks = tuple(m.Block(number, 20_000) for number in range(8))
    wire.say(m.Run((jvm.push(x.tobytes()),), blocks, final=True))
    traces = [p.message for p in wire.hear_until(m.Done) if isinstance(p.message, m.Trace)]
    unasked = [t.values[t.channels.index("self.unasked_collections")] for t in traces]
    assert len(unasked) >= len(blocks)
    assert len(set(unasked)) == 1


def test_a_native_crash_is_in_the_log_and_leaves_no_files(jvm, deadline):
    runner, _ = jvm.loaded()
    os.kill(runner.pid, signal.SIGSEGV)
    ended = runner.wait(deadline(20), CancelToken())
    assert ended.signal_name == "SIGABRT"  # the JVM catches SIGSEGV, reports, and aborts
    assert "SIGSEGV" in runner.log_text()
