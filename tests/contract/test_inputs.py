"""What goes in: inputs of a program, and of known outputs."""

from __future__ import annotations

import numpy as np

from harness.wire import messages as m


def test_an_input_of_the_wrong_size(bench):
    _, wire = bench.loaded()
    for size in (0, 15, 17, 32):
        wire.say(m.Run((bench.push(bytes(size)),), (m.Block(0, 1),)))
        text = wire.refused("input-rejected", fatal=False)
        assert text == f"input 'x' takes 16 bytes (float32 [1, 4]), the file has {size}"


def test_a_wrong_number_of_inputs(bench, x):
    _, wire = bench.loaded()
    digest = bench.push(x.tobytes())
    for inputs in ((), (digest, digest)):
        wire.say(m.Run(inputs, (m.Block(0, 1),)))
        assert "1 inputs (x)" in wire.refused("input-rejected", fatal=False)


def test_an_input_that_was_never_pushed(bench):
    _, wire = bench.loaded()
    for digest in ("0" * 64, "", "../store", "A" * 64, "/etc/passwd"):
        wire.say(m.Run((digest,), (m.Block(0, 1),)))
        wire.refused("no-file", fatal=False)


# --- infer ----------------------------------------------------------------------------------


def test_infer_known_outputs(bench, offset):
    _, wire = bench.loaded()
    inputs = np.arange(40, dtype=np.float32).reshape(10, 4)
    digest = bench.push(inputs.tobytes())
    wire.say(m.Infer((digest,), 3, 9))
    *outputs, done = wire.hear_until(m.Done)
    assert [packet.message.index for packet in outputs] == [3, 4, 5, 6, 7, 8]
    assert [packet.message.shapes for packet in outputs] == [((1, 4),)] * 6
    assert done.message.cancelled is False
    for packet in outputs:
        result = np.frombuffer(packet.frames[0], np.float32)
        np.testing.assert_array_equal(result, inputs[packet.message.index] + offset)


def test_infer_outside_the_file(bench):
    _, wire = bench.loaded()
    for first, last in ((0, 0), (2, 1), (-1, 1), (0, 4), (3, 4)):
        wire.say(m.Infer((bench.push(bytes(48)),), first, last))
        wire.refused("input-rejected", fatal=False)


def test_infer_of_half_samples(bench):
    _, wire = bench.loaded()
    wire.say(m.Infer((bench.push(bytes(20)),), 0, 1))
    wire.refused("input-rejected", fatal=False)
