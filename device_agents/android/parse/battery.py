"""``dumpsys battery``: the framework's view of the battery.

Makers put blocks of their own before and after Android's; only Android's is read, and of each key
only its first line.
"""

from __future__ import annotations

from dataclasses import dataclass

from device_agents.android.parse.text import Found, integer, printable

_HEADER = "Current Battery Service state:"
#: BatteryManager.BATTERY_STATUS_*.
STATUS = {1: "unknown", 2: "charging", 3: "discharging", 4: "not charging", 5: "full"}
#: BatteryManager.BATTERY_HEALTH_*.
HEALTH = {
    1: "unknown",
    2: "good",
    3: "overheat",
    4: "dead",
    5: "over voltage",
    6: "failure",
    7: "cold",
}
_SOURCES = ("ac", "usb", "wireless", "dock")
#: A counter below 10 mAh is in another unit or not kept: 0, 220 and 1000 have been seen.
_LEAST_COUNTER_UAH = 10_000
_VOLTAGE_MV = (2_000, 20_000)
_TEMPERATURE_C = (-30.0, 100.0)


@dataclass(frozen=True, slots=True)
class Battery:
    """What was read: numbers under ``percent``, ``temperature_c``, ``voltage_v``, ``charge_ah``.

    ``sources`` are those that feed the phone, None where nothing is said. ``frozen`` means that
    somebody set values by ``dumpsys battery set``: nothing here is measured then.
    """

    found: Found
    status: str | None = None
    health: str | None = None
    sources: tuple[str, ...] | None = None
    technology: str | None = None
    frozen: bool = False

    @property
    def plugged(self) -> bool | None:
        """Whether a charger or USB power is connected."""
        return None if self.sources is None else bool(self.sources)


def read_battery(text: str) -> Battery:
    """Read the output; what is missing or absurd is unavailable with its reason."""
    keys, frozen = _android_block(text)
    found = Found()
    if frozen:
        found.unavailable = dict.fromkeys(
            ("percent", "temperature_c", "voltage_v", "charge_ah"),
            "the battery service is frozen; run: dumpsys battery reset",
        )
    else:
        _percent(keys, found)
        _temperature(keys, found)
        _voltage(keys, found)
        _charge(keys, found)
    powered = [source for source in _SOURCES if f"{source} powered" in keys]
    return Battery(
        found,
        STATUS.get(_whole(keys, "status")),
        HEALTH.get(_whole(keys, "health")),
        tuple(one for one in powered if keys[f"{one} powered"] == "true") if powered else None,
        printable(keys["technology"], 40) if keys.get("technology") else None,
        frozen,
    )


def _android_block(text: str) -> tuple[dict[str, str], bool]:
    """The keys of Android's block in small letters, and whether its header says it is frozen."""
    keys: dict[str, str] = {}
    inside = frozen = False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped == _HEADER:
            inside = True
        elif inside and stripped.startswith("(UPDATES STOPPED"):
            frozen = True
        elif inside:
            name, colon, value = stripped.partition(":")
            if not colon:
                break
            keys.setdefault(name.strip().lower(), value.partition("//")[0].strip())
    return keys, frozen


def _whole(keys: dict[str, str], name: str) -> int:
    value = integer(keys.get(name, ""))
    return -1 if value is None else value


def _missing(keys: dict[str, str], name: str) -> str:
    if name not in keys:
        return f"dumpsys battery has no {name!r}"
    return f"dumpsys battery says {name}: {printable(keys[name], 40)!r}"


def _percent(keys: dict[str, str], found: Found) -> None:
    level, scale = integer(keys.get("level", "")), integer(keys.get("scale", "100"))
    if level is None or not scale or not 0 <= level <= scale:
        found.unavailable["percent"] = _missing(keys, "level")
    else:
        found.values["percent"] = 100.0 * level / scale


def _temperature(keys: dict[str, str], found: Found) -> None:
    """Tenths of a degree, by BatteryManager.EXTRA_TEMPERATURE."""
    tenths = integer(keys.get("temperature", ""))
    low, high = _TEMPERATURE_C
    if tenths is None or tenths == 0 or not low < tenths / 10 < high:
        found.unavailable["temperature_c"] = _missing(keys, "temperature")
    else:
        found.values["temperature_c"] = tenths / 10


def _voltage(keys: dict[str, str], found: Found) -> None:
    """Millivolts; some television boxes print whole volts, which nobody can use."""
    millivolts = integer(keys.get("voltage", ""))
    low, high = _VOLTAGE_MV
    if millivolts is None or not low <= millivolts <= high:
        found.unavailable["voltage_v"] = _missing(keys, "voltage")
    else:
        found.values["voltage_v"] = millivolts / 1000


def _charge(keys: dict[str, str], found: Found) -> None:
    microampere_hours = integer(keys.get("charge counter", ""))
    if microampere_hours is None or microampere_hours < _LEAST_COUNTER_UAH:
        found.unavailable["charge_ah"] = _missing(keys, "charge counter")
    else:
        found.values["charge_ah"] = microampere_hours / 1e6
