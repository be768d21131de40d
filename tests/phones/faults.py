"""What goes wrong on a simulated phone, and when: one typed script for Android and iOS.

A fault is written ``WHAT[=SECONDS]@WHEN``::

    drop-link@push:1000000     the link breaks once a push has brought a million bytes
    freeze=3@command:dumpsys   nothing is answered for three seconds from the first dumpsys on
    reboot@phase:load          the phone restarts when the host asks for the model
    out-of-memory@phase:run:2  the second program ends with the runner killed
    vanish@after:1.5           gone for good, a second and a half from now
    unauthorized@now

The phone reports what happens to it (``phase``, ``command``, ``transferred``, ``due``) and is told
which faults begin there. It knows how to carry them out; the script only decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What can go wrong."""

    DROP_LINK = "drop-link"  #: the transport breaks at once, and may come back
    FREEZE = "freeze"  #: nothing moves; the link stays
    OFFLINE = "offline"  #: connected, but not answering the protocol
    UNAUTHORIZED = "unauthorized"  #: the phone no longer trusts this host
    REBOOT = "reboot"  #: away for a moment; forwards and processes are lost
    VANISH = "vanish"  #: gone for good
    OUT_OF_MEMORY = "out-of-memory"  #: the system kills the runner
    CRASH = "crash"  #: the runner dies of its own
    NOT_RESPONDING = "not-responding"  #: the runner hangs and the system says so
    STORAGE_FULL = "storage-full"  #: no byte more fits
    PROMPT = "prompt"  #: an installation waits for somebody to touch the screen
    POPUP = "popup"  #: something covers the app
    OVERHEAT = "overheat"  #: far too hot at once
    # iPhones only
    LOCKED = "locked"  #: the passcode is wanted
    DEVELOPER_OFF = "developer-off"  #: Developer Mode is off
    IMAGE_LOST = "image-lost"  #: the developer image is not mounted any more
    PORT_REFUSED = "port-refused"  #: the app's port refuses connections
    TUNNEL_DROP = "tunnel-drop"  #: the tunnel to the developer services breaks
    SUSPEND = "suspend"  #: the app is in the background and gets no processor
    DVT_DEAD = "dvt-dead"  #: the developer services hang up
    USB_RESET = "usb-reset"  #: away for a moment, back under another id


class At(StrEnum):
    """What a fault waits for."""

    NOW = "now"
    AFTER = "after"  #: seconds since the script was armed
    PHASE = "phase"  #: a name the phone reports, the n-th time
    COMMAND = "command"  #: a command that contains the text
    PUSH = "push"  #: so many bytes have come to the phone
    PULL = "pull"  #: so many bytes have left it


class BadFault(ValueError):
    """Text that is no fault."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, once.

    ``seconds`` is how long it lasts (0: until the phone is told otherwise); ``name`` the phase or
    the text of a command, ``amount`` seconds, bytes or the how manyth time.
    """

    what: What
    at: At = At.NOW
    name: str = ""
    amount: float = 0.0
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read ``WHAT[=SECONDS]@WHEN``; raises BadFault."""
        what_text, _, when_text = text.strip().partition("@")
        name, _, seconds = what_text.partition("=")
        kind, _, rest = when_text.partition(":")
        try:
            what, at = What(name), At(kind or "now")
            lasting = float(seconds or 0)
            detail, amount = _read_when(at, rest)
        except ValueError as error:
            raise BadFault(f"{text!r} is no fault: {error}; write WHAT[=SECONDS]@WHEN") from error
        return cls(what, at, detail, amount, lasting)

    def __str__(self) -> str:
        lasting = f"={self.seconds:g}" if self.seconds else ""
        return f"{self.what}{lasting}@{self._when()}"

    def _when(self) -> str:
        match self.at:
            case At.NOW:
                return "now"
            case At.PHASE:
                return f"phase:{self.name}:{self.amount:.0f}"
            case At.COMMAND:
                return f"command:{self.name}"
            case _:
                return f"{self.at}:{self.amount!r}"


def _read_when(at: At, rest: str) -> tuple[str, float]:
    match at:
        case At.NOW:
            return "", 0.0
        case At.PHASE:
            name, _, count = rest.partition(":")
            return _named(name), float(count or 1)
        case At.COMMAND:
            return _named(rest), 1.0
        case _:
            return "", float(rest)


def _named(name: str) -> str:
    if not name:
        raise ValueError("it waits for nothing")
    return name


class FaultScript:
    """The faults of one phone that are still to come. May be used by several threads."""

    def __init__(self, seconds: Callable[[], float], faults: Iterable[Fault] = ()) -> None:
        self._seconds = seconds
        self._waiting: list[tuple[Fault, float]] = []
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        self.happened: list[Fault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Arm one more; phases are counted from here."""
        with self._lock:
            if fault.at is At.PHASE:
                already = self._seen.get(fault.name, 0)
                self._waiting.append((fault, already + fault.amount))
            else:
                self._waiting.append((fault, self._seconds()))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._waiting.clear()

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What is still to come."""
        with self._lock:
            return tuple(fault for fault, _ in self._waiting)

    def due(self) -> list[Fault]:
        """Faults that wait for nothing, or whose time has come."""
        now_s = self._seconds()
        return self._take(
            lambda fault, armed: (
                fault.at is At.NOW or (fault.at is At.AFTER and now_s >= armed + fault.amount)
            )
        )

    def phase(self, name: str) -> list[Fault]:
        """Faults that begin as the phone enters this phase."""
        with self._lock:
            count = self._seen[name] = self._seen.get(name, 0) + 1
        return self._take(
            lambda fault, due: fault.at is At.PHASE and fault.name == name and count >= due
        )

    def command(self, text: str) -> list[Fault]:
        """Faults that begin with this command."""
        return self._take(lambda fault, _: fault.at is At.COMMAND and fault.name in text)

    def transferred(self, direction: At, total: int) -> list[Fault]:
        """Faults that begin once ``total`` bytes of a transfer (``PUSH``, ``PULL``) have moved."""
        return self._take(lambda fault, _: fault.at is direction and total >= fault.amount)

    def bytes_until(self, direction: At, total: int) -> int | None:
        """How many more bytes may move before the next fault of a transfer; None without one."""
        with self._lock:
            left = [fault.amount - total for fault, _ in self._waiting if fault.at is direction]
        return max(0, int(min(left))) if left else None

    def _take(self, begins: Callable[[Fault, float], bool]) -> list[Fault]:
        with self._lock:
            taken = [fault for fault, armed in self._waiting if begins(fault, armed)]
            self._waiting = [pair for pair in self._waiting if not begins(*pair)]
            self.happened += taken
        return taken
