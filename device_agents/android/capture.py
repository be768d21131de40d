"""Recording a phone's answers to everything we ask, as a profile for a simulated phone.

What names a person, a place or one unit is replaced: by property name, by shape, and by value
wherever one of the phone's own numbers turns up again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from device_agents.android.parse.properties import read_properties
from device_agents.android.phone import Phone
from device_agents.android.sources import probe_script
from harness.clock import CancelToken, Deadline

VERSION = 1
#: Everything the agent asks by a command; each is recorded with its code and its complaint.
COMMANDS = (
    "getprop",
    "uname -r",
    "getconf PAGE_SIZE",
    "id",
    "df -k /data/local/tmp",
    "dumpsys battery",
    "dumpsys thermalservice",
    "dumpsys power | grep mWakefulness=",
    "dumpsys window | grep mCurrentFocus=",
    "dumpsys display",
    "dumpsys deviceidle whitelist",
    "dumpsys android.hardware.power.stats.IPowerStats/default",
    "dumpsys activity exit-info org.benchfarm.runner",
    "pm path org.benchfarm.runner",
    "pm list packages org.benchfarm.runner",
    "settings get global stay_on_while_plugged_in",
    "settings get global airplane_mode_on",
    "settings get global wifi_on",
    "settings get global bluetooth_on",
    "settings get global window_animation_scale",
    "settings get system screen_off_timeout",
    "settings get system screen_brightness",
    "settings get system screen_brightness_mode",
    "settings get system peak_refresh_rate",
    "settings get system min_refresh_rate",
    "cat /proc/cpuinfo",
    "cat /proc/meminfo",
    "cat /proc/self/status",
    "head -n 1 /proc/stat",
    "cat /proc/loadavg",
    "ls /sys/class/thermal",
    "ls /sys/class/power_supply",
    "ls /sys/devices/system/cpu/cpufreq",
)
_MOST_CHARACTERS = 200_000
#: Properties that name one unit, a person, a network or a place.
_PRIVATE = re.compile(
    r"serial|imei|meid|iccid|imsi|mac(addr)?\b|bdaddr|bt.?name|device_name|hostname|ssid|phone|"
    r"\bgsm\.|\bril\.|\.ril\.|operator|sim\b|timezone|locale|account|guid|uuid|android_id|psn\b|"
    r"\.sn\b|dhcp|\bnet\.(?!bt)|\bip\b|boot\.em\.did|cpuid|chipid|dsn",
    re.IGNORECASE,
)
_SHAPES = (
    re.compile(r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b"),  # MAC addresses
    re.compile(r"\b[\w.+-]+@[\w-]+\.[a-z]{2,}\b"),  # mail addresses
    re.compile(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"),  # IPv4 addresses
    re.compile(r"\b[0-9]{14,16}\b"),  # IMEI, IMSI
)
#: Values that are nobody's: a serial number of "unknown" must not blank every "unknown".
_SHORTEST = 6


def capture(phone: Phone, deadline: Deadline, cancel: CancelToken) -> dict[str, object]:
    """Ask everything once; see COMMANDS."""
    answers = {}
    for command in COMMANDS:
        answer = phone.run(command, deadline, cancel, check=False)
        answers[command] = {
            "returncode": answer.returncode,
            "stdout": answer.text[:_MOST_CHARACTERS],
            "stderr": answer.error_text[:_MOST_CHARACTERS],
        }
    probes = phone.run(probe_script(), deadline, cancel, check=False).text
    properties = read_properties(str(answers["getprop"]["stdout"]))
    secrets = private_values(properties) | {phone.address}
    return {
        "version": VERSION,
        "commands": {
            command: {
                key: scrubbed(value, secrets) if isinstance(value, str) else value
                for key, value in answer.items()
            }
            for command, answer in answers.items()
        },
        "probes": scrubbed(probes, secrets).splitlines(),
    }


def private_values(properties: Mapping[str, str]) -> set[str]:
    """Values of properties that name one unit, a person, a network or a place."""
    return {
        value.strip()
        for name, value in properties.items()
        if _PRIVATE.search(name) and len(value.strip()) >= _SHORTEST
    }


def scrubbed(text: str, secrets: set[str]) -> str:
    """``text`` with private values replaced by as many X."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "X" * len(secret))
    for shape in _SHAPES:
        text = shape.sub(lambda match: "X" * len(match[0]), text)
    lines = []
    for line in text.split("\n"):
        name, separator, value = line.partition("]: [")
        if separator and _PRIVATE.search(name):
            line = f"{name}{separator}{'X' * (len(value) - 1)}]"  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines)
