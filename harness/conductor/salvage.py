"""What a runner that is gone had finished, from the files it left on its device."""

from __future__ import annotations

from harness.clock import CancelToken, Clock, Deadline
from harness.device import LeavesResults, Runner
from harness.errors import DeviceError
from harness.wire.codec import Decoder, Packet, WireFormatError
from harness.wire.messages import Ready

#: A program of days leaves a file for every second.
_READ_S = 1800.0


def salvage(
    runner: Runner, session: str, clock: Clock, cancel: CancelToken
) -> tuple[Ready, list[Packet]] | None:
    """The ``ready`` of the session and its counted messages that wait in files, in order.

    None where the runner leaves no files, or they cannot be reached, or belong to another session.
    A last message that was not written whole is left out.
    """
    if not isinstance(runner, LeavesResults):
        return None
    try:
        data = runner.left_results(Deadline(clock, _READ_S), cancel)
    except DeviceError:
        return None
    packets = _whole(data)
    ready = packets[0].message if packets else None
    if not isinstance(ready, Ready) or ready.session != session:
        return None
    return ready, packets[1:]


def _whole(data: bytes) -> list[Packet]:
    """The messages up to the first that is none."""
    try:
        return Decoder().feed(data)
    except WireFormatError as fault:
        return fault.packets
