"""Sending files by adb's sync service, in large pieces.

adbutils sends 4 KiB at a time, without a deadline, and loses the phone's reason when it refuses.
Protocol: ``SEND`` path,mode; ``DATA`` pieces of at most 64 KiB; ``DONE`` with the time of change;
the phone answers ``OKAY``, or ``FAIL`` with its reason, which may come before we are through.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from device_agents.android.adb import Stream
from device_agents.android.parse.text import printable
from harness.clock import CancelToken, Clock, Deadline
from harness.errors import DeviceError, DeviceTimeout

_HEADER = struct.Struct("<4sI")
_PIECE_BYTES = 64 * 1024
_PIECES = 16
#: A phone that takes no data for so long is frozen, however much time is left.
STALL_S = 30.0

#: Told how many bytes of how many are sent.
Progress = Callable[[int, int], None]


def send_file(
    stream: Stream,
    source: Path,
    target: str,
    mode: int,
    clock: Clock,
    deadline: Deadline,
    cancel: CancelToken,
    progress: Progress = lambda _sent, _total: None,
) -> None:
    """Send ``source`` to the path ``target``; raises DeviceError with the phone's reason."""
    name = f"{target},{0o100000 | mode}".encode()
    stream.send(_HEADER.pack(b"SEND", len(name)) + name, deadline, cancel)
    total, sent = source.stat().st_size, 0
    frame = bytearray(_PIECES * (_HEADER.size + _PIECE_BYTES))
    view = memoryview(frame)
    with source.open("rb", buffering=0) as reader:
        while True:
            length, payload = _fill(view, reader.readinto)
            if not length:
                break
            _send(stream, view[:length], clock, deadline, cancel)
            sent += payload
            progress(sent, total)
            if stream.has_data():
                break  # only a refusal comes before the end
    stream.send(_HEADER.pack(b"DONE", int(source.stat().st_mtime)), deadline, cancel)
    _conclude(stream, target, deadline, cancel)


def _fill(view: memoryview, read: Callable[[memoryview], int | None]) -> tuple[int, int]:
    """Fill a frame with pieces; its length, and how much of it is payload."""
    place = payload = 0
    for _ in range(_PIECES):
        begin = place + _HEADER.size
        count = read(view[begin : begin + _PIECE_BYTES]) or 0
        if not count:
            break
        _HEADER.pack_into(view, place, b"DATA", count)
        place, payload = begin + count, payload + count
    return place, payload


def _send(
    stream: Stream, data: memoryview, clock: Clock, deadline: Deadline, cancel: CancelToken
) -> None:
    stall = Deadline(clock, min(STALL_S, deadline.remaining_s))
    try:
        stream.send(data, stall, cancel)
    except DeviceTimeout:
        raise DeviceTimeout(
            stream.device_id, f"it took no data for {stall.seconds:.0f} s while a file was sent"
        ) from None


def _conclude(stream: Stream, target: str, deadline: Deadline, cancel: CancelToken) -> None:
    status, size = _HEADER.unpack(stream.exactly(_HEADER.size, deadline, cancel))
    if status == b"OKAY":
        return
    said = stream.exactly(min(size, 4096), deadline, cancel).decode(errors="replace")
    raise DeviceError(stream.device_id, f"cannot write {target}: {printable(said, 200)}")
