"""TCP segments in IPv6 packets: what a simulated iPhone's tunnel reads and writes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

TCP_HEADER = struct.Struct(">HHIIBBHHH")
IPV6_HEADER = struct.Struct(">IHBB16s16s")
FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16
_TCP = 6
MODULUS = 1 << 32
_DEFAULT_MSS = 1220


@dataclass(frozen=True)
class Segment:
    """One TCP segment that came in."""

    source: bytes
    source_port: int
    port: int
    seq: int
    ack: int
    flags: int
    window: int
    mss: int
    scale: int | None
    data: bytes

    @classmethod
    def parse(cls, packet: bytes) -> Segment | None:
        """The segment of an IPv6 packet; None for any other packet."""
        if len(packet) < IPV6_HEADER.size + TCP_HEADER.size:
            return None
        _, _, kind, _, source, _ = IPV6_HEADER.unpack_from(packet)
        if kind != _TCP:
            return None
        fields = TCP_HEADER.unpack_from(packet, IPV6_HEADER.size)
        source_port, port, seq, ack, offset, flags, window, _, _ = fields
        end = IPV6_HEADER.size + (offset >> 4) * 4
        mss, scale = _options(packet[IPV6_HEADER.size + TCP_HEADER.size : end])
        return cls(source, source_port, port, seq, ack, flags, window, mss, scale, packet[end:])


def build(
    address: bytes,
    to: Segment,
    *,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    options: bytes = b"",
    data: bytes = b"",
) -> bytes:
    """The packet that answers ``to`` from ``address``, which is 16 bytes as in the header."""
    head = TCP_HEADER.pack(
        to.port,
        to.source_port,
        seq % MODULUS,
        ack % MODULUS,
        (TCP_HEADER.size + len(options)) // 4 << 4,
        flags,
        window,
        0,
        0,
    )
    body = head + options + data
    pseudo = address + to.source + struct.pack(">II", len(body), _TCP)
    check = checksum(pseudo + body)
    body = body[:16] + struct.pack(">H", check) + body[18:]
    return IPV6_HEADER.pack(6 << 28, len(body), _TCP, 64, address, to.source) + body


def checksum(data: bytes) -> int:
    """The ones' complement checksum of RFC 1071: the sum of 16-bit words is a remainder."""
    number = int.from_bytes(data + bytes(len(data) % 2))
    rest = number % 0xFFFF
    return 0xFFFF - rest if rest or not number else 0


def _options(data: bytes) -> tuple[int, int | None]:
    """Maximum segment size and window scale of a SYN."""
    mss, scale, at = _DEFAULT_MSS, None, 0
    while at < len(data) and data[at] != 0:
        if data[at] == 1:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2:
            break
        if data[at] == 2 and length == 4:
            mss = int.from_bytes(data[at + 2 : at + 4])
        elif data[at] == 3 and length == 3:
            scale = min(14, data[at + 2])
        at += length
    return mss, scale
