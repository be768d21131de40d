"""The rest of what is asked: power rails, memory, graphics, storage; and dumpsys itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said
from phones.android.services import activity, battery, packages, power, thermal

if TYPE_CHECKING:
    from phones.android.framework import Framework

_RAILS = "android.hardware.power.stats.IPowerStats/default"

#: Some phones do not have these; it is right to ask.
_SOMETIMES = ("thermalservice", _RAILS)

Dump = Callable[["Framework", list[str]], Answer]


def dumpsys(phone: Framework, words: list[str]) -> Answer:
    """``dumpsys [-t S] [-l | SERVICE ARG...]``."""
    if words[:1] in (["-t"], ["-T"]):
        words = words[2:]
    if words == ["-l"]:
        return said("Currently running services:\n" + "".join(f"  {n}\n" for n in _services(phone)))
    if not words:
        return refused("dumpsys: name a service", 1)
    service = _services(phone).get(words[0])
    if service is None:
        if words[0] not in _SOMETIMES:
            phone.unexpected("dumpsys " + " ".join(words))
        return refused(f"Can't find service: {words[0]}", 0)
    return service(phone, words[1:])


def _services(phone: Framework) -> dict[str, Dump]:
    known: dict[str, Dump] = {
        "SurfaceFlinger": _surface_flinger,
        "activity": activity.dump,
        "battery": battery.dump,
        "cpuinfo": _cpu_info,
        "deviceidle": power.device_idle,
        "display": power.dump_display,
        "gpu": _gpu,
        "meminfo": _memory,
        "package": packages.dump,
        "power": power.dump_power,
        "window": power.dump_window,
        "wifi": _wifi,
    }
    if "thermal" not in phone.profile.denied:
        known["thermalservice"] = thermal.dump
    if phone.profile.sdk >= 31:
        known[_RAILS] = _power_stats
    return known


def _power_stats(phone: Framework, words: list[str]) -> Answer:
    """Cumulative energy per rail in mWs, with the difference since anybody asked for one."""
    if "power-hal" in phone.profile.denied:
        return refused("Failed to dump service: PERMISSION_DENIED", 0)
    reading = phone.physics.reading()
    total_mj = reading.energy_j * 1000
    lines = ["============= PowerStats HAL 2.0 energy meter =============="]
    if "delta" in words:
        lines.append(f"Elapsed time: {phone.since_last_delta_ms()} ms")
    share = 1 / max(1, len(phone.profile.rails) + 1)
    for number, (rail, subsystem) in enumerate(phone.profile.rails):
        energy = total_mj * share * (1 + number / 10)
        lines.append(f"  [{rail}]:{subsystem:<24}{energy:14.2f} mWs ({energy / 50:10.2f})")
    lines.append("========== End of PowerStats HAL 2.0 energy meter ==========")
    return said("\n".join(lines))


def _memory(phone: Framework, words: list[str]) -> Answer:
    names = [word for word in words if not word.startswith("-")]
    if not names:
        total = phone.profile.ram_kib
        return said(f"Total RAM: {total:,}K (status normal)\n Free RAM: {total // 2:,}K")
    runner = next((r for r in phone.runners() if names[0] in (r.start.package, str(r.pid))), None)
    if runner is None:
        return said(f"No process found for: {names[0]}")
    kib = 182_400
    return said(
        f"Applications Memory Usage (in Kilobytes):\nUptime: {_uptime_ms()} "
        f"Realtime: {_uptime_ms()}\n\n"
        f"** MEMINFO in pid {runner.pid} [{runner.start.package}] **\n"
        " App Summary\n"
        "                       Pss(KB)                        Rss(KB)\n"
        "                        ------                         ------\n"
        "           Java Heap:     6244                          18404\n"
        "         Native Heap:   140200                         144880\n"
        "            Graphics:        0                              0\n"
        f"           TOTAL PSS:   {kib}            TOTAL RSS:   {kib + 64_000}"
        "       TOTAL SWAP PSS:       12\n"
    )


def _uptime_ms() -> int:
    return round(time.monotonic() * 1000)


def _cpu_info(phone: Framework, words: list[str]) -> Answer:
    percent = round(phone.background_load * 100, 1)
    return said(
        "Load: 1.02 / 0.98 / 1.01\nCPU usage from 61034ms to 1022ms ago:\n"
        f"  {percent}% 1423/system_server: {percent}% user + 0% kernel\n"
        f"{percent}% TOTAL: {percent}% user + 0% kernel"
    )


def _surface_flinger(phone: Framework, words: list[str]) -> Answer:
    return said(
        "Build configuration: [sf PRESENT_TIME_OFFSET=0]\n"
        f"GLES: {phone.profile.soc_maker}, {phone.profile.gpu_name}, OpenGL ES 3.2 v1.r44p1\n"
        f"  refresh-rate: {power_rate(phone):.2f} Hz"
    )


def power_rate(phone: Framework) -> float:
    """The display's refresh rate now."""
    text = power.dump_display(phone, []).out
    return float(text.rpartition("mActiveRenderFrameRate=")[2])


def _gpu(phone: Framework, words: list[str]) -> Answer:
    return said("GPU work information.\ngpu_id uid total_active_duration_ns\n0 1000 123456789")


def _wifi(phone: Framework, words: list[str]) -> Answer:
    on = phone.state.settings["global"]["wifi_on"] == "1"
    return said(f"Wi-Fi is {'enabled' if on else 'disabled'}")


def disk_free(phone: Framework, words: list[str]) -> Answer:
    """``df [-k] [PATH...]``: the data partition, full on command."""
    total = phone.profile.storage_kib
    free = 0 if phone.state.storage_full else round(total * 0.6)
    head = "Filesystem        1K-blocks      Used Available Use% Mounted on\n"
    used = total - free
    row = f"/dev/block/dm-52 {total:11d} {used:9d} {free:9d} {100 * used // total:3d}% /data\n"
    if "-h" in words:
        return refused("df: -h is not simulated; ask for kilobytes", 1)
    return said(head + row)


async def cmd(phone: Framework, words: list[str]) -> Answer:
    """``cmd SERVICE ARG...``."""
    plain: dict[str, Dump] = {
        "battery": battery.command,
        "connectivity": power.connectivity,
        "deviceidle": power.device_idle,
        "power": power.command,
        "thermalservice": thermal.command,
        "bluetooth_manager": _bluetooth,
        "wifi": _wifi_command,
        "statusbar": _status_bar,
        "notification": lambda *_: Answer(),
        "appops": lambda *_: Answer(),
    }
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name == "package":
        return await packages.command(phone, rest)
    if name == "activity":
        return await activity.command(phone, rest)
    if name not in plain or (name == "thermalservice" and "thermal" in phone.profile.denied):
        phone.unexpected("cmd " + " ".join(words))
        return refused(f"cmd: Can't find service: {name}", 20)
    return plain[name](phone, rest)


def _bluetooth(phone: Framework, words: list[str]) -> Answer:
    if words in (["enable"], ["disable"]):
        phone.state.settings["global"]["bluetooth_on"] = "1" if words == ["enable"] else "0"
        return Answer()
    return refused("Unknown command: " + " ".join(words))


def _wifi_command(phone: Framework, words: list[str]) -> Answer:
    match words:
        case ["set-wifi-enabled", "enabled" | "disabled" as wish]:
            phone.state.settings["global"]["wifi_on"] = "1" if wish == "enabled" else "0"
            return Answer()
        case ["status"]:
            return _wifi(phone, [])
        case _:
            return refused("Unknown command: " + " ".join(words))


def _status_bar(phone: Framework, words: list[str]) -> Answer:
    if words == ["collapse"]:
        return Answer()
    return refused("Unknown command: " + " ".join(words))


def screen_shot(phone: Framework, words: list[str]) -> Answer:
    """``screencap -p``: a small picture; with a path it is written there."""
    return Answer(file="/dev/screen.png")
