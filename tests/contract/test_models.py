"""Loading: what engines accept, what they refuse, and that refusals speak clearly."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from harness.wire import messages as m
from tests.contract.kinds import KINDS


@pytest.fixture
def attempt(engine_bench):
    """Loads with changes to the usual message; returns what the runner answers."""
    _, wire = engine_bench.greeted()

    def load(data=None, /, **changes):
        if data is not None:
            changes["model"] = engine_bench.push(data)
        wire.say(engine_bench.load_message(**changes))
        return wire

    return load


def engine_of(bench):
    return bench.kind.engine


#: What ONNX Runtime says of a black picture, the mean over all anchors.
BACKGROUND = 0.957204

only_tflite = pytest.mark.parametrize("engine_bench", ["tflite"], indirect=True)
only_onnxruntime = pytest.mark.parametrize("engine_bench", ["onnxruntime"], indirect=True)


# --- what loads -----------------------------------------------------------------------------


def test_loaded_tells_the_tensors_and_times(attempt, engine_bench):
    loaded = attempt().hear_a(m.Loaded)
    assert [(t.name, t.dtype, t.shape) for t in loaded.inputs] == [("x", "float32", (1, 4))]
    assert [(t.name, t.dtype, t.shape) for t in loaded.outputs] == [("y", "float32", (1, 4))]
    assert min(loaded.import_ns, loaded.load_ns, loaded.prepare_ns) > 0
    assert loaded.engine["version"]
    assert loaded.engine["threads"] == 1
    assert "pages in memory" in loaded.cache_state
    assert loaded.placement
    assert loaded.seq == 1


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_batch_of_a_dynamic_first_dimension(attempt, engine_bench, offset, batch):
    wire = attempt(batch=batch)
    loaded = wire.hear_a(m.Loaded)
    assert loaded.inputs[0].shape == loaded.outputs[0].shape == (batch, 4)
    data = np.arange(batch * 4, dtype=np.float32).reshape(batch, 4)
    wire.say(m.Infer((engine_bench.push(data.tobytes()),), 0, 1))
    outputs, _ = wire.hear_until(m.Done)
    result = np.frombuffer(outputs.frames[0], np.float32).reshape(batch, 4)
    np.testing.assert_array_equal(result, data + offset)


def test_batch_by_shapes(attempt):
    assert attempt(shapes={"x": (5, 4)}).hear_a(m.Loaded).inputs[0].shape == (5, 4)


def test_a_fixed_batch_is_not_stretched(attempt, engine_bench, tiny_models):
    wire = attempt(tiny_models[engine_of(engine_bench)](batch=1), batch=4)
    text = wire.refused("option-rejected", fatal=False)
    assert "batch 4" in text
    assert "fixed batch (x [1, 4])" in text


def test_a_model_of_fixed_batch_runs_with_that_batch(attempt, engine_bench, tiny_models):
    wire = attempt(tiny_models[engine_of(engine_bench)](batch=4), batch=4)
    assert wire.hear_a(m.Loaded).inputs[0].shape == (4, 4)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(attempt, threads):
    assert attempt(threads=threads).hear_a(m.Loaded).engine["threads"] == threads


def test_buffer(attempt):
    assert attempt(options={"load": "buffer"}).hear_a(m.Loaded).engine["load"] == "buffer"


@only_tflite  # a protobuf file cannot be padded to some pages
def test_page_cache_dropped(attempt, tiny_models):
    wire = attempt(tiny_models["tflite"]() + bytes(4 * 1024 * 1024), page_cache="drop")
    answer = wire.hear().message
    if isinstance(answer, m.Error):
        assert "tmpfs" in answer.text  # the test's folder cannot be evicted
    else:
        assert answer.cache_state.startswith("page cache drop, 0 of 10")


# --- what is refused ------------------------------------------------------------------------


REFUSED = [
    ({"engine": "tensorrt"}, "option-rejected", "tflite, onnxruntime"),
    ({"delegate": "gpu"}, "delegate-rejected", "it has cpu"),
    ({"threads": 0}, "option-rejected", "threads is 1 to"),
    ({"threads": 10**6}, "option-rejected", "threads is 1 to"),
    ({"batch": 0}, "option-rejected", "batch is 1 to"),
    ({"page_cache": "cold"}, "option-rejected", "'keep' or 'drop'"),
    ({"options": {"turbo": True}}, "option-rejected", "no option 'turbo'; it has"),
    ({"options": {"load": "magic"}}, "option-rejected", "'magic'"),
    ({"options": {"load": 1}}, "option-rejected", "not 1"),
    ({"shapes": {"z": (1,)}}, "option-rejected", "no input 'z'; the model has x"),
    ({"shapes": {"x": (1, 5)}}, "option-rejected", "does not fit"),
    ({"shapes": {"x": (4,)}}, "option-rejected", "does not fit"),
    ({"shapes": {"x": (0, 4)}}, "option-rejected", "does not fit"),
    ({"shapes": {"x": (-1, 4)}}, "option-rejected", "does not fit"),
    ({"shapes": {"x": (2, 4)}, "batch": 3}, "option-rejected", "batch 3"),
    ({"model": "0" * 64}, "no-file", "0000"),
    ({"model": "../../etc/passwd"}, "no-file", "passwd"),
]


def test_refused_and_still_ready_for_better(attempt):
    for changes, code, words in REFUSED:
        assert words in attempt(**changes).refused(code, fatal=False)
    attempt().hear_a(m.Loaded)


def test_files_that_are_no_model(attempt, engine_bench, tiny_models):
    engine = engine_of(engine_bench)
    good = tiny_models[engine]()
    noise = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(64))
    for data in (
        b"",
        good[: len(good) // 2],
        noise,
        b"this is no model\n" * 100,
        b"\x1c\0\0\0TFL3",
        tiny_models["tflite" if engine == "onnxruntime" else "onnxruntime"](),
    ):
        assert attempt(data).refused("model-rejected", fatal=False)
    attempt().hear_a(m.Loaded)


def test_an_engine_of_another_format(attempt, engine_bench, tiny_models):
    other = "tflite" if engine_of(engine_bench) == "onnxruntime" else "onnxruntime"
    attempt(engine=other).refused("model-rejected", fatal=False)


# --- tflite ---------------------------------------------------------------------------------


@only_tflite
class TestTflite:
    def test_xnnpack_takes_the_graph(self, attempt):
        loaded = attempt(delegate="xnnpack").hear_a(m.Loaded)
        libraries = loaded.placement.pop("libraries")
        assert loaded.placement == {"ops": 1, "delegate_nodes": 1, "delegated_ops": 1}
        assert "litert" in libraries or "tflite" in libraries
        assert loaded.engine["xnnpack"] is True

    def test_without_xnnpack(self, attempt):
        loaded = attempt(options={"xnnpack": False}).hear_a(m.Loaded)
        assert loaded.placement == {"ops": 1, "delegate_nodes": 0, "delegated_ops": 0}
        assert loaded.engine["xnnpack"] is False

    def test_a_contradiction(self, attempt):
        wire = attempt(delegate="xnnpack", options={"xnnpack": False})
        assert "contradicts" in wire.refused("option-rejected", fatal=False)

    def test_mapped_by_default(self, attempt):
        assert attempt().hear_a(m.Loaded).engine["load"] == "mmap"

    def test_a_switch_is_no_word(self, attempt):
        wire = attempt(options={"xnnpack": "false"})
        assert "true or false" in wire.refused("option-rejected", fatal=False)


# --- onnxruntime ----------------------------------------------------------------------------


@only_onnxruntime
class TestOnnxruntime:
    def test_every_node_is_accounted_for(self, attempt):
        placement = attempt().hear_a(m.Loaded).placement
        assert placement == {"nodes": 1, "CPUExecutionProvider": 1}

    def test_options_are_recorded(self, attempt):
        options = {"graph_optimization": "disable", "allow_spinning": False}
        engine = attempt(options=options).hear_a(m.Loaded).engine
        assert options.items() <= engine.items()

    def test_it_cannot_map(self, attempt):
        attempt(options={"load": "mmap"}).refused("option-rejected", fatal=False)

    def test_an_open_inner_dimension_names_the_key_to_set(self, attempt, tiny_models):
        model = tiny_models["onnxruntime"](inner="width")
        text = attempt(model).refused("option-rejected", fatal=False)
        assert "input 'x' has the dynamic shape [batch, width]" in text
        assert "shapes: {x: [...]}" in text
        assert attempt(model, shapes={"x": (2, 4)}).hear_a(m.Loaded).outputs[0].shape == (2, 4)

    def test_an_inference_that_fails(self, attempt, engine_bench, tiny_models):
        wire = attempt(tiny_models["onnxruntime"](inner="width"), shapes={"x": (1, 3)})
        wire.hear_a(m.Loaded)
        digest = engine_bench.push(bytes(12))
        for message in (m.Run((digest,), (m.Block(0, 1),)), m.Infer((digest,), 0, 1)):
            wire.say(message)
            assert "Add" in wire.refused("inference-failed", fatal=False)


# --- real models ----------------------------------------------------------------------------


@pytest.fixture
def real(attempt, engine_bench, shared_models):
    """Loads a shared model on its engine and runs one inference on zeros."""

    def run(name, **changes):
        wire = attempt((shared_models / name).read_bytes(), **changes)
        loaded = wire.hear_a(m.Loaded)
        zeros = (np.zeros(spec.shape, spec.dtype).tobytes() for spec in loaded.inputs)
        inputs = tuple(map(engine_bench.push, zeros))
        wire.say(m.Run(inputs, (m.Block(0, 2),), final=True))
        block, _ = wire.hear_until(m.Done)
        assert block.message.count == 2
        wire.say(m.Infer(inputs, 0, 1))
        outputs, _ = wire.hear_until(m.Done)
        return loaded, outputs

    return run


@only_tflite
def test_quantization_is_told(real):
    loaded, _ = real("vww_96_int8.tflite")
    assert loaded.inputs[0].dtype == "int8"
    assert loaded.inputs[0].zero_point == -128
    assert float(loaded.inputs[0].scale) == pytest.approx(1 / 255)


@only_tflite
def test_outputs_whose_shape_only_the_inference_settles(real):
    loaded, outputs = real("rfb320_nopost.tflite")
    assert outputs.message.shapes == ((1, 4420, 4), (1, 4420, 2))
    assert loaded.placement["delegated_ops"] < loaded.placement["ops"]


@only_onnxruntime
def test_states_are_plain_inputs_and_names_carry_sizes(real):
    loaded, outputs = real("silero_vad_16k_op15.onnx", shapes={"input": (1, 512)})
    assert [spec.shape for spec in loaded.inputs] == [(1, 512), (2, 1, 128), ()]
    assert [spec.shape for spec in loaded.outputs] == [(1, 1), (-1, 1, -1)]
    assert outputs.message.shapes == ((1, 1), (2, 1, 128))


@pytest.mark.parametrize(
    ("engine_bench", "name"),
    [("onnxruntime", "rfb320_nopost.onnx"), ("tflite", "rfb320_nopost.tflite")],
    indirect=["engine_bench"],
)
def test_the_same_network_on_both_engines(real, name):
    """Without input, the detector sees the same background everywhere, on either engine."""
    loaded, outputs = real(name)
    by_size = {len(data): np.frombuffer(data, np.float32) for data in outputs.frames}
    scores = by_size[4420 * 2 * 4].reshape(4420, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert scores[:, 0].mean() == pytest.approx(BACKGROUND, abs=1e-5)
    assert len(loaded.outputs) == 2


@pytest.mark.parametrize(
    "bench", [kind for kind in KINDS if kind.here], indirect=True, ids=lambda kind: kind.name
)
def test_no_engine_leaves_anything_in_the_users_home(bench, tmp_path, monkeypatch):
    """ONNX Runtime would keep a database there of its use, to be sent to its maker."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    bench.loaded()
    assert list(home.rglob("*")) == []
