"""The same assertions for every runner: what a test needs to talk to one on the wire itself.

Another runner joins by one more entry in ``kinds.KINDS``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from harness.clock import CancelToken
from harness.wire import messages as m
from harness.wire.codec import Decoder, Packet, encode
from tests.contract.kinds import KINDS, Kind, meet, within

#: What the tiny models add to their input.
OFFSET = np.array([1, 2, 3, 4], np.float32)
X = np.array([[10, 20, 30, 40]], np.float32)


def tiny_tflite(*, batch=-1) -> bytes:
    """``y = x + OFFSET`` for ``x`` of shape [batch, 4], written with the schema's object API."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name, shape, buffer, signature=None):
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name, shape, buffer
        made.type = schema.TensorType.FLOAT32
        made.shapeSignature = signature
        return made

    constant = schema.BufferT()
    constant.data = np.frombuffer(OFFSET.tobytes(), np.uint8)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    code.version = 1
    add = schema.OperatorT()
    add.opcodeIndex, add.inputs, add.outputs = 0, [0, 1], [2]
    add.builtinOptionsType = schema.BuiltinOptions.AddOptions
    add.builtinOptions = schema.AddOptionsT()
    graph = schema.SubGraphT()
    shape, signature = [max(batch, 1), 4], [batch, 4]
    graph.tensors = [
        tensor("x", shape, 0, signature),
        tensor("offset", [4], 1),
        tensor("y", shape, 0, signature),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [add]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), constant]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tiny_onnx(*, batch: int | str = "batch", inner: int | str = 4) -> bytes:
    """``y = x + OFFSET`` for ``x`` of shape [batch, 4]."""
    from onnx import TensorProto, helper, numpy_helper

    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, inner]) for name in "xy"
    ]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "offset"], ["y"])],
        "tiny",
        tensors[:1],
        tensors[1:],
        [numpy_helper.from_array(OFFSET, "offset")],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


MODELS = {"tflite": tiny_tflite, "onnxruntime": tiny_onnx}


@dataclass
class Wire:
    """One link to a runner, spoken without the host's session."""

    link: object
    decoder: Decoder = field(default_factory=Decoder)
    packets: list[Packet] = field(default_factory=list)

    def say(self, *messages):
        data = b"".join(encode(message) for message in messages)
        self.link.send(data, within(60), CancelToken())

    def say_bytes(self, data):
        self.link.send(data, within(60), CancelToken())

    def hear(self, seconds=60.0):
        """The next packet; None when the link ended."""
        deadline = within(seconds)
        while not self.packets:
            data = self.link.receive(1 << 20, deadline, CancelToken())
            assert data is not None, f"nothing came within {seconds} s"
            if not data:
                return None
            self.packets += self.decoder.feed(data)
        return self.packets.pop(0)

    def hear_a(self, kind):
        packet = self.hear()
        assert packet is not None, "the link ended"
        assert isinstance(packet.message, kind), packet.message
        return packet.message

    def hear_until(self, kind):
        """All packets up to the first of a kind, that included."""
        heard = [self.hear()]
        while not isinstance(heard[-1].message, kind):
            assert not isinstance(heard[-1].message, m.Error), heard[-1]
            heard.append(self.hear())
        return heard

    def greet(self, token, **more):
        self.say(m.Hello(m.WIRE_VERSION, token, **more))
        return self.hear_a(m.Ready)

    def refused(self, code, *, fatal):
        """The next message refuses with this code, and hangs up if it is fatal."""
        error = self.hear_a(m.Error)
        assert (error.code, error.fatal) == (code, fatal), error
        if fatal:
            assert self.hear() is None
        return error.text

    def close(self):
        self.link.close()


@dataclass
class Bench:
    """A store and the runners started on it."""

    folder: Path
    kind: Kind
    runners: list[object] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    @property
    def store(self):
        return self.folder / "store"

    def push(self, data: bytes) -> str:
        """Like an agent's push, never writes over bytes that a runner may be reading."""
        digest = hashlib.sha256(data).hexdigest()
        target = self.store / digest
        if not target.exists():
            target.write_bytes(data)
        return digest

    def start(self, **options):
        work = self.folder / f"work{len(self.runners)}"
        self.runners.append(self.kind.start(self.store, work, self.kind.engine, **options))
        return self.runners[-1]

    def connect(self, runner):
        self.wires.append(Wire(runner.connect(within(20), CancelToken())))
        return self.wires[-1]

    def greeted(self, **options):
        runner = self.start(**options)
        wire = self.connect(runner)
        wire.greet(runner.token)
        return runner, wire

    def load_message(self, **changes):
        model = self.push(MODELS[self.kind.engine]())
        given = {"model": model, "engine": self.kind.engine, "delegate": "cpu", "threads": 1}
        return m.LoadModel(**(given | changes))

    def loaded(self, **options):
        runner, wire = self.greeted(**options)
        wire.say(self.load_message())
        wire.hear_a(m.Loaded)
        return runner, wire

    def close(self):
        for wire in self.wires:
            wire.close()
        for runner in self.runners:
            runner.kill()


def columns(packet):
    """A block packet's columns by name."""
    block = packet.message
    rows = np.frombuffer(packet.frames[0], "<i8").reshape(len(block.columns), block.count)
    return dict(zip(block.columns, rows, strict=True))


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def bench(request, tmp_path, monkeypatch):
    """A bench for each kind of runner."""
    meet(request.param, monkeypatch)
    yield from _bench(tmp_path, request.param)


@pytest.fixture(params=KINDS[:2], ids=lambda kind: kind.name)
def local_bench(request, tmp_path):
    """A bench for each way to run the local runner."""
    yield from _bench(tmp_path, request.param)


@pytest.fixture(params=[kind for kind in KINDS if kind.name == "jvm"], ids=lambda kind: kind.name)
def jvm(request, tmp_path):
    """A bench for the Android runner's core on this machine's JVM."""
    yield from _bench(tmp_path, request.param)


@pytest.fixture(params=[kind for kind in KINDS if kind.reattaches], ids=lambda kind: kind.name)
def tcp(request, tmp_path, monkeypatch):
    """A bench whose runners' links may drop."""
    meet(request.param, monkeypatch)
    yield from _bench(tmp_path, request.param)


@pytest.fixture(params=MODELS)
def engine_bench(request, tmp_path):
    """A bench for each engine."""
    start = KINDS[0].start
    yield from _bench(tmp_path, Kind(request.param, request.param, reattaches=False, start=start))


def _bench(tmp_path, kind):
    (tmp_path / "store").mkdir()
    made = Bench(tmp_path, kind)
    yield made
    made.close()


@pytest.fixture
def x():
    """An input of the tiny models."""
    return X


@pytest.fixture
def tiny_models():
    """Makers of the tiny models' bytes, by engine."""
    return MODELS


@pytest.fixture
def samples():
    """Reads a block packet's columns."""
    return columns


@pytest.fixture
def offset():
    """What the tiny models add."""
    return OFFSET


@pytest.fixture
def deadline():
    """Makes a deadline so many seconds from now."""
    return within
