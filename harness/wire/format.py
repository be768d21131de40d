"""Limits of the runner wire, and the one exception for whatever breaks its rules."""

from __future__ import annotations

from dataclasses import dataclass

from harness.wire.messages import Message

MAX_JSON_BYTES = 1024 * 1024
MAX_FRAME_BYTES = 64 * 1024 * 1024
MAX_FRAMES = 64
#: All binary frames of one message together.
MAX_FRAMES_BYTES = 256 * 1024 * 1024
#: Objects and arrays inside each other; the message itself is the first.
MAX_DEPTH = 8
#: One string, in UTF-8 bytes.
MAX_STRING_BYTES = 64 * 1024
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

#: Every ``why`` a decoder may give, roughly in the order in which it looks.
REJECT_CODES = (
    "unknown-kind",  # the kind byte is neither J nor B
    "unexpected-kind",  # a binary frame that no message announced, or JSON in its place
    "too-long",  # a frame, or the frames of one message together, beyond the limit
    "bad-utf8",
    "bad-json",  # not one JSON value, or bytes after it
    "too-deep",
    "not-an-object",
    "duplicate-key",
    "not-an-integer",  # a fraction, an exponent, -0, NaN, Infinity
    "out-of-range",  # beyond 64 bits
    "unknown-type",
    "unknown-key",
    "missing-key",
    "wrong-type",
    "bad-text",  # a lone surrogate
    "string-too-long",
    "bad-value",  # a value outside a closed list, or lists that do not match
    "bad-frames",  # number or size of binary frames does not fit the message
    "truncated",  # the stream ended inside a message
)


@dataclass(frozen=True, slots=True)
class Packet:
    """A message with its binary frames."""

    message: Message
    frames: tuple[bytes, ...] = ()


class WireFormatError(Exception):
    """Bytes, or a message, that the wire does not allow.

    ``code`` is one of REJECT_CODES. ``packets`` are those that were complete before the fault. It
    never leaves the wire's users: the host's session makes a WireError of it, a runner an error
    message ``bad-message``.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.packets: list[Packet] = []
        super().__init__(f"{code}: {text}")
