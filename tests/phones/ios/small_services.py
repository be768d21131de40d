"""Services of a few lines each: system log, crash mover, notifications, heartbeat, AMFI, images."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from phones.ios.channel import Channel, LinkLost
from phones.ios.phone import Handler, Phone

_LOG_POLL_S = 0.05
_HEARTBEAT_S = 10
_RESTART_S = 0.2


def syslog_relay(phone: Phone) -> Handler:
    """Lines of the system log from now on, each ended by a newline and a zero byte."""

    async def serve(channel: Channel) -> None:
        await phone.asked("syslog_relay")
        told = max(0, len(phone.syslog) - 20)
        end = asyncio.ensure_future(_end_of(channel))
        try:
            while not end.done():
                for line in phone.syslog[told:]:
                    await channel.write(line.encode() + b"\n\0")
                told = len(phone.syslog)
                await asyncio.wait([end], timeout=_LOG_POLL_S)
        finally:
            end.cancel()

    return serve


def crash_mover(phone: Phone) -> Handler:
    """Says that reports are where AFC finds them."""

    async def serve(channel: Channel) -> None:
        await phone.asked("crashreportmover")
        await channel.write(b"ping\0")
        await _end_of(channel)

    return serve


def notification_proxy(phone: Phone) -> Handler:
    """Takes subscriptions; nothing is ever posted but what a client posts itself."""

    async def serve(channel: Channel) -> None:
        observed: set[str] = set()
        while True:
            request = await channel.read_plist()
            command, name = str(request.get("Command")), str(request.get("Name"))
            await phone.asked(f"notification_proxy {command}")
            match command:
                case "ObserveNotification":
                    observed.add(name)
                case "PostNotification" if name in observed:
                    await channel.write_plist({"Command": "RelayNotification", "Name": name})
                case "Shutdown":
                    return await channel.write_plist({"Command": "ProxyDeath"})

    return serve


def heartbeat(phone: Phone) -> Handler:
    """Asks the client every ten seconds whether it is there."""

    async def serve(channel: Channel) -> None:
        while True:
            await channel.write_plist(
                {"Command": "Marco", "Interval": _HEARTBEAT_S, "SupportsSleepyTime": True}
            )
            async with asyncio.timeout(2 * _HEARTBEAT_S):
                await channel.read_plist()
            await asyncio.sleep(_HEARTBEAT_S)

    return serve


def amfi(phone: Phone) -> Handler:
    """Developer Mode: 0 shows the switch, 1 restarts (not with a passcode), 2 turns it on."""

    async def serve(channel: Channel) -> None:
        request = await channel.read_plist()
        action = request.get("action")
        await phone.asked(f"amfi {action}")
        if action == 1 and phone.condition.passcode_locked:
            await channel.write_plist({"Error": "Device has a passcode set"})
            return
        if action == 1:  # takes effect after a restart, when somebody confirms it
            phone.later(_RESTART_S, phone.reboot)
        if action == 2:
            phone.condition.developer_mode = True
        await channel.write_plist({"success": True})

    return serve


def image_mounter(phone: Phone) -> Handler:
    """mobile_image_mounter: which developer image is there, and mounting one."""

    async def serve(channel: Channel) -> None:
        while True:
            request = await channel.read_plist()
            command = str(request.get("Command"))
            await phone.asked(f"image_mounter {command}")
            if command == "ReceiveBytes":
                await channel.write_plist({"Status": "ReceiveBytesAck"})
                await channel.read_exactly(int(request["ImageSize"]))
                await channel.write_plist({"Status": "Complete"})
            else:
                await channel.write_plist(_image_answer(phone, command))
            if command == "Hangup":
                return

    return serve


def _image_answer(phone: Phone, command: str) -> dict[str, Any]:
    answer = _IMAGE_ANSWERS.get(command)
    if answer is None:
        phone.unexpected.append(f"image_mounter {command}")
        return {"Error": "UnknownCommand"}
    found = answer(phone)
    return found if "Error" in found else {"Status": "Complete"} | found


def _images(phone: Phone) -> list[dict[str, Any]]:
    return phone.images if phone.condition.image_mounted else []


def _look_up_image(phone: Phone) -> dict[str, Any]:
    signatures = [image["ImageSignature"] for image in _images(phone)]
    found: dict[str, Any] = {"ImageSignature": signatures} if signatures else {}
    return found | {"ImagePresent": bool(signatures)}


def _identifiers(phone: Phone) -> dict[str, Any]:
    identifiers = {"BoardId": 12, "ChipID": phone.profile.chip_id, "SecurityDomain": 1}
    return {"PersonalizationIdentifiers": identifiers}


def _mount_image(phone: Phone) -> dict[str, Any]:
    condition = phone.condition
    if condition.passcode_locked:
        return {"Error": "DeviceLocked", "DetailedError": "The device is locked."}
    if not condition.developer_mode:
        return {"Error": "InternalError", "DetailedError": "Developer mode is not enabled"}
    condition.image_mounted = True
    return {}


def _unmount_image(phone: Phone) -> dict[str, Any]:
    phone.condition.image_mounted = False
    return {}


_IMAGE_ANSWERS: dict[str, Callable[[Phone], dict[str, Any]]] = {
    "CopyDevices": lambda phone: {"EntryList": _images(phone)},
    "LookupImage": _look_up_image,
    "QueryDeveloperModeStatus": lambda phone: {
        "DeveloperModeStatus": phone.condition.developer_mode
    },
    "QueryNonce": lambda _: {"PersonalizationNonce": bytes(32)},
    "QueryPersonalizationIdentifiers": _identifiers,
    "QueryPersonalizationManifest": lambda _: {"ImageSignature": bytes(64)},
    "MountImage": _mount_image,
    "UnmountImage": _unmount_image,
    "Hangup": lambda _: {"Goodbye": True},
}


async def _end_of(channel: Channel) -> None:
    with suppress(LinkLost, ConnectionError):
        while True:
            await channel.read()
