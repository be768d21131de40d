"""A runner link over a socket, with deadlines and cancellation."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

from harness.clock import CancelToken, Deadline
from harness.errors import DeviceTimeout, RunnerDied

#: A cancellation is noticed within this time; data wakes us at once.
SLICE_S = 0.1


class SocketLink:
    """Implements :class:`harness.device.Link`."""

    def __init__(self, device_id: str, link: socket.socket) -> None:
        link.setblocking(False)
        self._device_id, self._socket = device_id, link

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        """Send all of ``data``; raises RunnerDied when the other side is gone."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                if not self._wait(select.POLLOUT, deadline, cancel):
                    raise DeviceTimeout(
                        self._device_id, f"the runner took no data for {deadline.seconds:g} s"
                    ) from None
            except OSError as error:
                raise RunnerDied(self._device_id) from error

    def receive(self, limit: int, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        """Up to ``limit`` bytes; ``b""`` when closed; None when the deadline passed."""
        while True:
            try:
                return self._socket.recv(limit)
            except BlockingIOError:
                if not self._wait(select.POLLIN, deadline, cancel):
                    return None
            except OSError:
                return b""

    def close(self) -> None:
        """Close this side; the other side sees the end of the stream."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _wait(self, event: int, deadline: Deadline, cancel: CancelToken) -> bool:
        """Wait for the socket; False when the deadline passed first."""
        poller = select.poll()
        poller.register(self._socket, event)
        while True:
            cancel.raise_if_cancelled()
            left_s = deadline.remaining_s
            if poller.poll(min(left_s, SLICE_S) * 1000):
                return True
            if left_s <= 0:
                return False
