"""How native libraries want to be mapped."""

from __future__ import annotations

import struct

_PT_LOAD = 1
_ELF_MAGIC = b"\x7fELF"
_MACHINE = struct.Struct("<H")
_MACHINE_AT = 18
_HEXAGON = 164
#: For 32 and 64 bit: place of (program header offset), (size, number), and of the alignment.
_LAYOUTS = {
    1: (struct.Struct("<I"), 28, 42, struct.Struct("<I"), 28),
    2: (struct.Struct("<Q"), 32, 54, struct.Struct("<Q"), 48),
}


class NotElf(ValueError):
    """The bytes are no little-endian ELF file."""


def is_hexagon(content: bytes) -> bool:
    """Whether this is code for Qualcomm's signal processor, which the phone's CPU never maps."""
    if content[:4] != _ELF_MAGIC or len(content) < _MACHINE_AT + _MACHINE.size:
        return False
    (machine,) = _MACHINE.unpack_from(content, _MACHINE_AT)
    return bool(machine == _HEXAGON)


def load_alignment(content: bytes) -> int:
    """The smallest alignment among the segments that are mapped; raises NotElf."""
    try:
        if content[:4] != _ELF_MAGIC or content[5] != 1:
            raise NotElf("not a little-endian ELF file")
        offset, offset_place, counts_place, alignment, alignment_place = _LAYOUTS[content[4]]
        (table,) = offset.unpack_from(content, offset_place)
        size, count = struct.unpack_from("<HH", content, counts_place)
        headers = [table + index * size for index in range(count)]
        found = [
            alignment.unpack_from(content, header + alignment_place)[0]
            for header in headers
            if struct.unpack_from("<I", content, header)[0] == _PT_LOAD
        ]
    except (struct.error, KeyError, IndexError) as error:
        raise NotElf("a damaged ELF file") from error
    if not found:
        raise NotElf("an ELF file without segments to load")
    return int(min(found))
