"""What is on the screen: ``dumpsys window``, ``dumpsys power`` and ``dumpsys display``."""

from __future__ import annotations

import re

from device_agents.android.parse.text import number, printable

_FOCUS = re.compile(
    r"^[ \t]*mCurrentFocus=(?:null|Window\{\S+ (?:u[0-9]{1,4} )?(.{1,200})\})[ \t\r]*$",
    re.MULTILINE,
)
_AWAKE = re.compile(r"^[ \t]*mWakefulness=(\w{1,20})[ \t\r]*$", re.MULTILINE)
_REFRESH = (
    re.compile(r"\brenderFrameRate[ =]([0-9.]{1,8})"),
    re.compile(r"\brefreshRate[ =]([0-9.]{1,8})"),
)


def focused_window(text: str) -> str | None:
    """``package/activity``, or a system window's name; None where nothing has the focus."""
    windows = [printable(window) for window in _FOCUS.findall(text) if window]
    return windows[-1] if windows else None


def is_awake(text: str) -> bool | None:
    """Whether the screen is on; None where ``dumpsys power`` does not say."""
    match = _AWAKE.search(text)
    return None if match is None else match[1] == "Awake"


def refresh_hz(text: str) -> float | None:
    """The display's refresh rate now."""
    for pattern in _REFRESH:
        match = pattern.search(text)
        value = number(match[1]) if match else None
        if value is not None and 1 <= value <= 1000:
            return value
    return None
