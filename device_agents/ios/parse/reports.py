"""Reports that iOS writes when a process ends: crash files and JetsamEvents, and lines of its log.

Both files are a line of JSON, the header, followed by a JSON object (iOS 15 and later).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device_agents.android.parse.text import printable

_MOST_CHARACTERS = 4_000_000
#: jetsam ends a process with SIGKILL, whatever the reason.
_KILLED = "SIGKILL"
_SIGNALS = {4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 9: "SIGKILL", 10: "SIGBUS", 11: "SIGSEGV"}
_JETSAM_LINE = re.compile(r"killing_\w+ pid (\d+) \[([^\]]*)\] \(([\w-]+)")


@dataclass(frozen=True, slots=True)
class Death:
    """Why a process ended."""

    why: str
    signal_name: str | None = None
    returncode: int | None = None


def read_report(text: str, pid: int) -> Death | None:
    """What a report says about process ``pid``; None if it is about others, or is none."""
    _, _, rest = text[:_MOST_CHARACTERS].partition("\n")
    try:
        body = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, Mapping):
        return None
    if isinstance(body.get("processes"), Sequence):
        return _jetsam(body, pid)
    return _crash(body) if body.get("pid") == pid else None


def read_log_line(line: str, pid: int) -> Death | None:
    """What a line of the system's log says about the end of ``pid``."""
    found = _JETSAM_LINE.search(line)
    if found is None or int(found[1]) != pid:
        return None
    return Death(_out_of_memory(found[3], None), _KILLED)


def _jetsam(body: Mapping[str, Any], pid: int) -> Death | None:
    for process in body["processes"]:
        if not isinstance(process, Mapping) or process.get("pid") != pid:
            continue
        reason = process.get("reason")
        if not isinstance(reason, str):
            return None  # it is only listed
        status = body.get("memoryStatus")
        page = status.get("pageSize") if isinstance(status, Mapping) else None
        pages = process.get("rpages")
        size = page * pages if isinstance(page, int) and isinstance(pages, int) else None
        return Death(_out_of_memory(reason, size), _KILLED)
    return None


def _out_of_memory(reason: str, size: int | None) -> str:
    """Jetsam's reasons in words: its own limit, or everybody's memory."""
    held = f" with {size >> 20} MiB" if size is not None else ""
    said = printable(reason, 60)
    if reason == "per-process-limit":
        return f"killed by iOS{held}: over the memory limit of an app ({said})"
    return f"killed by iOS{held}: out of memory, jetsam ({said})"


def _crash(body: Mapping[str, Any]) -> Death:
    exception = body.get("exception")
    exception = exception if isinstance(exception, Mapping) else {}
    termination = body.get("termination")
    termination = termination if isinstance(termination, Mapping) else {}
    signal = exception.get("signal")
    code = termination.get("code")
    if not isinstance(signal, str) and termination.get("namespace") == "SIGNAL":
        signal = _SIGNALS.get(code) if isinstance(code, int) else None
    parts = (exception.get("type"), exception.get("subtype"), termination.get("indicator"))
    words = [printable(part, 100) for part in parts if isinstance(part, str) and part]
    why = f"crashed: {', '.join(words)}" if words else "crashed"
    name = printable(signal, 20) if isinstance(signal, str) else None
    number = code if name is None and isinstance(code, int) else None
    return Death(why, name or (None if number is not None else "SIGABRT"), number)
