"""Any message survives; any bytes are refused politely, in bounded time and memory."""

from __future__ import annotations

import contextlib
import dataclasses
import tracemalloc
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.wire import messages as m
from harness.wire.codec import Decoder, Packet, WireFormatError, encode
from harness.wire.format import INT64_MAX, INT64_MIN, MAX_JSON_BYTES, MAX_STRING_BYTES
from harness.wire.schema import TYPES

INTEGERS = st.integers(INT64_MIN, INT64_MAX)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.one_of(INTEGERS, st.booleans(), TEXT)


def values(hint):
    """A strategy for one field's type."""
    if hint == m.Scalar:
        return SCALARS
    if dataclasses.is_dataclass(hint):
        return objects(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return st.lists(values(args[0]), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXT, values(args[1]), max_size=4)
    return {int: INTEGERS, str: TEXT, bool: st.booleans()}[hint]


def objects(cls):
    hints = typing.get_type_hints(cls)
    return st.fixed_dictionaries(
        {field.name: values(hints[field.name]) for field in dataclasses.fields(cls)}
    ).map(lambda fields: cls(**fields))


@st.composite
def packets(draw):
    message = draw(objects(draw(st.sampled_from(list(TYPES.values())))))
    if isinstance(message, m.Error):
        return Packet(dataclasses.replace(message, code=draw(st.sampled_from(m.ERROR_CODES))))
    if isinstance(message, m.Trace):
        numbers = draw(
            st.lists(INTEGERS, min_size=len(message.channels), max_size=len(message.channels))
        )
        return Packet(dataclasses.replace(message, values=tuple(numbers)))
    if isinstance(message, m.Outputs):
        return Packet(message, tuple(draw(st.binary(max_size=9)) for _ in message.shapes))
    if isinstance(message, m.Profiled):
        return Packet(message, (draw(st.binary(max_size=9)),))
    if isinstance(message, m.BlockDone):
        count = draw(st.integers(0, 5))
        columns = draw(st.sampled_from([m.SAMPLE_COLUMNS, (*m.SAMPLE_COLUMNS, m.INTENDED_COLUMN)]))
        size = 8 * count * len(columns)
        samples = draw(st.binary(min_size=size, max_size=size))
        return Packet(dataclasses.replace(message, count=count, columns=columns), (samples,))
    return Packet(message)


@given(st.lists(packets(), max_size=4), st.data())
@settings(max_examples=150, deadline=None)
def test_round_trip_whatever_the_pieces(sent, data):
    stream = b"".join(encode(packet.message, packet.frames) for packet in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder, received = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    decoder.end()
    assert received == sent


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_politely(data):
    decoder = Decoder()
    with contextlib.suppress(WireFormatError):
        decoder.feed(data)
        decoder.end()


@given(packets(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_message_is_refused_or_another_message(packet, data):
    stream = bytearray(encode(packet.message, packet.frames))
    place = data.draw(st.integers(5, len(stream) - 1))
    stream[place] = data.draw(st.integers(0, 255))
    decoder = Decoder()
    with contextlib.suppress(WireFormatError):
        for again in decoder.feed(bytes(stream)):
            encode(again.message, again.frames)
        decoder.end()


def test_after_a_fault_nothing_is_believed():
    decoder = Decoder()
    for data in (b"GET / HTTP/1.1", encode(m.Bye()), b""):
        with pytest.raises(WireFormatError, match="unknown-kind"):
            decoder.feed(data)
    decoder.end()


def test_an_announced_length_allocates_nothing():
    outputs = encode(m.Outputs(1, 0, ((1,),)), (b"x",))[:-6]
    tracemalloc.start()
    try:
        decoder = Decoder()
        decoder.feed(outputs + (64 * 1024 * 1024).to_bytes(4, "big") + b"B")
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()


def test_frames_together_are_limited(monkeypatch):
    monkeypatch.setattr("harness.wire.codec.MAX_FRAMES_BYTES", 10)
    message, frames = m.Outputs(1, 0, ((1,), (1,))), (b"123456", b"123456")
    with pytest.raises(WireFormatError, match="too-long"):
        encode(message, frames)
    monkeypatch.setattr("harness.wire.codec.MAX_FRAMES_BYTES", 12)
    stream = encode(message, frames)
    monkeypatch.setattr("harness.wire.codec.MAX_FRAMES_BYTES", 11)
    with pytest.raises(WireFormatError, match="too-long"):
        Decoder().feed(stream)


@pytest.mark.parametrize(
    ("message", "frames", "code"),
    [
        (m.Ack(2**63), (), "out-of-range"),
        (m.Ack(True), (), "wrong-type"),
        (m.Hello(1, 1.5), (), "wrong-type"),
        (m.Hello(1, "\ud800"), (), "bad-text"),
        (m.Hello(1, "x" * (MAX_STRING_BYTES + 1)), (), "string-too-long"),
        (m.Run((), (m.Block(1, None),)), (), "wrong-type"),
        (m.Run(["a"], ()), (), None),
        (m.Error("oops", ""), (), "bad-value"),
        (m.Trace(1, 1, ("a",), ()), (), "bad-value"),
        (m.BlockDone(1, 1, True, 1, m.SAMPLE_COLUMNS, 0, 0, 0), (), "bad-frames"),
        (m.BlockDone(1, 1, True, 1, m.SAMPLE_COLUMNS, 0, 0, 0), (bytes(31),), "bad-frames"),
        (m.Bye(), (b"",), "bad-frames"),
        (m.Run(("x" * 60_000,) * 20, ()), (), "too-long"),
    ],
)
def test_the_encoder_is_as_strict(message, frames, code):
    if code is None:
        encode(message, frames)  # a list where a tuple belongs looks the same on the wire
        return
    with pytest.raises(WireFormatError) as caught:
        encode(message, frames)
    assert caught.value.code == code


def test_the_largest_message_passes():
    blocks = tuple(m.Block(seq, 1) for seq in range(12_000))
    stream = encode(m.Run((), blocks))
    assert 0.9 * MAX_JSON_BYTES < len(stream) < MAX_JSON_BYTES
    assert Decoder().feed(stream) == [Packet(m.Run((), blocks))]
