"""Recording a phone's answers to everything we ask, as a profile for a simulated phone.

What names a person, a place or one unit is replaced, by the name of its key and by its shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from device_agents.ios.facts import AMFI_DOMAIN, BATTERY_DOMAIN, DISK_DOMAIN
from device_agents.ios.phone import Connections, Phone
from harness.clock import CancelToken, Deadline

VERSION = 1
DOMAINS = ("", AMFI_DOMAIN, BATTERY_DOMAIN, DISK_DOMAIN)
#: Keys whose values name one unit, a person, a network or a place.
_PRIVATE = re.compile(
    r"serial|uniquedevice|uniquechip|imei|meid|iccid|imsi|subscriber|phonenumber|address|"
    r"devicename|dieid|ecid|mlb|certid|baseband.*(key|cert|serial|chip|ticket)|pubkey|publickey|"
    r"hostid|timezone|regioninfo|carrier|icloud|account|wifi|bluetooth|ethernet|identi(ty|fier)|"
    r"uuid|nonce|boardserial|mobilesubscriber|escrow",
    re.IGNORECASE,
)
_SHAPES = (
    re.compile(r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b"),  # MAC addresses
    re.compile(r"\b[\w.+-]+@[\w-]+\.[a-z]{2,}\b"),  # mail addresses
    re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{16}\b|\b[0-9a-fA-F]{40}\b"),  # UDIDs
    re.compile(r"\b[0-9]{14,16}\b"),  # IMEI, IMSI
)


def capture(phone: Phone, deadline: Deadline, cancel: CancelToken) -> dict[str, object]:
    """Ask everything once; see DOMAINS."""

    async def ask(connections: Connections) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        values = {name: await connections.values(name or None) for name in DOMAINS}
        return values, await connections.battery()

    values, battery = phone.call("record the phone's answers", ask, deadline, cancel)
    return {
        "version": VERSION,
        "platform": "ios",
        "values": scrubbed(values),
        "battery": scrubbed(battery),
    }


def scrubbed(value: Any, key: str = "") -> Any:
    """``value`` for JSON, with private parts replaced; bytes become ``{"$hex": ...}``."""
    if isinstance(value, Mapping):
        return {str(name): scrubbed(one, str(name)) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(one, key) for one in value]
    private = bool(key and _PRIVATE.search(key))
    if isinstance(value, bytes):
        return {"$hex": "00" * len(value) if private else value.hex()}
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return 0 if private else value
    return "X" * len(str(value)) if private else _without_shapes(str(value))


def _without_shapes(value: str) -> str:
    for shape in _SHAPES:
        value = shape.sub(lambda match: "X" * len(match[0]), value)
    return value
