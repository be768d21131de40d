"""Packets over one link: what lies between the runner session and the bytes."""

from __future__ import annotations

from collections.abc import Iterable

from harness.clock import CancelToken, Deadline
from harness.device import Link
from harness.errors import RunnerDied, WireError
from harness.wire.codec import Decoder, Packet, WireFormatError, encode
from harness.wire.messages import Message

_READ_BYTES = 1024 * 1024


class LinkClosed(Exception):
    """The link ended. It never leaves the session, which finds out why."""


class Channel:
    """One link with its decoder."""

    def __init__(self, device_id: str, link: Link) -> None:
        self._device_id, self._link = device_id, link
        self._decoder = Decoder()

    def send(self, messages: Iterable[Message], deadline: Deadline, cancel: CancelToken) -> None:
        """Send messages in one go.

        A link that is gone takes them silently: what still lies in it is to be read first, and
        reading tells its end.
        """
        try:
            data = b"".join(encode(message) for message in messages)
        except WireFormatError as fault:
            raise WireError(self._device_id, f"cannot send that: {fault}") from fault
        try:
            self._link.send(data, deadline, cancel)
        except RunnerDied:
            return

    def packets(self, deadline: Deadline, cancel: CancelToken) -> list[Packet] | None:
        """The next packets, possibly none; None when the deadline passed.

        Raises LinkClosed at the end of the link, WireError for bytes that are no message.
        """
        data = self._link.receive(_READ_BYTES, deadline, cancel)
        if data is None:
            return None
        if not data:
            raise LinkClosed
        try:
            return self._decoder.feed(data)
        except WireFormatError as fault:
            if fault.packets:  # the decoder raises the fault again at the next bytes
                return fault.packets
            raise WireError(self._device_id, f"the runner sent no message: {fault}") from fault

    def close(self) -> None:
        """Close our side."""
        self._link.close()
