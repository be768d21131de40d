"""On-device power rails (Pixel 6 and later): energy counters in joules by rail.

Two forms: the power-stats HAL's dump (mWs, since boot) and the kernel's ``energy_value`` files
(uWs). Only differences of counters mean anything.
"""

from __future__ import annotations

import re

from device_agents.android.parse.text import number

_BEGIN = re.compile(r"=+ PowerStats HAL [0-9.]{1,8} energy meter =+")
_END = re.compile(r"=+ End of PowerStats HAL [0-9.]{1,8} energy meter =+")
_RAIL = re.compile(r"\[([^\]]{1,60})\]:?\S{0,40}\s+([0-9.]{1,24}) mWs(?:\s.*)?")
_CHANNEL = re.compile(r"CH[0-9]{1,2}\(T=[0-9]{1,19}\)\[([^\]]{1,60})\],\s*([0-9]{1,19})")


def read_power_stats(text: str) -> dict[str, float]:
    """Joules by rail from the HAL's dump; empty where the phone has no energy meter."""
    rails: dict[str, float] = {}
    inside = False
    for line in text.splitlines():
        stripped = line.strip()
        if _END.fullmatch(stripped):
            break
        if _BEGIN.fullmatch(stripped):
            inside = True
        elif inside and (match := _RAIL.fullmatch(stripped)):
            milliwatt_seconds = number(match[2])
            if milliwatt_seconds is not None:
                rails[match[1]] = milliwatt_seconds / 1e3
    return rails


def read_energy_value(text: str) -> dict[str, float]:
    """Joules by rail from one ``energy_value`` file."""
    return {match[1]: int(match[2]) / 1e6 for match in _CHANNEL.finditer(text)}
