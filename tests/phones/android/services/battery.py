"""``dumpsys battery`` and ``cmd battery``: what the framework believes, which can be faked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said

if TYPE_CHECKING:
    from phones.android.framework import Framework

_FAKEABLE = ("ac", "usb", "wireless", "dock", "status", "level", "temp", "counter", "invalid")
_CHARGING, _DISCHARGING, _FULL = 2, 3, 5


def _truth(phone: Framework) -> dict[str, str]:
    gauge = phone.physics.reading().gauge
    charging = _CHARGING if gauge.charging else _DISCHARGING
    return {
        "ac": "false",
        "usb": "true" if gauge.plugged else "false",
        "wireless": "false",
        "dock": "false",
        "status": str(_FULL if gauge.percent >= 100 else charging),
        "level": str(gauge.percent),
        "temp": str(gauge.decidegrees),
        "counter": str(gauge.charge_uah),
        "voltage": str(gauge.voltage_uv // 1000),
    }


def dump(phone: Framework, words: list[str]) -> Answer:
    """``dumpsys battery [set KEY VALUE | unplug | reset]``."""
    fake = phone.state.switches.battery_fake
    match [word for word in words if word != "-f"]:
        case []:
            return said(_text(phone))
        case ["unplug"]:
            fake |= {"ac": "false", "usb": "false", "wireless": "false", "status": "3"}
        case ["reset"]:
            fake.clear()
        case ["set", key, value] if key in _FAKEABLE:
            fake[key] = {"0": "false", "1": "true"}.get(value, value) if key in _PLUGS else value
        case _:
            return said("Dump current battery state, or:\n  set|get|unplug|reset [-f]")
    return Answer()


_PLUGS = ("ac", "usb", "wireless", "dock")


def _text(phone: Framework) -> str:
    now = _truth(phone) | phone.state.switches.battery_fake
    lines = ["Current Battery Service state:"]
    if phone.state.switches.battery_fake:
        lines.append("  (UPDATES STOPPED -- use 'reset' to restart)")
    lines += [
        f"  AC powered: {now['ac']}",
        f"  USB powered: {now['usb']}",
        f"  Wireless powered: {now['wireless']}",
        "  Max charging current: 500000",
        "  Max charging voltage: 5000000",
        f"  Charge counter: {now['counter']}",
        f"  status: {now['status']}",
        "  health: 2",
        "  present: true",
        f"  level: {now['level']}",
        "  scale: 100",
        f"  voltage: {now['voltage']}",
        f"  temperature: {now['temp']}",
        "  technology: Li-ion",
    ]
    style = phone.profile.battery_style
    if style == "oplus":
        return "\n".join([*_oplus_head(phone), *lines])
    return "\n".join([*lines, *(_samsung_tail(phone, now) if style == "samsung" else [])])


def _oplus_head(phone: Framework) -> list[str]:
    gauge = phone.physics.reading().gauge
    return [
        "Current OPLUS Battery Service state:",
        "  Chargefastcharger : false",
        "  PlugType : 2",
        f"  Battery current : {gauge.current}",
        "  ChargerVoltage : 4874",
        "  level : 0",
    ]


def _samsung_tail(phone: Framework, now: dict[str, str]) -> list[str]:
    return [
        "  Capacity level: -1",
        "  batteryMiscEvent: 0",
        f"  current now: {phone.physics.reading().gauge.current}",
        f"  charge counter: {now['counter']}",
        "LLB CAL: 20240101",
        " mProtectBatteryMode: 1",
        "  battery FirstUseDate: [20240102]",
        "",
        "[EventLogBuffer]",
        "01-02 03:04:05.678  android.intent.action.ACTION_POWER_CONNECTED",
        "01-02 03:04:09.012  level:57, voltage:3900, temperature:250",
    ]


def command(phone: Framework, words: list[str]) -> Answer:
    """``cmd battery get|set|unplug|reset``."""
    match [word for word in words if word != "-f"]:
        case ["get", key]:
            return _get(phone, key)
        case ["set" | "unplug" | "reset", *_] as known:
            return dump(phone, known)
        case _:
            return refused("Unknown command: " + " ".join(words))


def _get(phone: Framework, key: str) -> Answer:
    now = _truth(phone) | phone.state.switches.battery_fake
    if key in ("current_now", "current_average"):
        if phone.profile.sdk < 35:
            return refused(f"Unknown get option: {key}")
        return said(str(phone.physics.reading().gauge.current))
    return said(now[key]) if key in now else refused(f"Unknown get option: {key}")
