"""The golden vectors: fresh, complete, and replayed against the reference codec."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, Packet, WireFormatError, encode
from harness.wire.format import REJECT_CODES
from harness.wire.schema import TYPES

FOLDER = Path(__file__).parents[3] / "golden" / "wire"
VECTORS = [
    json.loads(line)
    for path in sorted(FOLDER.glob("*.jsonl"))
    for line in path.read_text(encoding="ascii").splitlines()
]
ACCEPTED = [vector for vector in VECTORS if vector["accept"]]
REJECTED = [vector for vector in VECTORS if not vector["accept"]]


def named(vector):
    return vector["name"]


def plain(value):
    """A message as the vectors write it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def decode(stream, step):
    decoder = Decoder()
    packets = []
    for start in range(0, len(stream), step):
        packets += decoder.feed(stream[start : start + step])
    decoder.end()
    return packets


@pytest.mark.parametrize("vector", ACCEPTED, ids=named)
def test_accepted(vector):
    stream = bytes.fromhex(vector["bytes"])
    for step in {1 if len(stream) < 5000 else 997, 7, len(stream)}:
        (packet,) = decode(stream, step)
        meaning = dict(vector["meaning"])
        assert isinstance(packet.message, TYPES[meaning.pop("type")])
        assert [frame.hex() for frame in packet.frames] == meaning.pop("frames")
        assert plain(packet.message) == meaning
    assert (encode(packet.message, packet.frames) == stream) == vector["canonical"]


@pytest.mark.parametrize("vector", REJECTED, ids=named)
def test_rejected(vector):
    stream = bytes.fromhex(vector["bytes"])
    for step in {7, len(stream)}:
        with pytest.raises(WireFormatError) as caught:
            decode(stream, step)
        assert caught.value.code == vector["why"]


def test_files_are_fresh(tmp_path):
    runpy.run_path(str(FOLDER / "make.py"))["write"](tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), "run make.py"


def test_every_message_code_and_reason_has_a_vector():
    assert {vector["meaning"]["type"] for vector in ACCEPTED} == set(TYPES)
    assert {vector["why"] for vector in REJECTED} == set(REJECT_CODES)
    codes = {vector["meaning"].get("code") for vector in ACCEPTED}
    assert codes - {None} == set(m.ERROR_CODES)
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


def test_packets_before_a_fault_are_kept():
    good = encode(m.Ack(1))
    with pytest.raises(WireFormatError) as caught:
        Decoder().feed(good + good + b"GET / HTTP/1.1\r\n")
    assert caught.value.packets == [Packet(m.Ack(1))] * 2
