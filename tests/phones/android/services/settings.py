"""``settings``, ``getprop``, ``setprop`` and ``device_config``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said

if TYPE_CHECKING:
    from phones.android.framework import Framework

_DENIED = (
    "java.lang.SecurityException: Permission denial: writing to settings requires:"
    "android.permission.WRITE_SECURE_SETTINGS"
)


def settings(phone: Framework, words: list[str]) -> Answer:
    """``settings [--user N] get|put|delete|list NAMESPACE [KEY [VALUE]]``."""
    words = _without_user(words)
    if len(words) < 2 or words[1] not in phone.state.settings:
        return refused("Error: Invalid namespace" if len(words) > 1 else "Usage: settings", 255)
    space = phone.state.settings[words[1]]
    changes = words[0] in ("put", "delete", "reset")
    if changes and "settings" in phone.profile.denied:
        return refused(f"Exception occurred while executing '{words[0]}':\n{_DENIED}")
    match words:
        case ["get", _, key]:
            return said(space.get(key, "null"))
        case ["put", _, key, value, *_]:
            space[key] = value
            phone.setting_changed(words[1], key)
            return Answer()
        case ["delete", _, key]:
            return said(f"Deleted {int(space.pop(key, None) is not None)} rows")
        case ["list", _]:
            return said("".join(f"{key}={value}\n" for key, value in sorted(space.items())))
        case _:
            return refused("Error: Bad arguments")


def _without_user(words: list[str]) -> list[str]:
    return words[2:] if words[:1] == ["--user"] else words


def getprop(phone: Framework, words: list[str]) -> Answer:
    """``getprop [NAME [DEFAULT]]``."""
    known = phone.state.properties
    if not words:
        return said("".join(f"[{key}]: [{value}]\n" for key, value in sorted(known.items())))
    return Answer(known.get(words[0], words[1] if len(words) > 1 else "") + "\n")


def setprop(phone: Framework, words: list[str]) -> Answer:
    """``setprop NAME VALUE``: the shell user may change few."""
    if len(words) != 2:
        return refused("usage: setprop NAME VALUE", 1)
    name, value = words
    if not name.startswith(("debug.", "log.", "persist.log.tag")):
        return refused(f"Failed to set property '{name}' to '{value}'.\nSee dmesg for reason.", 1)
    phone.state.properties[name] = value
    return Answer()


def device_config(phone: Framework, words: list[str]) -> Answer:
    """``device_config get|put|delete|set_sync_disabled_for_tests``: kept with the settings."""
    held = phone.state.settings["global"]
    match words:
        case ["get", space, key]:
            return said(held.get(f"{space}/{key}", "null"))
        case ["put", space, key, value, *_]:
            held[f"{space}/{key}"] = value
        case ["delete", space, key]:
            held.pop(f"{space}/{key}", None)
        case ["set_sync_disabled_for_tests", wish]:
            held["device_config_sync_disabled"] = wish
        case ["get_sync_disabled_for_tests"]:
            return said(held.get("device_config_sync_disabled", "none"))
        case _:
            return refused("Unknown command: " + " ".join(words))
    return Answer()
