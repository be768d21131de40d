"""The adb server of this host: the phones it knows, and byte streams to services on them.

We speak to the server ourselves: adbutils takes a dropped link for the end of an output, knows no
deadline for a whole call, starts a server unasked, and needs three connections where one will do.
What it is good for here is the adb program that it brings.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
from contextlib import suppress

from device_agents.android.parse.answers import Transport, read_devices
from device_agents.android.parse.text import printable
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError, DeviceTimeout, DeviceUnavailable

#: A cancellation is noticed within this time; data wakes us at once.
SLICE_S = 0.1
_DEFAULT_PORT = 5037
_CONNECT_S = 3.0
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
#: What the server says, and what to do about it.
ADVICE = {
    "unauthorized": "unlock the phone and allow USB debugging for this computer",
    "authorizing": "unlock the phone and allow USB debugging for this computer",
    "offline": "plug the phone in again, or restart its USB debugging",
    "connecting": "wait a moment, then look again",
    "no permissions": "this user may not open the USB device; add a udev rule (docs/android.md)",
    "recovery": "the phone is in recovery mode; restart it: adb reboot",
    "rescue": "the phone is in rescue mode; restart it: adb reboot",
    "sideload": "the phone waits for an update; restart it",
    "bootloader": "the phone is in its bootloader; restart it: fastboot reboot",
    "fastboot": "the phone is in its bootloader; restart it: fastboot reboot",
    "detached": "another adb server of this host holds the phone; stop that one",
}
_GONE = "it is not attached to this host's adb server; plug it in and look at `adb devices`"


class Stream:
    """A connection to the adb server, in the end to one service of a phone.

    Every call raises DeviceTimeout when the deadline passes, Cancelled, and DeviceUnavailable when
    the link drops.
    """

    def __init__(self, device_id: str, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.device_id, self.socket = device_id, connection

    def send(self, data: bytes | memoryview, deadline: Deadline, cancel: CancelToken) -> None:
        """Send all of ``data``."""
        left = memoryview(data)
        while left:
            try:
                left = left[self.socket.send(left) :]
            except BlockingIOError:
                self.wait(select.POLLOUT, deadline, cancel)
            except OSError as error:
                raise self.dropped() from error

    def receive(self, limit: int, deadline: Deadline, cancel: CancelToken) -> bytes:
        """Up to ``limit`` bytes; empty when the other side has closed."""
        while True:
            try:
                data = self.socket.recv(limit)
            except BlockingIOError:
                self.wait(select.POLLIN, deadline, cancel)
            except OSError:
                return b""
            else:
                self._acknowledge()
                return data

    def exactly(self, count: int, deadline: Deadline, cancel: CancelToken) -> bytes:
        """``count`` bytes."""
        data = b""
        while len(data) < count:
            more = self.receive(count - len(data), deadline, cancel)
            if not more:
                raise self.dropped()
            data += more
        return data

    def has_data(self) -> bool:
        """Whether something can be received now."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def wait(self, event: int, deadline: Deadline, cancel: CancelToken) -> None:
        """Wait for the socket."""
        poller = select.poll()
        poller.register(self.socket, event)
        while not poller.poll(min(deadline.remaining_s, SLICE_S) * 1000):
            cancel.raise_if_cancelled()
            if deadline.expired:
                raise DeviceTimeout(self.device_id, f"no answer within {deadline.seconds:g} s")

    def close(self) -> None:
        """Hang up; adb ends what still runs for this stream."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def ask(self, request: str, deadline: Deadline, cancel: CancelToken) -> None:
        """Say a request of the server's protocol; raises what its refusal means."""
        data = request.encode()
        self.send(f"{len(data):04x}".encode() + data, deadline, cancel)
        status = self.exactly(4, deadline, cancel)
        if status == b"OKAY":
            return
        text = self.block(deadline, cancel) if status == b"FAIL" else repr(status)
        raise refusal(self.device_id, text)

    def block(self, deadline: Deadline, cancel: CancelToken) -> str:
        """A text with its length before it."""
        length = self.exactly(4, deadline, cancel)
        try:
            size = int(length, 16)
        except ValueError:
            raise self.dropped() from None
        return self.exactly(size, deadline, cancel).decode(errors="replace")

    def _acknowledge(self) -> None:
        """Have what came acknowledged at once.

        The server sends small pieces, each of which waits for that; put off, it costs 40 ms each.
        """
        if _QUICK_ACK is not None:
            with suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def dropped(self) -> DeviceUnavailable:
        """The error for a link that is gone."""
        return DeviceUnavailable(self.device_id, "the link to the phone dropped; check the cable")


class NotReached(DeviceUnavailable):
    """The server has no working connection to the phone just now."""


def refusal(device_id: str, text: str) -> DeviceError:
    """The error that the server's words stand for."""
    said = printable(text, 200)
    for state, advice in ADVICE.items():
        if state in said:
            return NotReached(device_id, f"{state}: {advice}")
    if "not found" in said or "no devices" in said:
        return NotReached(device_id, _GONE)
    return DeviceUnavailable(device_id, f"adb says {said!r}")


class AdbServer:
    """The server at ``ANDROID_ADB_SERVER_PORT`` (5037); it is never started by us."""

    def __init__(self, port: int | None = None) -> None:
        self._host = os.environ.get("ANDROID_ADB_SERVER_ADDRESS", "127.0.0.1")
        self.port = port or int(os.environ.get("ANDROID_ADB_SERVER_PORT") or _DEFAULT_PORT)

    def is_running(self) -> bool:
        """Whether something listens on the server's port."""
        try:
            socket.create_connection((self._host, self.port), timeout=_CONNECT_S).close()
        except OSError:
            return False
        return True

    def transports(
        self, deadline: Deadline, cancel: CancelToken, device_id: str = "adb server"
    ) -> tuple[Transport, ...]:
        """Every phone the server knows, in whatever state; errors name ``device_id``."""
        stream = self._connect(device_id)
        try:
            stream.ask("host:devices-l", deadline, cancel)
            return read_devices(stream.block(deadline, cancel))
        finally:
            stream.close()

    def attach(self, address: str, deadline: Deadline, cancel: CancelToken) -> None:
        """``adb connect``: phones over a network do not always come back by themselves."""
        stream = self._connect(address)
        try:
            stream.ask(f"host:connect:{address}", deadline, cancel)
            stream.block(deadline, cancel)
        finally:
            stream.close()

    def changes(self, deadline: Deadline, cancel: CancelToken) -> Stream:
        """A stream that brings a text whenever a phone comes, goes or changes its state."""
        stream = self._connect("adb server")
        stream.ask("host:track-devices", deadline, cancel)
        return stream

    def open(
        self,
        device_id: str,
        transport: Transport,
        service: str,
        deadline: Deadline,
        cancel: CancelToken,
    ) -> Stream:
        """A stream to a service of one phone: ``shell,v2,raw:ls``, ``sync:``..."""
        stream = self._connect(device_id)
        try:
            number = transport.transport_id
            where = f"transport-id:{number}" if number else f"transport:{transport.serial}"
            stream.ask(f"host:{where}", deadline, cancel)
            stream.ask(service, deadline, cancel)
        except BaseException:
            stream.close()
            raise
        return stream

    def _connect(self, device_id: str) -> Stream:
        try:
            connection = socket.create_connection((self._host, self.port), timeout=_CONNECT_S)
        except OSError as error:
            raise DeviceUnavailable(
                device_id, f"no adb server on port {self.port}; start one: {start_command()}"
            ) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Stream(device_id, connection)


def start_command() -> str:
    """What starts an adb server: the one of this host, or the one that adbutils brings."""
    if shutil.which("adb") is not None:
        return "adb start-server"
    try:
        from adbutils import adb_path
        from adbutils.errors import AdbError
    except ImportError:
        return "pip install 'benchfarm[android]', which brings adb"
    try:
        return f"{adb_path()} start-server"
    except AdbError:
        return "install adb (Android's platform-tools)"
