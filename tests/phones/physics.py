"""What heat and a battery do to a phone: a pure model that only moves when it is asked.

Two nodes store heat, the skin (with the processor behind it) and the battery; both lose it to the
air. The skin decides how far the processor is throttled, with hysteresis, and the throttled
frequency decides how long an inference takes. Nothing here is a figure of a real phone: the
constants are of the right size (a 190 g phone stores about 170 J/K and 4 W warm its skin to 43 degC
in a quarter of an hour), so that the harness meets the shapes it will meet in a lab.
"""

from __future__ import annotations

import math
import random
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

#: Longest step of the integration; every time constant of a phone is far above it.
_STEP_S = 1.0


class Status(IntEnum):
    """Android's thermal status; an iPhone's states map onto none, light, severe and critical."""

    NONE = 0
    LIGHT = 1
    MODERATE = 2
    SEVERE = 3
    CRITICAL = 4
    EMERGENCY = 5
    SHUTDOWN = 6


@dataclass(frozen=True)
class Heat:
    """Heat capacities (J/K) and resistances (K/W) of the two nodes, and the air around them."""

    ambient_c: float = 25.0
    skin_j_per_k: float = 110.0
    battery_j_per_k: float = 60.0
    skin_to_air_k_per_w: float = 7.0
    skin_to_battery_k_per_w: float = 3.0
    battery_to_air_k_per_w: float = 16.0
    #: The processor follows its power at once: so much above the skin.
    processor_k_per_w: float = 8.0


@dataclass(frozen=True)
class Power:
    """What draws power, in watts; ``busy_w`` at full load and the highest frequency."""

    idle_w: float = 0.35
    screen_w: float = 0.6
    busy_w: float = 5.0
    charger_w: float = 0.0


@dataclass(frozen=True)
class Trip:
    """From this skin temperature on: a status, and the share of the frequency that is left."""

    skin_c: float
    status: Status
    frequency_share: float


#: Rising, as vendors set them.
TRIPS = (
    Trip(38.0, Status.LIGHT, 0.90),
    Trip(41.0, Status.MODERATE, 0.72),
    Trip(45.0, Status.SEVERE, 0.50),
    Trip(50.0, Status.CRITICAL, 0.35),
    Trip(55.0, Status.EMERGENCY, 0.25),
    Trip(62.0, Status.SHUTDOWN, 0.15),
)


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind: which, and the frequencies they can have, rising."""

    cores: tuple[int, ...]
    frequencies_khz: tuple[int, ...]

    def at_most(self, share: float) -> int:
        """The highest frequency within a share of the top one; the lowest if none is."""
        limit = self.frequencies_khz[-1] * share
        return self.frequencies_khz[max(0, bisect_right(self.frequencies_khz, limit) - 1)]


@dataclass(frozen=True)
class Battery:
    """A cell and its gauge, with the gauge's habits.

    ``unit_per_a`` is what the gauge calls one ampere (1e6 for microamperes, 1e3 where a vendor
    tells milliamperes); ``charging_sign`` is +1 where current into the battery is positive.
    """

    capacity_ah: float = 4.5
    charge: float = 0.8  #: share of the capacity at the start
    resistance_ohm: float = 0.08
    refresh_s: float = 1.0
    unit_per_a: float = 1e6
    charging_sign: int = 1
    jitter: float = 0.02  #: relative, one standard deviation
    full_v: float = 4.4
    empty_v: float = 3.4


@dataclass(frozen=True)
class Spec:
    """A phone's physics."""

    heat: Heat = Heat()
    power: Power = Power()
    battery: Battery = Battery()
    trips: tuple[Trip, ...] = TRIPS
    hysteresis_k: float = 1.5
    clusters: tuple[Cluster, ...] = (
        Cluster((0, 1, 2, 3), (300_000, 900_000, 1_300_000, 1_704_000)),
        Cluster((4, 5, 6), (400_000, 1_200_000, 1_800_000, 2_367_000)),
        Cluster((7,), (500_000, 1_400_000, 2_200_000, 2_914_000)),
    )
    latency_jitter: float = 0.01  #: relative, one standard deviation


@dataclass(frozen=True)
class GaugeReading:
    """What the gauge said at its last refresh, in its own unit and with its own sign."""

    at_s: float
    current: int
    voltage_uv: int
    charge_uah: int
    percent: int
    decidegrees: int
    charging: bool
    plugged: bool


@dataclass(frozen=True)
class Reading:
    """The phone now. ``speed`` is the share of its full speed that is left."""

    at_s: float
    skin_c: float
    battery_c: float
    processor_c: float
    status: Status
    speed: float
    load: float
    power_w: float
    frequency_khz: tuple[int, ...]  #: by cluster
    frequency_max_khz: tuple[int, ...]
    energy_j: float  #: drawn since the start
    gauge: GaugeReading


@dataclass
class _State:
    at_s: float
    skin_c: float
    battery_c: float
    charge_ah: float
    level: int = 0
    energy_j: float = 0.0


@dataclass
class _Switches:
    screen_on: bool = True
    plugged: bool = True
    fixed_performance: bool = False
    loads: dict[str, float] = field(default_factory=dict)


class Physics:
    """One phone. ``seconds`` is its clock; every call first brings the model up to that time.

    May be used by several threads.
    """

    def __init__(self, spec: Spec, seconds: Callable[[], float], seed: int = 0) -> None:
        self.spec, self._seconds = spec, seconds
        self._random = random.Random(seed)
        self._switches = _Switches()
        heat, battery = spec.heat, spec.battery
        self._state = _State(
            seconds(), heat.ambient_c, heat.ambient_c, battery.capacity_ah * battery.charge
        )
        self._lock = threading.RLock()
        self._gauge = self._read_gauge(seconds())

    # --- what the rest of the phone tells ---------------------------------------------------

    def set_load(self, source: str, load: float) -> None:
        """From now on ``source`` keeps this share (0 to 1) of the processor busy."""
        with self._advanced():
            self._switches.loads[source] = min(1.0, max(0.0, load))

    @contextmanager
    def busy(self, source: str, load: float = 1.0) -> Iterator[None]:
        """``source`` keeps the processor busy inside this block."""
        self.set_load(source, load)
        try:
            yield
        finally:
            self.set_load(source, 0.0)

    def set_screen(self, lit: bool) -> None:
        """The display goes on or off."""
        with self._advanced():
            self._switches.screen_on = lit

    def set_plugged(self, plugged: bool) -> None:
        """A charger is connected or pulled out."""
        with self._advanced():
            self._switches.plugged = plugged

    def set_fixed_performance(self, fixed: bool) -> None:
        """Keep the frequency at three quarters, where trips do not lower it further."""
        with self._advanced():
            self._switches.fixed_performance = fixed

    def warm_to(self, skin_c: float, battery_c: float | None = None) -> None:
        """Put the phone into the sun: temperatures are what they are from now on."""
        with self._advanced() as state:
            state.skin_c = skin_c
            state.battery_c = skin_c if battery_c is None else battery_c
            self._settle_level(state)

    def set_charge(self, share: float) -> None:
        """Fill or empty the battery to a share of its capacity."""
        with self._advanced() as state:
            state.charge_ah = share * self.spec.battery.capacity_ah
            self._gauge = self._read_gauge(state.at_s)

    # --- what can be read -------------------------------------------------------------------

    def reading(self) -> Reading:
        """Everything, now."""
        with self._advanced() as state:
            power_w, speed = self._power_w(), self._speed()
            caps = tuple(cluster.at_most(self._share()) for cluster in self.spec.clusters)
            return Reading(
                at_s=state.at_s,
                skin_c=state.skin_c,
                battery_c=state.battery_c,
                processor_c=state.skin_c + self.spec.heat.processor_k_per_w * power_w,
                status=self._status(),
                speed=speed,
                load=self._load(),
                power_w=power_w,
                frequency_khz=tuple(map(self._current_khz, self.spec.clusters, caps)),
                frequency_max_khz=caps,
                energy_j=state.energy_j,
                gauge=self._gauge,
            )

    def latency_s(self, nominal_s: float) -> float:
        """How long an inference takes now that takes ``nominal_s`` on the cool phone."""
        with self._advanced():
            spread = self.spec.latency_jitter
            return nominal_s / self._speed() * math.exp(self._random.gauss(0.0, spread))

    # --- the model --------------------------------------------------------------------------

    @contextmanager
    def _advanced(self) -> Iterator[_State]:
        with self._lock:
            self._advance_to(self._seconds())
            yield self._state

    def _advance_to(self, now_s: float) -> None:
        state, refresh_s = self._state, self.spec.battery.refresh_s
        while state.at_s < now_s:
            step_s = min(_STEP_S, now_s - state.at_s)
            self._step(state, step_s)
            state.at_s += step_s
        if now_s - self._gauge.at_s >= refresh_s:
            late_s = (now_s - self._gauge.at_s) % refresh_s
            self._gauge = self._read_gauge(now_s - late_s)

    def _step(self, state: _State, step_s: float) -> None:
        heat, power_w, current_a = self.spec.heat, self._power_w(), self._current_a()
        to_battery_w = (state.skin_c - state.battery_c) / heat.skin_to_battery_k_per_w
        skin_loss_w = (state.skin_c - heat.ambient_c) / heat.skin_to_air_k_per_w
        battery_loss_w = (state.battery_c - heat.ambient_c) / heat.battery_to_air_k_per_w
        battery_w = current_a**2 * self.spec.battery.resistance_ohm
        state.skin_c += (power_w - skin_loss_w - to_battery_w) * step_s / heat.skin_j_per_k
        state.battery_c += (
            (battery_w + to_battery_w - battery_loss_w) * step_s / heat.battery_j_per_k
        )
        charge_ah = state.charge_ah + current_a * step_s / 3600
        state.charge_ah = min(self.spec.battery.capacity_ah, max(0.0, charge_ah))
        state.energy_j += power_w * step_s
        self._settle_level(state)

    def _settle_level(self, state: _State) -> None:
        """A trip is reached at its temperature and left only so many degrees below it."""
        trips = self.spec.trips
        while state.level < len(trips) and state.skin_c >= trips[state.level].skin_c:
            state.level += 1
        while (
            state.level > 0
            and state.skin_c < trips[state.level - 1].skin_c - self.spec.hysteresis_k
        ):
            state.level -= 1

    def _status(self) -> Status:
        level = self._state.level
        return self.spec.trips[level - 1].status if level else Status.NONE

    def _share(self) -> float:
        level = self._state.level
        share = self.spec.trips[level - 1].frequency_share if level else 1.0
        return min(share, 0.75) if self._switches.fixed_performance else share

    def _speed(self) -> float:
        """The fastest cluster sets the pace."""
        fastest = self.spec.clusters[-1]
        return fastest.at_most(self._share()) / fastest.frequencies_khz[-1]

    def _load(self) -> float:
        return min(1.0, sum(self._switches.loads.values()))

    def _current_khz(self, cluster: Cluster, cap_khz: int) -> int:
        """The governor: enough for the load, within the cap."""
        if self._switches.fixed_performance:
            return cap_khz
        return min(cap_khz, cluster.at_most(max(0.2, self._load() * 1.25)))

    def _power_w(self) -> float:
        power = self.spec.power
        screen_w = power.screen_w if self._switches.screen_on else 0.0
        return power.idle_w + screen_w + power.busy_w * self._load() * self._speed() ** 2

    def _current_a(self) -> float:
        """Into the battery when positive."""
        full = self._state.charge_ah >= self.spec.battery.capacity_ah
        charger_w = self.spec.power.charger_w if self._switches.plugged else 0.0
        surplus_w = charger_w - self._power_w()
        return 0.0 if full and surplus_w > 0 else surplus_w / self._open_circuit_v()

    def _open_circuit_v(self) -> float:
        battery = self.spec.battery
        share = self._state.charge_ah / battery.capacity_ah
        return battery.empty_v + (battery.full_v - battery.empty_v) * share

    def _read_gauge(self, at_s: float) -> GaugeReading:
        battery, state, current_a = self.spec.battery, self._state, self._current_a()
        shown_a = current_a * (1 + self._random.gauss(0.0, battery.jitter))
        volts = self._open_circuit_v() + current_a * battery.resistance_ohm
        return GaugeReading(
            at_s=at_s,
            current=round(shown_a * battery.unit_per_a * battery.charging_sign),
            voltage_uv=round(volts * 1000) * 1000,
            charge_uah=round(state.charge_ah * 1000) * 1000,
            percent=round(100 * state.charge_ah / battery.capacity_ah),
            decidegrees=round(state.battery_c * 10),
            charging=current_a > 0,
            plugged=self._switches.plugged,
        )
