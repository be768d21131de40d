"""diagnostics_relay: the IORegistry of battery and processor, and restarting."""

from __future__ import annotations

from typing import Any

from phones.ios.battery import battery_registry
from phones.ios.channel import Channel
from phones.ios.phone import Handler, Phone

_BATTERY_NAMES = frozenset({"IOPMPowerSource", "AppleSmartBattery", "AppleARMPMUCharger"})


def diagnostics_relay(phone: Phone) -> Handler:
    """The service of one phone."""

    async def serve(channel: Channel) -> None:
        while True:
            request = await channel.read_plist()
            command = str(request.get("Request"))
            await phone.asked(f"diagnostics {command}")
            await channel.write_plist(_answer(phone, command, request))
            if command == "Goodbye":
                return
            if command == "Restart":
                phone.reboot()

    return serve


def _answer(phone: Phone, command: str, request: dict[str, Any]) -> dict[str, Any]:
    match command:
        case "IORegistry":
            return _success({"IORegistry": _registry(phone, request)})
        case "GasGauge" | "All":
            return _success({"GasGauge": _gas_gauge(phone)})
        case "MobileGestalt":
            asked = [str(key) for key in request.get("MobileGestaltKeys", [])]
            return _success({"MobileGestalt": _gestalt(phone, asked)})
        case "Goodbye" | "Restart":
            return {"Status": "Success"}
        case _:
            phone.unexpected.append(f"diagnostics {command}")
            return {"Status": "UnknownRequest"}


def _registry(phone: Phone, request: dict[str, Any]) -> dict[str, Any]:
    names = {str(request.get("EntryClass")), str(request.get("EntryName"))}
    return battery_registry(phone) if names & _BATTERY_NAMES else {}


def _gas_gauge(phone: Phone) -> dict[str, Any]:
    entry = battery_registry(phone)
    return {
        "CycleCount": entry.get("CycleCount"),
        "DesignCapacity": entry.get("DesignCapacity"),
        "FullChargeCapacity": entry.get("NominalChargeCapacity"),
        "Status": "Success",
    }


def _gestalt(phone: Phone, keys: list[str]) -> dict[str, Any]:
    if phone.profile.version >= (17, 4):
        return {"Status": "MobileGestaltDeprecated"}
    known = {
        "ProductType": phone.profile.product_type,
        "HWModelStr": phone.profile.hardware_model,
        "MarketingNameString": phone.profile.marketing_name,
        "PhysicalMemory": phone.profile.memory_bytes,
    }
    found: dict[str, Any] = {key: known[key] for key in keys if key in known}
    return found | {"Status": "Success"}


def _success(diagnostics: dict[str, Any]) -> dict[str, Any]:
    return {"Status": "Success", "Diagnostics": diagnostics}
