"""Heat really slows the runner, scripted or real."""

from __future__ import annotations

import hashlib
import socket
import struct

import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, encode

INPUT = struct.pack("<4f", 1, 2, 3, 4)


class Wire:
    """A program on the runner behind a forwarded port."""

    def __init__(self, port):
        self._link = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._decoder, self._packets = Decoder(), []

    def say(self, *messages):
        self._link.sendall(b"".join(map(encode, messages)))

    def hear(self, kind):
        while True:
            while not self._packets:
                data = self._link.recv(1 << 16)
                assert data, "the runner hung up"
                self._packets += self._decoder.feed(data)
            packet = self._packets.pop(0)
            assert not isinstance(packet.message, m.Error), packet.message
            if isinstance(packet.message, kind):
                return packet

    def latency_ns(self, digest, count):
        """The least of one block, which other work on this machine touches last."""
        self.say(m.Run((digest,), (m.Block(0, count),), final=True))
        packet = self.hear(m.BlockDone)
        self.hear(m.Done)
        done = packet.message
        numbers = struct.unpack(f"<{done.count * len(done.columns)}q", packet.frames[0])
        start = done.columns.index("invoke_ns") * done.count
        return min(numbers[start : start + done.count])

    def close(self):
        self._link.close()


def _push(bench, folder, data):
    digest = hashlib.sha256(data).hexdigest()
    (folder / digest).write_bytes(data)
    bench.adb("push", str(folder / digest), f"/data/local/tmp/store/{digest}")
    return digest


def _tiny_onnx():
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "tiny", [x], [y])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def _loaded(bench, folder, until, engine, model):
    bench.start_runner()
    model_digest, digest = _push(bench, folder, model), _push(bench, folder, INPUT)
    port = int(bench.adb("forward", "tcp:0", "localabstract:bench").stdout)

    def greeted():
        wire = Wire(port)
        try:
            wire.say(m.Hello(m.WIRE_VERSION, "secret"))
            wire.hear(m.Ready)
        except (AssertionError, OSError):
            wire.close()  # it does not listen yet
            return None
        return wire

    wire = until(greeted, "the runner listens")
    wire.say(m.LoadModel(model_digest, engine, "cpu", 1))
    wire.hear(m.Loaded)
    return wire, digest


def test_a_scripted_runner_is_as_slow_as_the_phone_is_hot(bench, tmp_path, until):
    wire, digest = _loaded(bench, tmp_path, until, "tflite", b"any model")
    cool_ns = wire.latency_ns(digest, 60)
    bench.phone.set("skin_c", 46.0)
    hot_ns = wire.latency_ns(digest, 60)
    bench.phone.set("skin_c", 25.0)
    wire.close()
    assert cool_ns == pytest.approx(5e6, rel=0.3)
    # Severe leaves half of the top frequency, 2914 MHz; the highest step within it is 984 MHz.
    assert hot_ns == pytest.approx(cool_ns * 2914 / 984, rel=0.3)


def test_load_warms_the_phone(bench, tmp_path, until):
    wire, digest = _loaded(bench, tmp_path, until, "tflite", b"any model")
    before = bench.phone.report()["energy_j"]
    wire.latency_ns(digest, 60)
    wire.close()
    assert bench.phone.report()["energy_j"] > before + 1.0


def test_the_real_core_infers_and_is_throttled(java, tmp_path, until, package):
    wire, digest = _loaded(java, tmp_path, until, "onnxruntime", _tiny_onnx())
    count = 20_000
    wire.latency_ns(digest, count)
    wire.say(m.Infer((digest,), 0, 1))
    outputs = wire.hear(m.Outputs)
    wire.hear(m.Done)
    assert struct.unpack("<4f", outputs.frames[0]) == (-1, -2, -3, -4)

    def block_ns():
        wire.say(m.Run((digest,), (m.Block(0, count),), final=True))
        done = wire.hear(m.BlockDone).message
        wire.hear(m.Done)
        return done.ended_ns - done.started_ns

    cool_ns = min(block_ns() for _ in range(3))
    java.phone.set("skin_c", 56.0)
    until(lambda: block_ns() > 1.7 * cool_ns, "throttling")
    java.shell(f"am force-stop {package}")  # it answers when the runner, often paused, is over
    assert java.phone.report()["runners"] == {}
    java.phone.set("skin_c", 25.0)
    wire.close()
