"""What keeps a phone that trusts us from being measured, and what a person must do about it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from device_agents.ios.developer import tunnel_of
from device_agents.ios.errors import BY_HAND, DEVELOPER_MODE, IMAGE, TUNNELD, UNLOCK, names_of
from device_agents.ios.facts import AMFI_DOMAIN, image_mounted
from device_agents.ios.parse.values import flag, ios_version, tunnel_kind
from harness.errors import UserError

if TYPE_CHECKING:
    from pymobiledevice3.lockdown import UsbmuxLockdownClient

#: What is shown as the state of a phone, by what a person must do.
STATES = {
    UNLOCK: "locked",
    DEVELOPER_MODE: "Developer Mode off",
    IMAGE: "no developer image",
    TUNNELD: "no tunnel",
}


async def what_is_missing(
    lockdown: UsbmuxLockdownClient, values: Mapping[str, Any]
) -> tuple[str, ...]:
    """What a person must do before the app can be launched, in the order of doing it.

    What nobody can tell is not missing. Without Developer Mode no image can be mounted, so the
    image is only asked for with it.
    """
    missing = []
    if flag(values, "PasswordProtected") is True:
        missing.append(UNLOCK)
    amfi: object = {}
    with suppress(Exception):
        amfi = await lockdown.get_value(AMFI_DOMAIN)
    if isinstance(amfi, dict) and flag(amfi, "DeveloperModeStatus") is False:
        missing.append(DEVELOPER_MODE)
    elif await image_mounted(lockdown) is False:
        missing.append(IMAGE)
    version = ios_version(values)
    if version is not None and tunnel_kind(version) == "privileged":
        missing += await _tunnel(str(lockdown.udid))
    return tuple(missing)


async def _tunnel(udid: str) -> tuple[str, ...]:
    try:
        return (TUNNELD,) if await tunnel_of(udid) is None else ()
    except UserError as error:
        return (str(error),)
    except Exception as error:
        if "TunneldConnectionError" not in names_of(error):
            raise
        return (TUNNELD,)


def state_of(missing: tuple[str, ...]) -> str:
    """One or a few words for the table."""
    return ", ".join(STATES.get(one, "not set up") for one in missing) or "ready"


def advice_on(missing: tuple[str, ...]) -> str:
    """Everything to do, in one line; that the app can be opened by hand is said once."""
    endings = (f", {BY_HAND}", f"; {BY_HAND}")
    parts = [one.removesuffix(endings[0]).removesuffix(endings[1]) for one in missing]
    by_hand = any(one.endswith(BY_HAND) for one in missing)
    return "; ".join([*parts, BY_HAND] if by_hand else parts)
