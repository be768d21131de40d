"""Why a process ended: exit records, the log, tombstones, the kernel's low-memory killer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from device_agents.android.parse.text import printable

_RECORD = re.compile(r"ApplicationExitInfo\s*#[0-9]{1,3}:")
_FIELD = re.compile(r"\b(pid|reason|status|subreason)=([0-9-]{1,11})(?:\s*\(([^)\n]{1,60})\))?")
_DESCRIPTION = re.compile(r"\bdescription=([^\n]*?)(?: state=[^\n]*)?$", re.MULTILINE)
_SIGNAL = re.compile(r"signal ([0-9]{1,3}) \((SIG[A-Z0-9]{1,10})\)")
_CAUSE = re.compile(r"^(?:Cause|Abort message): (.*)$", re.MULTILINE)
#: ActivityManager's ApplicationExitInfo.REASON_*.
_REASONS = {
    1: "it ended itself",
    2: "it was signaled",
    3: "the system took its memory (low memory)",
    4: "it crashed",
    5: "its native code crashed",
    6: "it did not respond (ANR)",
    7: "it failed to start",
    8: "its permission was changed",
    9: "it used too much of a resource",
    10: "it was stopped by a user or by adb",
    11: "a user was stopped",
    12: "something it depends on died",
    13: "another reason",
    14: "it was frozen",
    15: "its package changed state",
    16: "its package was updated",
}
SIGNALS = {3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL"} | {
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
    31: "SIGSYS",
}
_EXITED, _SIGNALED, _LOW_MEMORY, _NATIVE_CRASH = 1, 2, 3, 5


@dataclass(frozen=True, slots=True)
class Death:
    """Why a process ended, in one sentence, with its signal or exit code where they are known."""

    why: str
    signal_name: str | None = None
    returncode: int | None = None


def read_exit_info(text: str, pid: int) -> Death | None:
    """The record of one process in ``dumpsys activity exit-info PACKAGE``; the newest is first."""
    for record in _RECORD.split(text)[1:]:
        fields = {name: (int(value), words) for name, value, words in _FIELD.findall(record)}
        if fields.get("pid", (0, ""))[0] != pid or "reason" not in fields:
            continue
        reason, status = fields["reason"][0], fields.get("status", (0, ""))[0]
        signal_name = None
        if reason in (_SIGNALED, _NATIVE_CRASH) or (reason == _LOW_MEMORY and status):
            signal_name = SIGNALS.get(status, f"signal {status}" if status else None)
        if reason == _LOW_MEMORY:
            signal_name = signal_name or "SIGKILL"
        return Death(
            _sentence(reason, fields["reason"][1], record),
            signal_name,
            status if reason == _EXITED else None,
        )
    return None


def _sentence(reason: int, words: str, record: str) -> str:
    why = _REASONS.get(reason, f"reason {reason} {printable(words, 60)}".strip())
    described = _DESCRIPTION.search(record)
    text = printable(described[1], 120) if described else ""
    return why if text in ("", "null") else f"{why}: {text}"


def read_log(text: str, pid: int, package: str) -> Death | None:
    """The last thing that the log says about the end of one process."""
    death = None
    name = re.escape(package)
    patterns = (
        (re.compile(rf"[Kk]ill(?:ing)? '[^']{{1,80}}' \({pid}\)(.*)"), _low_memory),
        (
            re.compile(rf"Fatal signal ([0-9]{{1,3}}) \((SIG[A-Z0-9]{{1,10}})\).* {pid} \(.*"),
            _fatal,
        ),
        (re.compile(rf"ANR in {name}\b(.*)"), _anr),
        (re.compile(rf"Process {name}(?::\S+)? \(pid {pid}\) has died(.*)"), _died),
    )
    lines = text.splitlines()
    for line in lines:
        for pattern, told in patterns:
            match = pattern.search(line)
            if match is not None and (told is not _died or death is None):
                death = told(match)
    return _java_crash(text, pid) or _native_crash(lines, pid) or death


def _low_memory(match: re.Match[str]) -> Death:
    _, _, reason = match[1].partition("reason:")
    why = f": {printable(reason, 100)}" if reason.strip() else ""
    return Death(f"the low-memory killer ended it{why}", "SIGKILL")


def _fatal(match: re.Match[str]) -> Death:
    return Death("its native code crashed", match[2])


def _anr(_match: re.Match[str]) -> Death:
    return Death("it did not respond (ANR)")


def _died(match: re.Match[str]) -> Death:
    return Death(f"the system says that it has died{printable(match[1], 60)}")


def _native_crash(lines: list[str], pid: int) -> Death | None:
    """The crash dump in the log: a line with the process, and soon one with the signal."""
    ours = False
    for line in lines:
        if re.search(r"DEBUG\s*: pid: [0-9]+, tid: ", line):
            ours = f" pid: {pid}, tid: " in line
        signal = _SIGNAL.search(line) if ours else None
        if signal is not None:
            return Death("its native code crashed", signal[2])
    return None


def _java_crash(text: str, pid: int) -> Death | None:
    """The exception of ``FATAL EXCEPTION``: the line after ``Process: NAME, PID: n``."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if re.search(rf"Process: \S{{1,200}}, PID: {pid}\s*$", line) and index + 1 < len(lines):
            _, _, said = lines[index + 1].partition(": ")
            return Death(f"an exception ended it: {printable(said or lines[index + 1], 160)}")
    return None


def read_tombstone(text: str, pid: int) -> Death | None:
    """A native crash from a tombstone, if it is that of ``pid``."""
    if re.search(rf"^pid: {pid}, tid: ", text, re.MULTILINE) is None:
        return None
    signal, cause = _SIGNAL.search(text), _CAUSE.search(text)
    why = f": {printable(cause[1], 120)}" if cause else ""
    return Death(f"its native code crashed{why}", signal[2] if signal else None)
