"""Times as Android writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(seconds: float) -> str:
    """``2026-01-02 03:04:05.678``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def log_stamp(seconds: float) -> str:
    """``01-02 03:04:05.678``, as logcat has it."""
    return stamp(seconds)[5:]
