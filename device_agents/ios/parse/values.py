"""lockdownd's values as facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from device_agents.android.parse.text import printable
from device_agents.ios.parse.models import MODELS

Value = str | int | float | bool
#: How developer services are reached: by lockdownd before iOS 17, by a tunnel that root opens for
#: 17.0 to 17.3, by a tunnel within this process from 17.4 on.
TunnelKind = Literal["lockdown", "privileged", "userspace"]
TUNNELS: dict[str, TunnelKind] = {kind: kind for kind in get_args(TunnelKind)}
#: A value of lockdownd that only simulated phones have.
SIMULATED = "BenchfarmSimulated"


@dataclass(slots=True)
class Told:
    """Facts by name, and the reasons for those that are missing."""

    values: dict[str, Value] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: Value | None, missing: str) -> None:
        """A fact, or why there is none."""
        if value is None:
            self.unavailable[name] = missing
        else:
            self.values[name] = value


def text(values: Mapping[str, Any], key: str) -> str | None:
    """A value as one printable line; None where it is missing or no text."""
    value = values.get(key)
    return (printable(value) or None) if isinstance(value, str) else None


def whole(values: Mapping[str, Any], key: str) -> int | None:
    """A value as a whole number; None where it is missing or none."""
    value = values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(values: Mapping[str, Any], key: str) -> bool | None:
    """A value as a truth value; None where it is missing or none."""
    value = values.get(key)
    return value if isinstance(value, bool) else None


def ios_version(values: Mapping[str, Any]) -> tuple[int, ...] | None:
    """``ProductVersion`` as numbers; None where it is missing or none."""
    parts = (text(values, "ProductVersion") or "").split(".")
    if not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts):
        return None
    return tuple(int(part) for part in parts)


def tunnel_kind(version: tuple[int, ...]) -> TunnelKind:
    """How developer services of an iOS version are reached."""
    if version < (17,):
        return "lockdown"
    return "privileged" if version < (17, 4) else "userspace"


def model_name(values: Mapping[str, Any]) -> str | None:
    """The model as it is sold, or its product type where the table lacks it."""
    product = text(values, "ProductType")
    model = MODELS.get(product or "")
    return model.name if model else product


def device_facts(values: Mapping[str, Any], amfi: Mapping[str, Any]) -> Told:
    """What lockdownd tells; ``amfi`` is the domain ``com.apple.security.mac.amfi``."""
    told = Told({"platform": "ios", "simulated": values.get(SIMULATED) is True})
    product = text(values, "ProductType")
    model = MODELS.get(product or "")
    unknown = f"{product or 'a phone without ProductType'} is not in benchfarm's table"
    told.put("model", model_name(values), "no ProductType")
    told.put("product_type", product, "no ProductType")
    told.put("soc", model.chip if model else text(values, "HardwarePlatform"), unknown)
    told.put("ram_bytes", model.ram_gib << 30 if model else None, unknown)
    told.put("os", text(values, "ProductVersion"), "no ProductVersion")
    told.put("os_build", text(values, "BuildVersion"), "no BuildVersion")
    told.put("abi", text(values, "CPUArchitecture"), "no CPUArchitecture")
    told.put("hardware_model", text(values, "HardwareModel"), "no HardwareModel")
    version = ios_version(values)
    told.put("developer_services", tunnel_kind(version) if version else None, "no ProductVersion")
    mode = flag(amfi, "DeveloperModeStatus")
    if mode is None and version is not None and version < (16,):
        told.unavailable["developer_mode"] = "iOS has no Developer Mode before 16"
    else:
        told.put("developer_mode", mode, "no DeveloperModeStatus")
    told.unavailable["low_power_mode"] = "only an app can tell; see the runner's own facts"
    told.unavailable["governor"] = "iOS shows no frequencies"
    return told
