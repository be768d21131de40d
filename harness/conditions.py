"""Under which conditions trials start: the gates of a scenario, and how they went; what the lab
has around a device: the room, and power meters.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: How long somebody has to pull the cable out of a phone that measures without it, once told.
UNPLUG_S = 60.0


@dataclass(frozen=True, slots=True)
class Ambient:
    """How warm the room is: a value ``c``, or a sensor's ``file`` or ``serial`` port.

    A sensor's number is multiplied by ``scale`` to give degrees Celsius.
    """

    c: float | None = None
    file: Path | None = None
    serial: str | None = None
    baud: int = 9600
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class MeterFile:
    """An external power meter whose program appends to a CSV file with a header line.

    Column ``time`` holds seconds since 1970 or ISO 8601, ``power`` the power in ``unit``.
    """

    csv: Path
    time: str = "time"
    power: str = "power"
    unit: Literal["W", "mW", "uW"] = "W"


@dataclass(frozen=True, slots=True)
class Joulescope:
    """An external power meter on USB: the one with this serial number, or ``any``, the only one."""

    serial: str


@dataclass(frozen=True, slots=True)
class ThermalGate:
    """Wait until the device is as cool as at its start; ``max_c`` is a bound of the user's own."""

    max_c: float | None = None


@dataclass(frozen=True, slots=True)
class Gates:
    """Start conditions; None means not asked for. After the timeout a trial runs with a finding.

    ``foreign_cpu_percent`` also has blocks repeated during which others used more.
    """

    foreign_cpu_percent: float | None = None
    battery_percent: tuple[float, float] | None = None
    thermal: ThermalGate | None = ThermalGate()
    timeout_minutes: float = 15.0


@dataclass(frozen=True, slots=True)
class Cooling:
    """How the thermal gate before a trial went.

    ``sensor`` is empty where none can be read, with the reason in ``unavailable``. ``start_c`` is
    the device's start state in this run. ``met`` is False where the gate gave up.
    """

    sensor: str  #: skin, battery or processor
    channels: tuple[str, ...] = ()
    unavailable: str | None = None
    begin_c: float | None = None
    end_c: float | None = None
    limit_c: float | None = None
    start_c: float | None = None
    waited_ns: int = 0
    met: bool = True
