"""Outside readings of an iPhone: its battery gauge, asked at most once a second.

The gauge is updated every few seconds to a minute, whoever asks; a reading is given on only when
the gauge has a new one, so that every reading in a trace is a measurement of its own. Asking costs
the phone one small message over a connection that stays open. Processor load of others is to be had
from developer services only, which disturb: it belongs to the state before and after a trial.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_agents.ios.facts import battery_readings
from device_agents.ios.parse.battery import Accumulator, Battery, read_battery
from device_agents.ios.phone import Connections, Phone
from harness import channels
from harness.clock import CancelToken, Deadline
from harness.device import Reading, Runner
from harness.errors import DeviceError
from harness.record import ChannelRecord
from harness.units import NS_PER_S

_MOST_HZ = 1.0
_CALL_S = 5.0
#: A phone that does not answer is asked again at most this often.
_RETRY_NS = 5 * NS_PER_S
_SOURCE = "IORegistry IOPMPowerSource, once per update of the gauge"
_UNITS = {
    channels.BATTERY_TEMPERATURE: "degC",
    channels.BATTERY_CURRENT: "A",
    channels.BATTERY_VOLTAGE: "V",
    channels.BATTERY_POWER: "W",
    channels.BATTERY_PERCENT: "percent",
    channels.BATTERY_CHARGE: "Ah",
    channels.BATTERY_PLUGGED: "0 or 1",
}
_ELSEWHERE = {
    channels.FOREIGN_CPU: (
        "percent",
        "sysmontap",
        "developer services tell it, and would disturb what is timed; see the state before",
    ),
    channels.THERMAL_STATUS: ("level", "ProcessInfo", "only the runner app can tell"),
    channels.RSS: ("bytes", "phys_footprint", "only the runner app can tell"),
    channels.SKIN_TEMPERATURE: ("degC", "none", "iOS shows no temperature but the battery's"),
}


class IosTelemetry:
    """Outside readings of one phone; implements :class:`harness.device.Telemetry`."""

    def __init__(self, phone: Phone, rate_hz: float) -> None:
        self._phone = phone
        self._period_ns = round(NS_PER_S / min(rate_hz, _MOST_HZ)) if rate_hz > 0 else None
        self._due_ns = 0
        self._last: Battery | None = None
        self._load: Accumulator | None = None
        self._first: list[Reading] = []
        self._why = "the phone did not answer"
        self._known = Battery()
        if self._period_ns is not None:
            self._first = self._read()

    def channels(self) -> Sequence[ChannelRecord]:
        """What is read, then what cannot be read with the reason."""
        records = []
        for name, value in battery_readings(self._known).items():
            why = None if value is not None else self._why
            records.append(ChannelRecord(name, _UNITS[name], "host", _SOURCE, why))
        why = None if self._known.load is not None else "this phone has no PowerTelemetryData"
        load_source = "PowerTelemetryData, mean since the reading before (the first: of the moment)"
        records.append(ChannelRecord(channels.SYSTEM_LOAD, "W", "host", load_source, why))
        for name, (unit, source, reason) in _ELSEWHERE.items():
            records.append(ChannelRecord(name, unit, "host", source, reason))
        return records

    def attach(self, runner: Runner) -> None:
        """The process is the app's own to tell about."""

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """The gauge's newest reading, if it is another than the last."""
        if self._period_ns is None:
            return ()
        readings, self._first = self._first, []
        if final or self._phone.clock.monotonic_ns() >= self._due_ns:
            readings += self._read()
        return readings

    def close(self) -> None:
        """Connections belong to the phone and stay."""

    # --- inside -----------------------------------------------------------------------------

    def _read(self) -> list[Reading]:
        async def ask(connections: Connections) -> dict[str, object]:
            return await connections.battery()

        clock = self._phone.clock
        before_ns = clock.monotonic_ns()
        try:
            registry = self._phone.call_once(
                "read the battery", ask, Deadline(clock, _CALL_S), CancelToken()
            )
        except DeviceError as error:
            self._why = f"the phone did not answer: {error}"
            self._phone.disconnect()
            self._due_ns = clock.monotonic_ns() + _RETRY_NS
            return []
        now_ns = clock.monotonic_ns()
        self._due_ns = now_ns + (self._period_ns or 0)
        self._why = "the battery's registry entry does not tell"
        battery = read_battery(registry)
        if battery == self._last or self._same_update(battery):
            return []
        readings = self._readings(battery, (before_ns + now_ns) // 2)
        self._last = self._known = battery
        return readings

    def _same_update(self, battery: Battery) -> bool:
        """Whether the gauge was asked before it had anything new."""
        return (
            self._last is not None
            and battery.updated_s is not None
            and battery.updated_s == self._last.updated_s
        )

    def _readings(self, battery: Battery, at_ns: int) -> list[Reading]:
        readings = [
            Reading(name, at_ns, value)
            for name, value in battery_readings(battery).items()
            if value is not None
        ]
        if battery.load is not None:
            first_w = battery.load.now_w
            mean_w = battery.load.mean_w(self._load) if self._load is not None else first_w
            if mean_w is not None:
                readings.append(Reading(channels.SYSTEM_LOAD, at_ns, mean_w))
            self._load = battery.load
        return readings
