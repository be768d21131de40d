"""Finds the iPhones behind this host's usbmuxd, those that are not ready included."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device_agents.android.parse.text import printable
from device_agents.ios.capture import capture
from device_agents.ios.device import IosDevice
from device_agents.ios.errors import STALE, TRUST, refuses_our_keys, translated
from device_agents.ios.loop import LOOP
from device_agents.ios.parse.values import SIMULATED, model_name, text
from device_agents.ios.phone import Phone
from device_agents.ios.readiness import advice_on, state_of, what_is_missing
from harness.clock import CancelToken, Clock, Deadline, SystemClock
from harness.device import Sighting
from harness.errors import DeviceError, DeviceUnavailable

if TYPE_CHECKING:
    from pymobiledevice3.lockdown import UsbmuxLockdownClient

_PREFIX = "ios:"
_SOCKET = "/var/run/usbmuxd"
#: A phone that does not say who it is in this time is shown as not answering.
_IDENTIFY_S = 4.0
_WAKE_IT = "unlock it, plug it in again, or restart it"
#: Of that, for what it lacks.
_MISSING_S = 2.0
_EXTRA = "to see iPhones: pip install 'benchfarm[ios]'"


@dataclass(frozen=True, slots=True)
class Seen:
    """One phone and what it says about itself; several connections to it are one."""

    udid: str
    values: dict[str, Any]
    paired: bool = False
    problem: str = ""
    stale: bool = False  #: this host has a pair record that the phone does not know
    missing: tuple[str, ...] = ()  #: what a person must do before the app can be launched


class IosAgent:
    """Implements :class:`harness.device.Agent` for iPhones.

    A phone's id is its UDID, the same over USB and network and after every reconnection. Nothing is
    asked where no usbmuxd is.
    """

    platform = "ios"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def discover(self, deadline: Deadline, cancel: CancelToken) -> Sequence[Sighting]:
        """Every phone with its state, and what to do about it where it is not ready."""
        cancel.raise_if_cancelled()
        if not _has_usbmuxd() or not _has_library():
            return ()
        patience = Deadline(self._clock, min(2 * _IDENTIFY_S, deadline.remaining_s))
        try:
            seen = LOOP.call(_look, "usbmuxd", "list phones", patience, cancel)
        except DeviceError:
            return ()
        return tuple(sorted(map(sighting, seen), key=lambda one: one.device_id))

    def hint(self) -> str | None:
        """That no usbmuxd runs, or that the library is missing where one does."""
        if not _has_usbmuxd():
            return "no usbmuxd on this host; to see iPhones: apt install usbmuxd (docs/ios.md)"
        return None if _has_library() else f"pymobiledevice3 is not installed; {_EXTRA}"

    def open(self, device_id: str) -> IosDevice:
        """Take hold of a phone; raises DeviceUnavailable where that cannot be."""
        if not _has_library():
            raise DeviceUnavailable(device_id, f"pymobiledevice3 is not installed; {_EXTRA}")
        return IosDevice(device_id, device_id.removeprefix(_PREFIX), self._clock)

    def capture(self, device_id: str, deadline: Deadline, cancel: CancelToken) -> dict[str, object]:
        """A phone's answers, scrubbed; see capture.py."""
        phone = Phone(device_id, device_id.removeprefix(_PREFIX), self._clock)
        try:
            return capture(phone, deadline, cancel)
        finally:
            phone.disconnect()


def sighting(seen: Seen) -> Sighting:
    """What is shown of a phone."""
    name = " ".join(
        part
        for part in (model_name(seen.values), _own_name(text(seen.values, "DeviceName")))
        if part
    )
    device_id = f"{_PREFIX}{printable(seen.udid)}"
    if seen.problem:
        state, advice = "silent", f"it does not answer: {seen.problem}"
        return Sighting(device_id, "ios", name or "unknown", False, state, advice)
    if not seen.paired:
        advice = STALE if seen.stale else TRUST
        return Sighting(device_id, "ios", name or "unknown", False, "not trusted", advice)
    return Sighting(
        device_id,
        "ios",
        name or "iPhone",
        state=state_of(seen.missing),
        advice=advice_on(seen.missing),
        simulated=seen.values.get(SIMULATED) is True,
    )


def _own_name(name: str | None) -> str:
    return f"({name})" if name else ""


def _has_library() -> bool:
    return importlib.util.find_spec("pymobiledevice3") is not None


def _has_usbmuxd() -> bool:
    return bool(os.environ.get("USBMUXD_SOCKET_ADDRESS")) or Path(_SOCKET).exists()


async def _look() -> list[Seen]:
    from pymobiledevice3.usbmux import list_devices

    udids = sorted({device.serial for device in await list_devices()})
    return list(await asyncio.gather(*map(_identify, udids)))


async def _asked(udid: str, client: UsbmuxLockdownClient) -> Seen:
    values = dict(client.all_values or {})
    if not client.paired:
        return Seen(udid, values, stale=client.pair_record is not None)
    missing: tuple[str, ...] = ()
    with suppress(Exception):  # a phone that is slow to tell what it lacks is there all the same
        async with asyncio.timeout(_MISSING_S):
            missing = await what_is_missing(client, values)
    return Seen(udid, values, paired=True, missing=missing)


async def _identify(udid: str) -> Seen:
    """Ask a phone who it is; a passcode or a pending Trust dialog keeps it from being ready."""
    from pymobiledevice3.lockdown import create_using_usbmux

    try:
        async with asyncio.timeout(_IDENTIFY_S):
            client = await create_using_usbmux(serial=udid, autopair=False)
            try:
                return await _asked(udid, client)
            finally:
                await client.close()
    except TimeoutError:
        return Seen(udid, {}, problem=f"nothing within {_IDENTIFY_S:g} s; {_WAKE_IT}")
    except Exception as error:  # noqa: BLE001 - one phone's trouble must not hide the others
        if refuses_our_keys(error):
            return Seen(udid, {}, stale=True)
        return Seen(udid, {}, problem=str(translated(error, "", "ask it")).removeprefix(": "))
