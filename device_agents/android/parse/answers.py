"""Answers of adb itself and of the phone's package and activity managers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from device_agents.android.parse.text import printable

_FAILURE = re.compile(
    r"(?:Failure|adb: failed to install [^\n:]*:)\s*\[?([A-Z][A-Z0-9_]{3,60})(?::\s*([^\]\n]*))?"
)
_TAG = re.compile(r"\b(usb|product|model|device|transport_id):(\S{1,120})")
_STATES = (
    "device|offline|unauthorized|authorizing|connecting|no permissions|recovery|rescue|sideload|"
    "bootloader|fastboot|host|detached|disconnect|unknown"
)
#: A line of ``adb devices -l`` is a serial, blanks, a state of one or two words, and tags or
#: remarks. A serial may have blanks, and may hold the words of states.
_LINE = re.compile(
    rf"(\S(?:.{{0,200}}?\S)?)\s+({_STATES})(?=\s+(?:\w+:|[(\[]|see\b)|\s*;|\s*$)(.*)"
)
_REFUSALS = ("Error:", "Error type", "Exception", "java.lang.", "android.util.", "Failure")
#: What a person can do about a failed installation.
_INSTALL_ADVICE = {
    "INSTALL_FAILED_USER_RESTRICTED": "allow 'Install via USB' in the phone's developer options",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "free some storage on the phone",
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "uninstall the runner of another checkout first",
    "INSTALL_FAILED_VERSION_DOWNGRADE": "uninstall the newer runner first",
    "INSTALL_FAILED_NO_MATCHING_ABIS": "this runner has no library for the phone's processor",
    "INSTALL_FAILED_OLDER_SDK": "the runner needs Android 8 or newer",
    "INSTALL_FAILED_VERIFICATION_FAILURE": "turn off 'Verify apps over USB' on the phone",
    "INSTALL_FAILED_ABORTED": "confirm the installation on the phone's screen",
}


@dataclass(frozen=True, slots=True)
class Transport:
    """One line of the server's list; ``transport_id`` is None where an old server has none."""

    serial: str
    state: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def transport_id(self) -> int | None:
        """The server's own number for this connection."""
        text = self.tags.get("transport_id", "")
        return int(text) if text.isdecimal() and len(text) < 12 else None


def read_devices(text: str) -> tuple[Transport, ...]:
    """The transports of ``adb devices -l`` or ``host:devices-l``."""
    found = []
    for line in text.split("\n"):
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            found.append(Transport(match[1], match[2], dict(_TAG.findall(match[3]))))
    return tuple(found)


def install_problem(output: str) -> str | None:
    """Why an installation failed and what to do, None where ``Success`` was said."""
    if re.search(r"^Success[ \t\r]*$", output, re.MULTILINE):
        return None
    match = _FAILURE.search(output)
    if match is None:
        last = output.strip().splitlines()[-1:] or ["no answer"]
        return printable(last[0], 200)
    said = f"{match[1]}{f' ({printable(match[2], 120)})' if match[2] else ''}"
    advice = _INSTALL_ADVICE.get(match[1])
    return f"{said}; {advice}" if advice else said


def start_problem(output: str) -> str | None:
    """Why ``am start -W`` or ``am instrument`` started nothing, None where it did."""
    reported = False  # a test's stack trace may hold anything
    for line in output.splitlines():
        said = line.strip()
        reported = reported or said.startswith("INSTRUMENTATION_STATUS")
        if not reported and said.startswith(_REFUSALS):
            return printable(said, 200)
        if said.startswith("INSTRUMENTATION_RESULT: shortMsg="):
            return printable(said.partition("=")[2], 200)
        if said.startswith("Status:") and said != "Status: ok":
            return printable(said, 200)
    return None


def free_bytes(df: str) -> int | None:
    """Free bytes of the one file system that ``df -k PATH`` shows; a long name takes two lines."""
    fields = " ".join(df.splitlines()[1:]).split()
    numbers = [f for f in fields if f.isdecimal()]
    return int(numbers[2]) * 1024 if len(numbers) >= 3 and len(numbers[2]) < 16 else None


def package_paths(output: str) -> tuple[str, ...]:
    """The files of ``pm path PACKAGE``."""
    return tuple(
        line.removeprefix("package:").strip()
        for line in output.splitlines()
        if line.startswith("package:")
    )
