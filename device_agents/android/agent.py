"""Finds the phones behind this host's adb server, those that are not ready included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from device_agents.android.adb import ADVICE, AdbServer, start_command
from device_agents.android.capture import capture
from device_agents.android.device import AndroidDevice
from device_agents.android.facts import sections
from device_agents.android.parse.answers import Transport
from device_agents.android.parse.text import printable
from device_agents.android.phone import Phone
from device_agents.android.undo import undo_folder
from harness.clock import CancelToken, Clock, Deadline, SystemClock
from harness.device import Sighting
from harness.errors import DeviceError, DeviceTimeout, DeviceUnavailable

_PREFIX = "android:"
#: A phone that does not say who it is in this time is shown as not answering.
_IDENTIFY_S = 4.0
_WAKE_IT = "unlock it, plug it in again, or restart it"
_AT_ONCE = 16
_WHO = """
echo @@serial; getprop ro.serialno
echo @@maker; getprop ro.product.manufacturer
echo @@model; getprop ro.product.model
echo @@simulated; getprop ro.benchfarm.simulated
echo @@boot; read b </proc/sys/kernel/random/boot_id && echo $b
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One connection and what the phone at its end says about itself."""

    transport: Transport
    serial: str
    name: str = ""
    boot_id: str = ""
    problem: str = ""
    simulated: bool = False


#: Who is at the end of a connection does not change while it has its number.
_IDENTIFIED: dict[tuple[int, str, int | None], Seen] = {}


class AndroidAgent:
    """Implements :class:`harness.device.Agent` for Android phones.

    A phone's id is its own serial number, which survives reconnections and is the same over USB
    and network. The adb server is never started from here: where none runs, nobody uses phones.
    """

    platform = "android"

    def __init__(
        self,
        server: AdbServer | None = None,
        clock: Clock | None = None,
        undo: Path | None = None,
    ) -> None:
        self._server, self._clock = server or AdbServer(), clock or SystemClock()
        self._undo_folder = undo or undo_folder()
        self._known: dict[str, str] = {}

    def discover(self, deadline: Deadline, cancel: CancelToken) -> Sequence[Sighting]:
        """Every phone with its state, and what to do about it where it is not ready."""
        cancel.raise_if_cancelled()
        if not self._server.is_running():
            return ()
        return sightings(self._look(deadline, cancel), self._known)

    def hint(self) -> str | None:
        """That no adb server runs."""
        if self._server.is_running():
            return None
        return f"no adb server on port {self._server.port}; to see phones: {start_command()}"

    def open(self, device_id: str) -> AndroidDevice:
        """Take hold of a phone; raises DeviceUnavailable where it is not attached."""
        address = self._address(device_id)

        def locate(deadline: Deadline, cancel: CancelToken) -> str | None:
            now: dict[str, str] = {}
            sightings(self._look(deadline, cancel), now)
            return now.get(device_id)

        return AndroidDevice(
            self._server, device_id, address, self._clock, self._undo_folder, locate
        )

    def capture(self, device_id: str, deadline: Deadline, cancel: CancelToken) -> dict[str, object]:
        """A phone's answers, scrubbed; see capture.py."""
        phone = Phone(self._server, device_id, self._address(device_id), self._clock)
        try:
            return capture(phone, deadline, cancel)
        finally:
            phone.disconnect()

    def _address(self, device_id: str) -> str:
        """What the server calls a phone."""
        if device_id not in self._known:
            deadline, cancel = Deadline(self._clock, 2 * _IDENTIFY_S), CancelToken()
            if not self._server.is_running():
                raise DeviceUnavailable(
                    device_id, f"no adb server runs on this host; start one: {start_command()}"
                )
            self._known.clear()
            sightings(self._look(deadline, cancel), self._known)
        address = self._known.get(device_id)
        if address is None:
            raise DeviceUnavailable(
                device_id, "it is not at hand or not ready; see `benchfarm devices`"
            )
        return address

    def _look(self, deadline: Deadline, cancel: CancelToken) -> list[Seen]:
        transports = self._server.transports(deadline, cancel)
        patience = Deadline(self._clock, min(_IDENTIFY_S, deadline.remaining_s))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda one: self._identify(one, patience, cancel), transports))

    def _identify(self, transport: Transport, deadline: Deadline, cancel: CancelToken) -> Seen:
        if transport.state != "device":
            return Seen(transport, transport.serial)
        key = (self._server.port, transport.serial, transport.transport_id)
        if transport.transport_id is not None and key in _IDENTIFIED:
            return _IDENTIFIED[key]
        seen = self._ask(transport, deadline, cancel)
        if not seen.problem:
            _IDENTIFIED[key] = seen
        return seen

    def _ask(self, transport: Transport, deadline: Deadline, cancel: CancelToken) -> Seen:
        phone = Phone(self._server, f"{_PREFIX}{transport.serial}", transport.serial, self._clock)
        phone.use(transport)
        try:
            said = sections(phone.run_apart(_WHO, deadline, cancel, check=False).text)
        except DeviceError as error:
            why = str(error).partition(": ")[2]
            if isinstance(error, DeviceTimeout):
                why += f"; {_WAKE_IT}"
            return Seen(transport, transport.serial, problem=f"it does not answer: {why}")
        finally:
            phone.disconnect()
        serial, maker, model, boot_id = (
            printable(said.get(name, "")) for name in ("serial", "maker", "model", "boot")
        )
        if not serial:
            return Seen(transport, transport.serial, problem="it does not tell its serial number")
        name = model if model.lower().startswith(maker.lower()) else f"{maker} {model}"
        simulated = said.get("simulated", "").strip() == "1"
        return Seen(transport, serial, name.strip(), boot_id, simulated=simulated)


def sightings(seen: Sequence[Seen], addresses: dict[str, str]) -> tuple[Sighting, ...]:
    """What is shown; ``addresses`` learns how to reach the phones that are ready.

    One phone may be attached twice (USB and network: one boot), and two phones may carry the same
    factory serial, of which neither can be addressed.
    """
    ready = [one for one in seen if one.transport.state == "device" and not one.problem]
    once: dict[tuple[str, str], Seen] = {}
    for one in sorted(ready, key=lambda item: ":" in item.transport.serial):
        once.setdefault((one.serial, one.boot_id), one)
    count = Counter(serial for serial, _ in once)
    shown = [_ready(one, count[one.serial], addresses) for one in once.values()]
    names = {sighting.device_id for sighting in shown}
    for one in seen:
        sighting = _not_ready(one)
        if sighting is not None and sighting.device_id not in names:
            shown.append(sighting)
    return tuple(sorted(shown, key=lambda item: item.device_id))


def _ready(one: Seen, same: int, addresses: dict[str, str]) -> Sighting:
    device_id = f"{_PREFIX}{one.serial}"
    if same > 1:
        place = one.transport.tags.get("usb") or one.transport.serial
        return Sighting(
            f"{device_id}@{place}",
            "android",
            one.name,
            ready=False,
            state="duplicate serial",
            advice=f"{same} phones have the serial {one.serial}; attach one of them at a time",
        )
    addresses[device_id] = one.transport.serial
    return Sighting(device_id, "android", one.name, simulated=one.simulated)


def _not_ready(one: Seen) -> Sighting | None:
    state = one.transport.state
    if state == "device" and not one.problem:
        return None
    name = printable(one.transport.tags.get("model", "")).replace("_", " ")
    return Sighting(
        f"{_PREFIX}{printable(one.transport.serial)}",
        "android",
        name or "unknown",
        ready=False,
        state="silent" if one.problem else state,
        advice=one.problem or ADVICE.get(state, "restart the phone"),
    )
