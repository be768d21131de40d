"""Saying no: a refusal stands where an energy would, and says why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why there is no energy."""

    AWAY = "AWAY"  #: the source is not there, or was taken away
    TOO_FEW = "TOO-FEW"  #: readings, inferences or time are missing
    TOO_SHORT = "TOO-SHORT"  #: for a source that updates so rarely
    GAPS = "GAPS"  #: the source was silent for a good part
    STUCK = "STUCK"  #: the source repeated one value
    IMPLAUSIBLE = "IMPLAUSIBLE"  #: values that no such device draws
    CHARGING = "CHARGING"  #: somebody else supplied the device
    UNPROVEN = "UNPROVEN"  #: the source does not follow the load of this device
    RESET = "RESET"  #: a counter went backwards


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` is one line for people and says what would help."""

    code: RefusalCode
    reason: str


class Refused(Exception):
    """Carries a refusal up to the public function that returns it."""

    def __init__(self, code: RefusalCode, reason: str) -> None:
        self.refusal = Refusal(code, reason)
        super().__init__(reason)
