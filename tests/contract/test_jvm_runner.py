"""What the Android runner's core adds to the contract, tried on this machine's JVM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.clock import CancelToken
from harness.wire import messages as m

GOLDEN = Path(__file__).parents[1] / "golden" / "wire"


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


def test_a_tensor_beyond_any_buffer_is_refused_and_the_runner_lives(attempt, tiny_models):
    data = tiny_models["onnxruntime"](inner="inner")
    wire = attempt(data, shapes={"x": (200_000_000, 4)})
    assert "3200000000 bytes" in wire.refused("out-of-memory", fatal=False)
    attempt().hear_a(m.Loaded)


def test_a_model_beyond_the_heap_is_refused_and_the_runner_lives(attempt, jvm):
    """Read into a buffer it has no room: half of 1 GB is all that this runner may take."""
    digest = "f" * 64
    with (jvm.store / digest).open("wb") as file:
        file.truncate(1_000_000_000)
    wire = attempt(model=digest, options={"load": "buffer"})
    assert wire.refused("out-of-memory", fatal=False)
    attempt().hear_a(m.Loaded)


def test_a_disk_that_is_full_ends_the_program_and_keeps_what_was_measured(jvm, x):
    spool = jvm.folder / "work0" / "spool"
    spool.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(spool)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        _, wire = jvm.loaded()
        blocks = tuple(m.Block(seq, 40_000, duration_ns=10**11) for seq in range(50))
        wire.say(m.Run((jvm.push(x.tobytes()),), blocks, final=True))
        heard = []
        while not heard or isinstance(heard[-1].message, m.BlockDone):
            heard.append(wire.hear())
        assert heard[-1].message.code == "spool-full"
        assert [packet.message.block for packet in heard[:-1]] == list(range(len(heard) - 1))
        wire.say(m.Ack(heard[-1].message.seq), m.Ping(1))
        wire.hear_a(m.Pong)
        assert not list(spool.iterdir())
    finally:
        jvm.close()
        subprocess.run(["umount", str(spool)], check=True)


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


# --- tensors of every kind ------------------------------------------------------------------


def network(nodes, inputs, outputs):
    """A small ONNX model; tensors are (name, type, shape)."""
    from onnx import TensorProto, helper

    made = [
        [helper.make_tensor_value_info(n, getattr(TensorProto, t), s) for n, t, s in tensors]
        for tensors in (inputs, outputs)
    ]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "net", *made)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def infer(jvm, wire, *arrays):
    """The outputs of one inference, as bytes and shapes."""
    wire.say(m.Infer(tuple(jvm.push(array.tobytes()) for array in arrays), 0, 1))
    outputs, _ = wire.hear_until(m.Done)
    return outputs.frames, outputs.message.shapes


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *(("FLOAT", "float32"), ("DOUBLE", "float64"), ("FLOAT16", "float16"), ("BOOL", "bool")),
        *(("INT8", "int8"), ("UINT8", "uint8"), ("INT32", "int32"), ("INT64", "int64")),
    ],
)
def test_bytes_of_every_type_pass_unchanged(attempt, jvm, kind, dtype):
    data = network([("Identity", ["x"], ["y"])], [("x", kind, [2, 3])], [("y", kind, [2, 3])])
    wire = attempt(data)
    loaded = wire.hear_a(m.Loaded)
    assert [t.dtype for t in (*loaded.inputs, *loaded.outputs)] == [dtype, dtype]
    x = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    assert infer(jvm, wire, x) == ((x.tobytes(),), ((2, 3),))


def test_a_type_java_has_no_tensors_for_is_refused_by_name(attempt):
    data = network([("Identity", ["x"], ["y"])], [("x", "UINT16", [2])], [("y", "UINT16", [2])])
    assert "'x' holds uint16" in attempt(data).refused("model-rejected", fatal=False)


def test_several_inputs_and_outputs_keep_their_order(attempt, jvm):
    data = network(
        [("Add", ["b", "a"], ["sum"]), ("Sub", ["b", "a"], ["difference"])],
        [("b", "FLOAT", [2]), ("a", "FLOAT", [2])],
        [("difference", "FLOAT", [2]), ("sum", "FLOAT", [2])],
    )
    wire = attempt(data)
    assert [t.name for t in wire.hear_a(m.Loaded).inputs] == ["b", "a"]
    b, a = np.array([5, 6], np.float32), np.array([1, 2], np.float32)
    frames, _ = infer(jvm, wire, b, a)
    assert [np.frombuffer(f, np.float32).tolist() for f in frames] == [[4, 4], [6, 8]]


def test_outputs_whose_shape_only_the_inference_settles(attempt, jvm):
    data = network(
        [("NonZero", ["x"], ["y"])], [("x", "FLOAT", [4])], [("y", "INT64", [1, "found"])]
    )
    wire = attempt(data)
    assert wire.hear_a(m.Loaded).outputs[0].shape == (1, -1)
    for x, found in (([1, 0, 0, 1], [0, 3]), ([0, 0, 0, 0], []), ([1, 1, 1, 1], [0, 1, 2, 3])):
        (frame,), shapes = infer(jvm, wire, np.array(x, np.float32))
        assert shapes == ((1, len(found)),)
        assert np.frombuffer(frame, np.int64).tolist() == found


def test_an_inference_that_fails_is_told_in_the_engines_words(attempt, jvm):
    data = network(
        [("Reshape", ["x", "shape"], ["y"])],
        [("x", "FLOAT", [4]), ("shape", "INT64", [1])],
        [("y", "FLOAT", ["n"])],
    )
    wire = attempt(data)
    wire.hear_a(m.Loaded)
    digests = jvm.push(bytes(16)), jvm.push(np.array([3], np.int64).tobytes())
    wire.say(m.Infer(digests, 0, 1))
    assert "Reshape" in wire.refused("inference-failed", fatal=False)
    wire.say(m.Run(digests, (m.Block(0, 1),), final=True))
    assert "Reshape" in wire.refused("inference-failed", fatal=False)
    wire.say(m.Unload(), jvm.load_message())
    wire.hear_a(m.Loaded)


@pytest.mark.parametrize("name", ["mnist.onnx", "rfb320_nopost.onnx", "silero_vad_16k_op15.onnx"])
def test_real_models_give_what_python_gives(attempt, jvm, shared_models, name):
    ort = pytest.importorskip("onnxruntime")
    path = shared_models / name
    changes = {"shapes": {"input": (1, 576)}} if name.startswith("silero") else {}
    wire = attempt(path.read_bytes(), **changes)
    loaded = wire.hear_a(m.Loaded)
    rng = np.random.default_rng(5)
    arrays = [
        np.array(16000, t.dtype) if not t.shape else rng.uniform(0, 1, t.shape).astype(t.dtype)
        for t in loaded.inputs
    ]
    frames, shapes = infer(jvm, wire, *arrays)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {t.name: a for t, a in zip(loaded.inputs, arrays, strict=True)})
    for frame, shape, want in zip(frames, shapes, wanted, strict=True):
        assert shape == want.shape
        made = np.frombuffer(frame, want.dtype).reshape(shape)
        np.testing.assert_allclose(made, want, rtol=1e-4, atol=1e-5)


# --- hosts that talk nonsense -------------------------------------------------------------


def test_golden_reject_vectors_end_a_link_and_nothing_else(jvm, x):
    lines = (GOLDEN / "reject.jsonl").read_text().splitlines()
    runner = jvm.start()
    wire = jvm.connect(runner)
    session = wire.greet(runner.token).session
    wire.say(jvm.load_message())
    wire.hear_a(m.Loaded)
    for vector in map(json.loads, lines):
        wire.close()
        wire = jvm.connect(runner)
        wire.greet(runner.token, session=session, last_seq=1)
        wire.say_bytes(bytes.fromhex(vector["bytes"]))
        if vector["why"] != "truncated":
            wire.refused("bad-message", fatal=True)
    wire = jvm.connect(runner)
    wire.greet(runner.token, session=session, last_seq=1)
    wire.say(m.Run((jvm.push(x.tobytes()),), (m.Block(0, 5),), final=True))
    wire.hear_until(m.Done)


# --- links that break -----------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["hello", "load", "run", "infer"])
def test_a_link_closed_in_any_phase_loses_nothing(jvm, x, phase):
    """What was sent before the link broke is done; the host hears of it on the next link."""
    digest = jvm.push(x.tobytes())
    said = {
        "hello": [],
        "load": [jvm.load_message()],
        "run": [jvm.load_message(), m.Run((digest,), (m.Block(7, 50),), final=True)],
        "infer": [jvm.load_message(), m.Infer((digest,), 0, 1)],
    }[phase]
    runner = jvm.start()
    wire = jvm.connect(runner)
    session = wire.greet(runner.token).session
    if said:
        wire.say(*said)
        wire.hear_a(m.Loaded)  # so it is certain that all of it arrived, being one piece
    wire.close()
    again = jvm.connect(runner)
    assert again.greet(runner.token, session=session, last_seq=0).received == len(said)
    heard = [] if not said else [again.hear_a(m.Loaded).seq]
    if len(said) == 2:
        heard += [packet.message.seq for packet in again.hear_until(m.Done)]
    assert heard == list(range(1, len(heard) + 1))
    assert len(heard) == {"hello": 0, "load": 1, "run": 3, "infer": 3}[phase]
