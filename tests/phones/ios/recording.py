"""What a real iPhone answered, replayed by a simulated one.

A recording is the JSON file of ``benchfarm devices capture``::

    {"platform": "ios",
     "values": {"": {"ProductType": ...}, "com.apple.mobile.battery": {...}},
     "battery": {"Temperature": 2540, ...}}

``values`` are lockdownd's by domain, ``battery`` is the IORegistry entry. Bytes are written as
``{"$hex": "00ff"}``. What makes one phone this phone is always the simulated one's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phones.ios.profiles import PROFILES, Profile

#: Values that a recording lacks, or that no two phones may share.
_OWN = frozenset(
    {
        *("BenchfarmSimulated", "DeviceName", "DevicePublicKey", "DieID", "EthernetAddress"),
        *("PasswordProtected", "SerialNumber", "TimeIntervalSince1970", "UniqueChipID"),
        *("UniqueDeviceID", "WiFiAddress"),
    }
)


@dataclass(frozen=True)
class Recording:
    """The answers of one real phone, and the profile of the simulated one that gives them."""

    profile: Profile
    values: dict[str, dict[str, Any]]
    battery: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read a file; raises ValueError for any other JSON."""
        found = _with_bytes(json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(found, dict) or found.get("platform") != "ios":
            raise ValueError(f"{path.name} is no recording of an iPhone")
        values, battery = found.get("values") or {}, found.get("battery") or {}
        return cls(_profile(path.stem, values.get("", {}), battery), values, battery)

    def values_over(self, domain: str, simulated: dict[str, Any]) -> dict[str, Any]:
        """The recorded values of a domain, with what is the simulated phone's own."""
        if domain not in self.values:
            return simulated
        own = {key: value for key, value in simulated.items() if key in _OWN}
        return self.values[domain] | own


def _profile(name: str, root: dict[str, Any], battery: dict[str, Any]) -> Profile:
    """The profile nearest in version, with what the recording says."""
    ios = str(root.get("ProductVersion", "18.0"))
    version = tuple(int(part) for part in ios.split("."))
    older = [profile for profile in PROFILES.values() if profile.version <= version]
    nearest = max(older or PROFILES.values(), key=lambda profile: profile.version)
    return replace(
        nearest,
        name=name,
        product_type=str(root.get("ProductType", nearest.product_type)),
        hardware_model=str(root.get("HardwareModel", nearest.hardware_model)),
        chip_id=int(root.get("ChipID", nearest.chip_id)),
        ios=ios,
        build=str(root.get("BuildVersion", nearest.build)),
        design_capacity_mah=int(battery.get("DesignCapacity", nearest.design_capacity_mah)),
    )


def _with_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_bytes(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$hex"}:
        return bytes.fromhex(value["$hex"])
    return {key: _with_bytes(item) for key, item in value.items()}
