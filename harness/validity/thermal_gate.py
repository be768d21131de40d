"""Is a device as cool as when it was at rest? The decision only; whoever asks does the waiting.

One meaning on every platform. The sensor is the skin's, else the battery's, else the hottest one of
the processor. The gate opens when the system reports no thermal pressure, the temperature is within
a band above the device's own start state (what it had when the first gate of the run opened), and
it has stopped moving. At or below the start temperature nothing is left to wait for, and so the
gate opens at once. Constants and reasons: docs/method.md, "Thermal gate".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from harness.channels import BATTERY_TEMPERATURE, SKIN_TEMPERATURE, THERMAL_STATUS
from harness.record import ChannelRecord
from harness.units import NS_PER_S, format_duration
from harness.validity.gates import RECENT, GateDecision

#: Skin and battery: no warmer than this whatever the start state, unless the scenario says else.
CEILING_C = 35.0
#: A phone at or below this is plainly at rest; the first trial of a run then need not wait.
REST_C = 30.0
#: The slope is judged over so many seconds.
SLOPE_S = 60.0
#: A sensor that says nothing for so long has gone (once a minute is the slowest that is sensible).
SILENT_S = 150.0
#: Zones of thermal drivers that are a processor's: ``cpu-0-0``, ``x86_pkg_temp``, ``soc``, ``AP``.
_PROCESSOR = re.compile(
    r"(^|[^a-z])(cpu|soc|ap|apss|pkg|package|tctl|tdie|core|big|mid|little|gold|silver|prime|k10temp)"
)


@dataclass(frozen=True, slots=True)
class ThermalSensor:
    """What is watched. Of several channels the hottest one counts.

    ``band_c`` and ``slope_c_per_min`` say how near to the start state is near enough. A processor's
    own sensors move by degrees at rest, follow its power within seconds, and have no temperature
    that is right for all processors; there the band is wider and the rest is None.
    """

    name: str  #: ``skin``, ``battery`` or ``processor``
    channels: tuple[str, ...]
    band_c: float = 1.0
    slope_c_per_min: float | None = 0.2
    ceiling_c: float | None = CEILING_C
    rest_c: float | None = REST_C


@dataclass(frozen=True, slots=True)
class Warmth:
    """What is known of the device's heat now.

    ``history`` holds time in ns and temperature, oldest first, values that are no numbers left out.
    ``status`` is the system's own thermal status, None where it tells none. ``start_c`` and
    ``start_status`` are the start state; the temperature is None until the first gate of the run
    has opened. ``silent_s`` counts from the newest reading, or from the begin of the wait.
    """

    history: Sequence[tuple[int, float]]
    status: float | None = None
    start_c: float | None = None
    silent_s: float = 0.0
    start_status: float = 0.0

    @property
    def heard(self) -> bool:
        """Whether the sensor still speaks."""
        return self.silent_s <= SILENT_S

    @property
    def pressed(self) -> bool:
        """Whether the system reports more thermal pressure than in the start state."""
        return (self.status or 0.0) > self.start_status

    @property
    def now_c(self) -> float | None:
        """The temperature: the middle one of the last three readings, so that a jump moves nothing;
        of fewer the highest.
        """
        recent = [value for _, value in self.history[-RECENT:]]
        if not recent:
            return None
        return median(recent) if len(recent) == RECENT else max(recent)

    @property
    def slope_c_per_min(self) -> float | None:
        """Change over the last minute, from medians of its two halves; None before it is over."""
        end_ns = self.history[-1][0] if self.history else 0
        begin_ns = end_ns - round(SLOPE_S * NS_PER_S)
        first = next(
            (
                place
                for place in reversed(range(len(self.history)))
                if self.history[place][0] <= begin_ns
            ),
            None,
        )
        if first is None:
            return None
        window = self.history[first:]
        halves = window[: len(window) // 2], window[len(window) // 2 :]
        (t1, c1), (t2, c2) = (
            (median(at for at, _ in half), median(value for _, value in half)) for half in halves
        )
        return 60.0 * NS_PER_S * (c2 - c1) / (t2 - t1) if t2 > t1 else None


def choose_sensor(channels: Sequence[ChannelRecord]) -> ThermalSensor | str:
    """The sensor that a device with these channels is judged by, or why there is none."""
    readable = {item.name for item in channels if item.unavailable is None}
    for name, channel in (("skin", SKIN_TEMPERATURE), ("battery", BATTERY_TEMPERATURE)):
        if channel in readable:
            return ThermalSensor(name, (channel,))
    zones = sorted(name for name in readable if _is_processor(name))
    if zones:
        return ThermalSensor("processor", tuple(zones), 5.0, None, None, None)
    reasons = [
        item.unavailable
        for item in channels
        if item.name.startswith("temperature") and item.unavailable is not None
    ]
    return reasons[0] if reasons else "no temperature of skin, battery or processor is read"


def limit_of(sensor: ThermalSensor, start_c: float | None, max_c: float | None) -> float | None:
    """The temperature at which the gate may open; None where nothing says (a first trial)."""
    ceiling = sensor.ceiling_c if max_c is None else max_c
    bounds = [ceiling, None if start_c is None else start_c + sensor.band_c]
    return min((bound for bound in bounds if bound is not None), default=None)


def thermal_gate(
    sensor: ThermalSensor | None,
    warmth: Warmth,
    *,
    max_c: float | None,
    waited_s: float,
    timeout_s: float,
) -> GateDecision:
    """Whether the device is cool enough. Without a ``sensor`` only the system's status counts.

    ``max_c`` is the scenario's own bound. A sensor that has gone silent ends the wait at once.
    """
    seen = _seen(sensor, warmth, max_c)
    if sensor is not None and not warmth.heard:
        silence = f"no reading of the {sensor.name} for {format_duration(warmth.silent_s)}"
        return GateDecision("timeout", silence)
    if not warmth.pressed and (sensor is None or _is_cool(sensor, warmth, max_c)):
        return GateDecision("open", seen)
    if waited_s < timeout_s:
        left = f"at most {format_duration(timeout_s - waited_s)} more"
        about = None if sensor is None else _expected_s(sensor, warmth, max_c)
        hope = f"about {format_duration(about)}, " if about and about < timeout_s else ""
        return GateDecision("wait", f"{seen}; {hope}{left}")
    return GateDecision("timeout", f"after {format_duration(waited_s)}: {seen}")


def is_flat(sensor: ThermalSensor, warmth: Warmth) -> bool:
    """Whether the temperature has stopped moving, as far as it is asked."""
    if sensor.slope_c_per_min is None:
        return True
    slope = warmth.slope_c_per_min
    return slope is not None and abs(slope) <= sensor.slope_c_per_min + 1e-9


def thermal_status(value: float) -> str:
    """The system's thermal status by its name."""
    names = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
    return names[int(value)] if 0 <= value < len(names) else f"{value:g}"


def _is_cool(sensor: ThermalSensor, warmth: Warmth, max_c: float | None) -> bool:
    now_c, limit_c = warmth.now_c, limit_of(sensor, warmth.start_c, max_c)
    if now_c is None or (limit_c is not None and now_c > limit_c):
        return False
    rest_c = sensor.rest_c if warmth.start_c is None else warmth.start_c
    return rest_c is None or now_c <= rest_c or is_flat(sensor, warmth)


def _expected_s(sensor: ThermalSensor, warmth: Warmth, max_c: float | None) -> float | None:
    """Seconds to the limit if it goes on cooling as it does; None where it does not."""
    now_c, slope = warmth.now_c, warmth.slope_c_per_min
    limit_c = limit_of(sensor, warmth.start_c, max_c)
    if now_c is None or slope is None or limit_c is None or slope >= 0 or now_c <= limit_c:
        return None
    return 60.0 * (now_c - limit_c) / -slope


def _seen(sensor: ThermalSensor | None, warmth: Warmth, max_c: float | None) -> str:
    words = []
    if warmth.status:
        words.append(f"thermal status {thermal_status(warmth.status)}")
    if sensor is None:
        return ", ".join(words) or f"no {THERMAL_STATUS} above none"
    if warmth.now_c is None:
        return ", ".join([*words, f"no reading of the {sensor.name} yet"])
    limit_c = limit_of(sensor, warmth.start_c, max_c)
    target = "" if limit_c is None else f" (opens at {limit_c:.1f} °C)"
    words.append(f"{sensor.name} {warmth.now_c:.1f} °C{target}")
    slope = warmth.slope_c_per_min
    if slope is not None and not is_flat(sensor, warmth):
        words.append(f"changing by {slope:+.1f} °C a minute")
    return ", ".join(words)


def _is_processor(channel: str) -> bool:
    name = channel.removeprefix("temperature.").removesuffix("_c").lower()
    return name != channel and _PROCESSOR.search(name) is not None
