"""What a person or the system has set on a simulated iPhone; tests change it as they like."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Trust(StrEnum):
    """What the phone thinks of a host that asks to pair."""

    ASKS = "asks"  #: the dialog is shown, and nobody taps it
    ACCEPTS = "accepts"  #: somebody taps Trust as soon as the dialog shows
    DENIES = "denies"


@dataclass
class Condition:
    """The settings."""

    trust: Trust = Trust.ACCEPTS
    passcode_locked: bool = False
    developer_mode: bool = True
    image_mounted: bool = True
    low_power_mode: bool = False
    brightness_percent: int = 50
    storage_full: bool = False
    tunnel_up: bool = True
    refused_ports: set[int] = field(default_factory=set)
    #: Keys that this phone's values and battery lack, as some model's or version's do.
    missing_keys: set[str] = field(default_factory=set)
    #: The next so many DVT calls work; None without a limit.
    dvt_calls_left: int | None = None
