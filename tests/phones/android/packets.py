"""The bytes of adb's transport and of shell protocol v2: pure encoding and decoding.

Facts from AOSP's ``protocol.txt``, ``SYNC.TXT`` and ``shell_protocol.h`` as tried against adb 29
and 36. Since version 0x01000001 neither side looks at the checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

VERSION = 0x01000001
MAX_DATA = 1 << 20

HEADER = struct.Struct("<6I")
_MASK = 0xFFFFFFFF


def _word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


class Command(IntEnum):
    """What a packet is."""

    CNXN = _word("CNXN")
    AUTH = _word("AUTH")
    OPEN = _word("OPEN")
    OKAY = _word("OKAY")
    CLSE = _word("CLSE")
    WRTE = _word("WRTE")
    STLS = _word("STLS")


class BadPacket(ValueError):
    """Bytes that are no packet."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; the meaning of the two arguments depends on the command."""

    command: Command
    arg0: int = 0
    arg1: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        """Header and payload."""
        header = HEADER.pack(
            self.command, self.arg0, self.arg1, len(self.data), 0, self.command ^ _MASK
        )
        return header + self.data


def read_header(header: bytes) -> tuple[Command, int, int, int]:
    """Command, both arguments and the payload's length; raises BadPacket."""
    word, arg0, arg1, length, _, magic = HEADER.unpack(header)
    if magic != word ^ _MASK:
        raise BadPacket(f"magic {magic:#x} does not fit command {word:#x}")
    try:
        command = Command(word)
    except ValueError:
        raise BadPacket(f"unknown command {word:#x}") from None
    if length > MAX_DATA:
        raise BadPacket(f"a payload of {length} bytes")
    return command, arg0, arg1, length


def banner(state: str, properties: dict[str, str], features: tuple[str, ...]) -> bytes:
    """What CNXN says of the phone: ``device::ro.product.name=...;features=a,b``."""
    told = "".join(f"{name}={value};" for name, value in properties.items())
    return f"{state}::{told}features={','.join(features)}".encode()


class Shell(IntEnum):
    """Kinds of packet inside a shell v2 stream."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    EXIT = 3
    CLOSE_STDIN = 4
    WINDOW_SIZE = 5


_SHELL_HEADER = struct.Struct("<BI")


def shell_packet(kind: Shell, data: bytes) -> bytes:
    """One packet of shell protocol v2."""
    return _SHELL_HEADER.pack(kind, len(data)) + data


class ShellDecoder:
    """Shell packets out of a stream cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Shell, bytes]]:
        """The packets that are complete now; raises BadPacket for an unknown kind."""
        self._buffer += data
        while len(self._buffer) >= _SHELL_HEADER.size:
            kind, length = _SHELL_HEADER.unpack_from(self._buffer)
            end = _SHELL_HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_SHELL_HEADER.size : end])
            del self._buffer[:end]
            try:
                yield Shell(kind), payload
            except ValueError:
                raise BadPacket(f"unknown shell packet {kind}") from None
