"""The reference codec of the runner wire: bytes to messages and back, strict both ways.

A frame is a payload length (4 bytes, big-endian), a kind (1 byte) and the payload. A message is one
JSON frame (kind ``J``) and as many binary frames (kind ``B``) as its ``frames`` key says. What is
not exactly right is refused with a :class:`WireFormatError`, whose ``code`` is the ``why`` of the
golden vectors. ``docs/wire.md`` is the prose.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from harness.wire import messages as m
from harness.wire.format import (
    MAX_FRAME_BYTES,
    MAX_FRAMES,
    MAX_FRAMES_BYTES,
    MAX_JSON_BYTES,
    Packet,
    WireFormatError,
)
from harness.wire.schema import read_message, write_message

__all__ = ["Decoder", "Packet", "WireFormatError", "encode"]

BYTES_PER_SAMPLE = 8

_HEADER = struct.Struct(">IB")
_JSON, _BINARY = ord("J"), ord("B")


def encode(message: m.Message, frames: tuple[bytes, ...] = ()) -> bytes:
    """The canonical bytes of a message: every field written, keys sorted, no spaces.

    Raises WireFormatError for a message that a decoder would refuse.
    """
    payload = write_message(message, len(frames))
    _check_frames(message, len(frames))
    _check_frame_sizes(message, [len(frame) for frame in frames])
    parts = [_HEADER.pack(len(payload), _JSON), payload]
    for frame in frames:
        parts += (_HEADER.pack(len(frame), _BINARY), frame)
    return b"".join(parts)


@dataclass(slots=True)
class _Pending:
    """A message that still waits for its frames."""

    message: m.Message
    expected: int
    frames: list[bytes] = field(default_factory=list)


class Decoder:
    """Turns a byte stream, fed in pieces of any size, into packets.

    Holds at most one message with its frames and refuses an oversized one by its header. After a
    fault every further call raises it again: the stream cannot be trusted any more.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._pending: _Pending | None = None
        self._fault: WireFormatError | None = None

    def feed(self, data: bytes) -> list[Packet]:
        """The packets completed by ``data``; raises WireFormatError at the first fault."""
        if self._fault is not None:
            raise self._fault
        self._buffer += data
        packets: list[Packet] = []
        try:
            while (payload := self._take_frame()) is not None:
                packet = self._accept(*payload)
                if packet is not None:
                    packets.append(packet)
        except WireFormatError as fault:
            fault.packets = packets
            self._fault = fault
            raise
        return packets

    def end(self) -> None:
        """The stream is over; raises WireFormatError if that cuts a message."""
        if self._fault is None and (self._buffer or self._pending is not None):
            raise WireFormatError("truncated", "the stream ended inside a message")

    def _take_frame(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < _HEADER.size:
            return None
        length, kind = _HEADER.unpack_from(self._buffer)
        self._check_header(length, kind)
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(memoryview(self._buffer)[_HEADER.size : end])
        del self._buffer[:end]
        return kind, payload

    def _check_header(self, length: int, kind: int) -> None:
        if kind not in (_JSON, _BINARY):
            raise WireFormatError("unknown-kind", f"a frame of kind {kind}")
        if (kind == _BINARY) != (self._pending is not None):
            raise WireFormatError("unexpected-kind", f"a frame of kind {chr(kind)} out of turn")
        if length > (MAX_JSON_BYTES if kind == _JSON else MAX_FRAME_BYTES):
            raise WireFormatError("too-long", f"a frame of {length} bytes")
        if self._pending is not None:
            held = sum(len(frame) for frame in self._pending.frames)
            if held + length > MAX_FRAMES_BYTES:
                raise WireFormatError("too-long", f"frames of {held + length} bytes together")

    def _accept(self, kind: int, payload: bytes) -> Packet | None:
        if kind == _JSON:
            message, expected = read_message(payload)
            _check_frames(message, expected)
            if expected == 0:
                return Packet(message)
            self._pending = _Pending(message, expected)
            return None
        pending = self._pending
        if pending is None:  # unreachable: the header check refused it
            raise WireFormatError("unexpected-kind", "a frame that no message announced")
        pending.frames.append(payload)
        if len(pending.frames) < pending.expected:
            return None
        self._pending = None
        _check_frame_sizes(pending.message, [len(frame) for frame in pending.frames])
        return Packet(pending.message, tuple(pending.frames))


def _check_frames(message: m.Message, count: int) -> None:
    match message:
        case m.BlockDone() | m.Profiled():
            fits = count == 1
        case m.Outputs(shapes=shapes):
            fits = count == len(shapes) <= MAX_FRAMES
        case _:
            fits = count == 0
    if not fits:
        raise WireFormatError("bad-frames", f"{count} frames with {type(message).__name__}")


def _check_frame_sizes(message: m.Message, sizes: list[int]) -> None:
    if any(size > MAX_FRAME_BYTES for size in sizes) or sum(sizes) > MAX_FRAMES_BYTES:
        raise WireFormatError("too-long", f"frames of {sum(sizes)} bytes together")
    if isinstance(message, m.BlockDone):
        wanted = BYTES_PER_SAMPLE * message.count * len(message.columns)
        if sizes != [wanted]:
            raise WireFormatError("bad-frames", f"{sizes[0]} bytes of samples, not {wanted}")
