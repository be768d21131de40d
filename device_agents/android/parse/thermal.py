"""Temperatures: ``dumpsys thermalservice`` and the kernel's thermal zones.

Both lists hold things that are no temperatures (percent, volts, amperes, throttling steps), and
sensors that are not there: -40000, -127000, -274000, 0.0, -99.9 and NaN have been seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from device_agents.android.parse.text import number

_ENTRY = re.compile(
    r"Temperature\{mValue=([^,{}]{1,24}), mType=(-?[0-9]{1,3}), "
    r"mName=([^{}]{1,80}), mStatus=[0-9]{1,2}\}"
)
_STATUS = re.compile(r"^[ \t]*Thermal Status:[ \t]*([0-6])[ \t\r]*$", re.MULTILINE)
_FROM_HAL, _CACHED = "Current temperatures from HAL:", "Cached temperatures:"
SKIN_TYPE, BATTERY_TYPE = 3, 2
#: android.os.Temperature types that are no temperature: -1 unknown (differences and virtual
#: sensors), 6 to 8 battery voltage, current and percent limits.
_NO_TEMPERATURE = {-1, 6, 7, 8}
_RANGE_C = (-30.0, 150.0)

#: Zones that hold something else: battery percent, voltage and current limits, constants.
_OTHER_ZONES = re.compile(
    r"soc|socd|(.*[-_])?(vbat|ibat|vph|bcl|vbatt|ibatt)([-_].*)?|lmh-dcvs.*|battery_cycle"
    r"|(soft_)?ocp_.*|batoilo.*|smpl.*|vdroop.*|sub_?bat.*raw|.*-limits.*|.*cpufreq.*",
    re.IGNORECASE,
)
_SKIN_ZONE = re.compile(r".*(skin|shell|case|quiet).*", re.IGNORECASE)
_MILLI, _DECI, _WHOLE = 0.001, 0.1, 1.0


@dataclass(frozen=True, slots=True)
class Thermal:
    """The service's throttling status (0 to 6), and temperatures in degC by sensor name.

    ``skin_c`` is the warmest sensor of type SKIN, ``battery_c`` of type BATTERY.
    """

    status: int | None = None
    sensors: dict[str, float] = field(default_factory=dict)
    skin_c: float | None = None
    battery_c: float | None = None


def read_thermalservice(text: str) -> Thermal:
    """Read the output; the vendor's own list counts where it is not empty, else the cached one."""
    status = _STATUS.search(text)
    entries = _entries(text, _FROM_HAL) or _entries(text, _CACHED)
    typed = {
        kind: max((value for value, its_kind, _ in entries if its_kind == kind), default=None)
        for kind in (SKIN_TYPE, BATTERY_TYPE)
    }
    return Thermal(
        int(status[1]) if status else None,
        {name: value for value, _, name in entries},
        typed[SKIN_TYPE],
        typed[BATTERY_TYPE],
    )


def _entries(text: str, header: str) -> list[tuple[float, int, str]]:
    """Value, type and name of the temperatures below ``header``."""
    _, found, below = text.partition(header)
    entries = []
    for line in below.splitlines()[1:] if found else ():
        match = _ENTRY.fullmatch(line.strip())
        if match is None:
            if line.strip():
                break
            continue
        value, kind = number(match[1]), int(match[2])
        if value is not None and kind not in _NO_TEMPERATURE and _is_temperature(value):
            entries.append((value, kind, match[3]))
    return entries


def _is_temperature(celsius: float) -> bool:
    """Whether a value can be one; exactly zero is what unpopulated sensors say."""
    return celsius != 0.0 and _RANGE_C[0] < celsius < _RANGE_C[1]


def is_temperature_zone(kind: str) -> bool:
    """Whether a thermal zone's type names a temperature."""
    return bool(kind) and _OTHER_ZONES.fullmatch(kind) is None


def is_skin_zone(kind: str) -> bool:
    """Whether a zone is near the phone's surface."""
    return _SKIN_ZONE.fullmatch(kind) is not None


def zone_scale(raw: int) -> float | None:
    """Degrees per unit of a zone, judged by one reading; None where no sensor answers.

    One phone mixes milli-, deci- and whole degrees (25000, 309 and 31 all mean about 30 degC), so
    each zone is judged on its own, once.
    """
    for scale, low, high in ((_MILLI, 1_000, 150_000), (_DECI, 151, 999), (_WHOLE, 1, 150)):
        if low <= raw <= high:
            return scale
    # Real frost is possible in milli-degrees only: -40 and -22 are "absent" and an error code.
    return _MILLI if -30_000 < raw <= -1_000 else None


def zone_celsius(raw: int, scale: float) -> float | None:
    """A zone's reading in degC; None where the sensor says that it is absent."""
    celsius = raw * scale
    return celsius if _is_temperature(celsius) else None
