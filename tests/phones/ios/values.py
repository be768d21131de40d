"""What lockdownd tells about a phone, by domain."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from phones.ios.certificates import device_public_key

if TYPE_CHECKING:
    from phones.ios.phone import Phone

#: What a host learns that the phone does not trust.
PUBLIC_KEYS = frozenset(
    {
        *("BenchfarmSimulated", "BuildVersion", "CPUArchitecture", "DeviceClass", "DeviceName"),
        *("DevicePublicKey", "HardwareModel", "PairingOptions", "ProductName", "ProductType"),
        *("ProductVersion", "ProtocolVersion", "UniqueDeviceID", "WiFiAddress"),
        *("PasswordProtected",),
    }
)


def values(phone: Phone, domain: str) -> dict[str, Any]:
    """All values of a domain; empty for one the phone does not have."""
    make = _DOMAINS.get(domain)
    found = make(phone) if make is not None else {}
    if phone.recording is not None:
        found = phone.recording.values_over(domain, found)
    return {key: found[key] for key in found if key not in phone.condition.missing_keys}


def wifi_address(udid: str) -> str:
    """A locally administered address that belongs to this phone alone."""
    digest = hashlib.sha256(udid.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def _root(phone: Phone) -> dict[str, Any]:
    profile = phone.profile
    serial = hashlib.sha256(phone.udid.encode()).hexdigest()[:10].upper()
    return {
        "ActivationState": "Activated",
        "BasebandVersion": "1.00.00",
        "BenchfarmSimulated": True,
        "BoardId": 12,
        "BuildVersion": profile.build,
        "CPUArchitecture": "arm64" if profile.chip_id < 0x8020 else "arm64e",
        "ChipID": profile.chip_id,
        "DeviceClass": "iPhone",
        "DeviceColor": "1",
        "DeviceName": phone.name,
        "DevicePublicKey": device_public_key(),
        "DieID": zlib.crc32(phone.udid.encode()),
        "EthernetAddress": wifi_address("ethernet " + phone.udid),
        "HardwareModel": profile.hardware_model,
        "HardwarePlatform": profile.chip,
        "HasSiDP": True,
        "HostAttached": True,
        "HumanReadableProductVersionString": profile.ios,
        "ModelNumber": "MBENCH",
        "PasswordProtected": phone.condition.passcode_locked,
        "ProductName": "iPhone OS",
        "ProductType": profile.product_type,
        "ProductVersion": profile.ios,
        "ProductionSOC": True,
        "ProtocolVersion": "2",
        "RegionInfo": "LL/A",
        "SerialNumber": serial,
        "TimeIntervalSince1970": phone.now().timestamp(),
        "TimeZone": "Etc/UTC",
        "TrustedHostAttached": True,
        "UniqueChipID": phone.ecid,
        "UniqueDeviceID": phone.udid,
        "WiFiAddress": wifi_address(phone.udid),
    }


def _battery(phone: Phone) -> dict[str, Any]:
    gauge = phone.physics.reading().gauge
    return {
        "BatteryCurrentCapacity": gauge.percent,
        "BatteryIsCharging": gauge.charging,
        "ExternalChargeCapable": gauge.plugged,
        "ExternalConnected": gauge.plugged,
        "FullyCharged": gauge.percent >= 100,
        "GasGaugeCapability": True,
        "HasBattery": True,
    }


def _disk(phone: Phone) -> dict[str, Any]:
    total = phone.profile.storage_bytes
    free = 0 if phone.condition.storage_full else total // 2
    return {
        "AmountDataAvailable": free,
        "AmountDataReserved": 0,
        "TotalDataAvailable": free,
        "TotalDataCapacity": total - 12_000_000_000,
        "TotalDiskCapacity": total,
        "TotalSystemAvailable": 0,
        "TotalSystemCapacity": 12_000_000_000,
    }


def _developer_mode(phone: Phone) -> dict[str, Any]:
    if phone.profile.version < (16,):  # there is no such mode before
        return {}
    return {"DeveloperModeStatus": phone.condition.developer_mode}


_DOMAINS: dict[str, Callable[[Phone], dict[str, Any]]] = {
    "": _root,
    "com.apple.mobile.battery": _battery,
    "com.apple.disk_usage": _disk,
    "com.apple.disk_usage.factory": _disk,
    "com.apple.security.mac.amfi": _developer_mode,
    "com.apple.mobile.wireless_lockdown": lambda _: {
        "EnableWifiConnections": False,
        "EnableWifiDebugging": False,
    },
    "com.apple.international": lambda _: {"Language": "en", "Locale": "en_US"},
    "com.apple.xcode.developerdomain": lambda _: {"DeveloperStatus": "Development"},
}
