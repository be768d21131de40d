"""What only an app on the phone can read: the runner's own traces, under the names of channels.

Many phones let nobody but an app ask for the battery's current, and ``dumpsys`` is too slow while
something is timed. A runner sends such values between blocks, raw and under names of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness import channels
from harness.device import Reading
from harness.record import ChannelRecord
from harness.wire.messages import Trace


@dataclass(frozen=True, slots=True)
class _Meaning:
    """A channel, its unit, and how its value comes from the runner's integer."""

    channel: str
    unit: str
    value: Callable[[int], float]


#: The Android runner's names (docs/android-runner.md). The current is taken for microamperes, as
#: Android documents it; makers differ, and whoever makes energy of it finds unit and sign anew.
_MEANINGS = {
    "app.battery_current_raw": _Meaning(channels.BATTERY_CURRENT, "A", lambda raw: raw * 1e-6),
    "app.battery_voltage_mv": _Meaning(channels.BATTERY_VOLTAGE, "V", lambda mv: mv * 1e-3),
    "app.battery_charge_uah": _Meaning(channels.BATTERY_CHARGE, "Ah", lambda uah: uah * 1e-6),
    "app.battery_decicelsius": _Meaning(
        channels.BATTERY_TEMPERATURE, "degC", lambda tenths: tenths / 10
    ),
    "app.battery_plugged": _Meaning(
        channels.BATTERY_PLUGGED, "0 or 1", lambda kind: float(kind != 0)
    ),
    "app.thermal_status": _Meaning(channels.THERMAL_STATUS, "level", float),
    # What an iPhone's runner tells (docs/ios.md).
    "thermal.status": _Meaning(channels.THERMAL_STATUS, "level", float),
    "self.rss_bytes": _Meaning(channels.RSS, "bytes", float),
    "self.rss_peak_bytes": _Meaning(channels.RSS_PEAK, "bytes", float),
    "self.available_bytes": _Meaning(channels.AVAILABLE, "bytes", float),
    "device.battery_plugged": _Meaning(channels.BATTERY_PLUGGED, "0 or 1", float),
    "device.low_power_mode": _Meaning(channels.LOW_POWER, "0 or 1", float),
    "device.brightness_percent": _Meaning(channels.BRIGHTNESS, "percent", float),
}
#: The channels that a runner may fill.
CHANNELS = frozenset(meaning.channel for meaning in _MEANINGS.values())


class OwnReadings:
    """Chooses among the runner's readings: what is read from outside throughout stays as it is."""

    def __init__(self, outside: Sequence[ChannelRecord], *, alone: bool = False) -> None:
        """``alone``: nobody reads the device from outside while the runner works."""
        self._channels = {item.name: item for item in outside}
        self._told: set[str] = set()
        self._taken = {
            item.name
            for item in outside
            if item.unavailable is None and not item.source.endswith(channels.SELDOM) and not alone
        }

    @property
    def channels(self) -> tuple[ChannelRecord, ...]:
        """All channels, with those that the runner filled."""
        return tuple(self._channels.values())

    @property
    def told(self) -> frozenset[str]:
        """The channels of which the runner told."""
        return frozenset(self._told)

    def lack(self, channel: str) -> bool:
        """Whether a channel is not read from outside while something is timed."""
        return channel not in self._taken

    def read(self, trace: Trace, offset_ns: int) -> list[Reading]:
        """The readings to keep, on the host's clock; ``offset_ns`` is runner minus host time."""
        found = []
        for name, raw in zip(trace.channels, trace.values, strict=True):
            meaning = _MEANINGS.get(name)
            if meaning is not None and meaning.channel not in self._taken:
                self._note(meaning, name)
                at_ns = trace.at_ns - offset_ns
                found.append(Reading(meaning.channel, at_ns, meaning.value(raw)))
        return found

    def _note(self, meaning: _Meaning, name: str) -> None:
        """The channel's record names the runner, beside who else fills it."""
        self._told.add(meaning.channel)
        source = f"the runner's {name}"
        known = self._channels.get(meaning.channel)
        if known is not None and known.unavailable is None:
            if source in known.source:
                return
            source = f"{source}; {known.source}"
        self._channels[meaning.channel] = ChannelRecord(
            meaning.channel, meaning.unit, "host", source
        )
