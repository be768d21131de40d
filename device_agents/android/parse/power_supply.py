"""Battery gauges of the kernel (``/sys/class/power_supply``), whose sign and unit makers choose.

The kernel's documentation asks for microamperes; some drivers give milliamperes. It leaves the sign
of ``current_now`` to the driver: on a Xiaomi Mi 8 a charging battery reads -326171.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from device_agents.android.parse.text import integer

_PREFIX = "POWER_SUPPLY_"
#: Error codes of the kernel that some drivers print as a value: EIO, EAGAIN, EINVAL, ENODATA...
_ERRNO = {-5, -11, -16, -19, -22, -61, -95, -110}
#: A phone that works draws more than 20 mA and less than 20 A: the magnitude tells the unit.
_LEAST_UA, _MOST_UA = 20_000, 20_000_000
_LEAST_MA = 20
_MICROVOLTS = (2_000_000, 20_000_000)
_MILLIVOLTS = (2_000, 20_000)


def read_uevent(text: str) -> dict[str, str]:
    """A gauge's ``uevent`` by key, without the prefix; the first of each key counts."""
    keys: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals:
            keys.setdefault(name.removeprefix(_PREFIX).lower(), value.partition("//")[0].strip())
    return keys


def raw_value(text: str) -> int | None:
    """A gauge's number; None for what is no number or an error code in disguise."""
    value = integer(text)
    return None if value in _ERRNO else value


def volts(raw: int | None) -> float | None:
    """A battery's voltage from microvolts or millivolts."""
    if raw is None:
        return None
    if _MICROVOLTS[0] <= raw <= _MICROVOLTS[1]:
        return raw / 1e6
    return raw / 1e3 if _MILLIVOLTS[0] <= raw <= _MILLIVOLTS[1] else None


@dataclass(frozen=True, slots=True)
class CurrentScale:
    """How a gauge's number becomes amperes into the battery; ``why`` says how it was found."""

    amperes_per_unit: float
    why: str

    def amperes(self, raw: int) -> float:
        """Current into the battery, negative while it feeds the phone."""
        return raw * self.amperes_per_unit


def calibrate(raw: Sequence[int], status: str | None) -> CurrentScale | str:
    """Sign and unit from readings under a known direction, or why they cannot be told.

    ``status`` is that of the framework: while it says discharging the current leaves the battery,
    while it says charging it enters. At rest (full, not charging) neither sign nor unit shows.
    """
    direction = {"charging": 1, "discharging": -1}.get(status or "")
    if direction is None:
        return f"sign and unit cannot be told while the battery is {status or 'unknown'}"
    if not raw:
        return "the gauge gives no number"
    middle = median(raw)
    size = abs(middle)
    if _LEAST_UA <= size <= _MOST_UA:
        unit, name = 1e-6, "uA"
    elif _LEAST_MA <= size < _LEAST_UA:
        unit, name = 1e-3, "mA"
    else:
        return f"sign and unit cannot be told from {middle:g} while {status}"
    sign = direction if middle > 0 else -direction
    return CurrentScale(
        sign * unit, f"{name}, {'+' if sign > 0 else '-'} while {middle:g} {status}"
    )
