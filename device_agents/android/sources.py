"""What a phone lets the shell read while a trial runs: found once, by opening exact paths.

Only files that open are read later; those that exist and do not open are unavailable with the
phone's words. Nothing here forks on the phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from device_agents.android.parse import odpm, power_supply, processor, thermal
from device_agents.android.parse.text import channel_part, integer, number, printable
from device_agents.android.phone import Phone
from harness import channels
from harness.clock import CancelToken, Deadline
from harness.record import ChannelRecord

_ZONES = 100
_POLICIES = 12
#: Zones that are read beside skin and battery: each costs time in every sample.
_MOST_ZONES = 8
#: The gauge's own driver first: what is called ``battery`` beside one may be stale.
_GAUGES = ("maxfg", "max77759", "bms", "mtk-gauge", "sec-fuelgauge", "bq27541-0", "battery")
#: Android's own numbers are minutes old, and voltage sags under load.
_MOST_VOLTS_APART, _MOST_PERCENT_APART = 0.4, 15.0
_GAUGE_FILES = ("current_now", "voltage_now", "capacity", "charge_counter", "temp")
_GPU_FILES = {
    "gpu_hz": ("/sys/class/kgsl/kgsl-3d0/gpuclk",),
    "gpu_khz": ("/sys/kernel/gpu/gpu_clock", "/sys/class/misc/mali0/device/clock"),
    "gpu_mhz": ("/sys/kernel/ged/hal/current_freqency",),
    "gpu_busy": (
        "/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage",
        "/sys/kernel/gpu/gpu_busy",
        "/sys/class/misc/mali0/device/utilization",
    ),
}
RAIL_FILES = tuple(f"/sys/bus/iio/devices/iio:device{n}/energy_value" for n in (0, 1))
_INTERESTING = ("cpu", "big", "mid", "little", "gpu", "g3d", "npu", "tpu", "soc", "ddr", "tsens")

_SCRIPT = """
p() {
  v=
  if { read -r v <"$2"; } 2>/dev/null || [ -n "$v" ]; then echo "$1|$2|$v"
  elif [ -e "$2" ]; then m=$({ read -r v <"$2"; } 2>&1); echo "$1|$2|!$m"; fi
}
n=0
while [ $n -lt %(zones)d ]; do
  z=/sys/class/thermal/thermal_zone$n t= v=
  if { read -r t <$z/type; } 2>/dev/null; then
    { read -r v <$z/temp; } 2>/dev/null
    echo "zone|$z/temp|$t|$v"
  fi
  n=$((n+1))
done
%(paths)s
for f in %(rails)s; do
  if [ -r $f ]; then while read -r l; do echo "rail|$f|$l|"; done <$f; fi
done
true"""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the stream: how its line becomes the value of a channel."""

    path: str
    record: ChannelRecord
    value: Callable[[str], float | None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be streamed, and what cannot with the reasons."""

    sources: tuple[Source, ...]
    rails: tuple[tuple[str, ChannelRecord], ...]  #: the file of each rail's counter
    missing: tuple[ChannelRecord, ...]
    current: str  #: how current becomes amperes, or why it does not


def survey(
    phone: Phone, said: Mapping[str, object], deadline: Deadline, cancel: CancelToken
) -> Survey:
    """Open every path that may tell something; ``said`` is what Android says of the battery."""
    text = phone.run(probe_script(), deadline, cancel).text
    return survey_from(text, said)


def probe_script() -> str:
    """The script that opens every path."""
    paths = [
        *((f"cur{n}", f"{_policy(n)}/scaling_cur_freq") for n in range(_POLICIES)),
        *((f"max{n}", f"{_policy(n)}/scaling_max_freq") for n in range(_POLICIES)),
        *((f, f"/sys/class/power_supply/{g}/{f}") for g in _GAUGES for f in _GAUGE_FILES),
        *((name, path) for name, group in _GPU_FILES.items() for path in group),
        ("stat", "/proc/stat"),
    ]
    lines = "\n".join(f"p {name} {path}" for name, path in paths)
    return _SCRIPT % {"zones": _ZONES, "paths": lines, "rails": " ".join(RAIL_FILES)}


def survey_from(text: str, said: Mapping[str, object]) -> Survey:
    """The survey in the script's output; ``said`` calibrates the current and shows up old gauges.

    It holds values of a phone's state: ``battery.status``, ``.percent`` and ``.voltage_v``.
    """
    rows = [line.split("|") for line in text.splitlines() if "|" in line]
    read = [(row[0], row[1], row[2]) for row in rows if len(row) == 3]
    zones = [(row[1], row[2], row[3]) for row in rows if len(row) == 4 and row[0] == "zone"]
    readable = _in_use([row for row in read if not row[2].startswith("!")], said)
    status = said.get("battery.status")
    scale = _current_scale(readable, status if isinstance(status, str) else None)
    sources = [
        *_zone_sources(zones),
        *_frequency_sources(readable),
        *_gauge_sources(readable, scale),
        *_gpu_sources(readable),
    ]
    unique = {source.record.name: source for source in reversed(sources)}
    have = set(unique)
    missing = [gap for gap in _gaps(read, zones, scale) if gap.name not in have]
    return Survey(
        tuple(reversed(unique.values())),
        tuple(_rails(rows)),
        tuple({gap.name: gap for gap in missing}.values()),
        scale if isinstance(scale, str) else scale.why,
    )


def _rails(rows: list[list[str]]) -> Iterator[tuple[str, ChannelRecord]]:
    for row in rows:
        if row[0] == "rail" and len(row) >= 3:
            for rail in odpm.read_energy_value(row[2]):
                yield row[1], _record(channels.energy(channel_part(rail)), "J", row[1])


def _policy(number_: int) -> str:
    return f"/sys/devices/system/cpu/cpufreq/policy{number_}"


def _record(name: str, unit: str, source: str, unavailable: str | None = None) -> ChannelRecord:
    return ChannelRecord(name, unit, "host", source, unavailable)


def _zone_sources(zones: list[tuple[str, str, str]]) -> Iterator[Source]:
    """Skin and battery first, then the interesting ones by name."""
    usable = []
    for path, kind, text in zones:
        raw = integer(text)
        scale = None if raw is None else thermal.zone_scale(raw)
        if scale is not None and thermal.is_temperature_zone(kind):
            usable.append((path, kind, scale))
    skins = [zone for zone in usable if thermal.is_skin_zone(zone[1])]
    skins.sort(key=lambda zone: ("skin" not in zone[1].lower(), zone[1]))
    for path, kind, scale in skins[:1]:
        yield _zone(channels.SKIN_TEMPERATURE, path, kind, scale)
    for path, kind, scale in usable:
        if kind.lower() == "battery":
            yield _zone(channels.BATTERY_TEMPERATURE, path, kind, scale)
    others = [
        zone
        for zone in usable
        if zone not in skins[:1] and any(word in zone[1].lower() for word in _INTERESTING)
    ]
    for path, kind, scale in others[:_MOST_ZONES]:
        yield _zone(channels.temperature(channel_part(kind)), path, kind, scale)


def _zone(name: str, path: str, kind: str, scale: float) -> Source:
    def value(text: str) -> float | None:
        raw = integer(text)
        return None if raw is None else thermal.zone_celsius(raw, scale)

    return Source(
        path, _record(name, "degC", f"{path} ({printable(kind, 40)}, {scale:g} degC)"), value
    )


def _frequency_sources(rows: list[tuple[str, str, str]]) -> Iterator[Source]:
    for name, path, _ in rows:
        for prefix, make in (("cur", channels.frequency), ("max", channels.frequency_max)):
            if name.startswith(prefix) and name[3:].isdecimal():
                yield Source(path, _record(make(f"policy{name[3:]}"), "kHz", path), number)


def _in_use(
    rows: list[tuple[str, str, str]], said: Mapping[str, object]
) -> list[tuple[str, str, str]]:
    """Rows without those of gauges that contradict Android; a gauge with a current comes first.

    What another driver left behind still has its files, with values that never change.
    """
    old = {_folder(path) for name, path, text in rows if _contradicts(name, text, said)}
    flows = {_folder(path) for name, path, text in rows if name == "current_now" and integer(text)}
    kept = [row for row in rows if _folder(row[1]) not in old]
    return sorted(kept, key=lambda row: _folder(row[1]) not in flows)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _contradicts(name: str, text: str, said: Mapping[str, object]) -> bool:
    reads = {
        "voltage_now": (_volts, said.get(channels.BATTERY_VOLTAGE), _MOST_VOLTS_APART),
        "capacity": (_percent, said.get(channels.BATTERY_PERCENT), _MOST_PERCENT_APART),
    }
    if name not in reads:
        return False
    read, told, most = reads[name]
    shown = read(text)
    return shown is not None and isinstance(told, float) and abs(shown - told) > most


def _gauge(rows: list[tuple[str, str, str]], name: str) -> tuple[str, str] | None:
    """The path and value of the first gauge that says something other than nothing."""
    found = [(path, text) for row, path, text in rows if row == name and integer(text) is not None]
    moving = [item for item in found if integer(item[1])]
    return next(iter(moving or found), None)


def _current_scale(
    rows: list[tuple[str, str, str]], status: str | None
) -> power_supply.CurrentScale | str:
    found = _gauge(rows, "current_now")
    if found is None:
        return "no gauge that is in use gives current_now"
    raw = power_supply.raw_value(found[1])
    return power_supply.calibrate([] if raw is None else [raw], status)


def _gauge_sources(
    rows: list[tuple[str, str, str]], scale: power_supply.CurrentScale | str
) -> Iterator[Source]:
    current, voltage = _gauge(rows, "current_now"), _gauge(rows, "voltage_now")
    if current is not None and isinstance(scale, power_supply.CurrentScale):
        calibrated = scale

        def amperes(text: str) -> float | None:
            raw = power_supply.raw_value(text)
            return None if raw is None else calibrated.amperes(raw)

        source = f"{current[0]} ({calibrated.why})"
        yield Source(current[0], _record(channels.BATTERY_CURRENT, "A", source), amperes)
    if voltage is not None:
        yield Source(voltage[0], _record(channels.BATTERY_VOLTAGE, "V", voltage[0]), _volts)
    capacity, counter = _gauge(rows, "capacity"), _gauge(rows, "charge_counter")
    if capacity is not None:
        record = _record(channels.BATTERY_PERCENT, "percent", capacity[0])
        yield Source(capacity[0], record, _percent)
    if counter is not None and (integer(counter[1]) or 0) >= 10_000:
        record = _record(channels.BATTERY_CHARGE, "Ah", counter[0])
        yield Source(counter[0], record, lambda text: _scaled(text, 1e-6))
    temperature = _gauge(rows, "temp")
    if temperature is not None and 0 < (integer(temperature[1]) or 0) < 1000:
        record = _record(channels.BATTERY_TEMPERATURE, "degC", temperature[0])
        yield Source(temperature[0], record, lambda text: _scaled(text, 0.1))


def _gpu_sources(rows: list[tuple[str, str, str]]) -> Iterator[Source]:
    for name, factor in (("gpu_hz", 1e-3), ("gpu_khz", 1.0), ("gpu_mhz", 1e3)):
        for row, path, _ in rows:
            if row == name:
                record = _record(channels.GPU_FREQUENCY, "kHz", path)
                yield Source(path, record, lambda text, by=factor: _scaled(text, by))  # type: ignore[misc]
    for row, path, _ in rows:
        if row == "gpu_busy":
            yield Source(path, _record(channels.GPU_BUSY, "percent", path), _percent)


def _volts(text: str) -> float | None:
    return power_supply.volts(power_supply.raw_value(text))


def _percent(text: str) -> float | None:
    value = number((text.replace("%", " ").split() or [""])[0])
    return value if value is not None and 0 <= value <= 100 else None


def _scaled(text: str, factor: float) -> float | None:
    value = number((text.split() or [""])[0])
    return None if value is None or value < 0 else value * factor


def _gaps(
    read: list[tuple[str, str, str]],
    zones: list[tuple[str, str, str]],
    scale: power_supply.CurrentScale | str,
) -> Iterator[ChannelRecord]:
    """A reason for each class of channels that gave nothing."""
    refused = {name: (path, text[1:]) for name, path, text in read if text.startswith("!")}

    def why(name: str, absent: str) -> str:
        if name not in refused:
            return absent
        said = refused[name][1]
        denied = "permission denied" in said.lower()
        return "permission denied" if denied else printable(said, 80)

    zone = "no thermal zone of that kind" if zones else "no thermal zone can be read"
    supply = "/sys/class/power_supply"
    yield _record(channels.SKIN_TEMPERATURE, "degC", "/sys/class/thermal", zone)
    yield _record(channels.BATTERY_TEMPERATURE, "degC", supply, why("temp", "no gauge gives temp"))
    current = why("current_now", scale if isinstance(scale, str) else "")
    yield _record(channels.BATTERY_CURRENT, "A", supply, current)
    voltage = why("voltage_now", "no gauge gives voltage_now")
    yield _record(channels.BATTERY_VOLTAGE, "V", supply, voltage)
    percent = why("capacity", "no gauge gives capacity")
    yield _record(channels.BATTERY_PERCENT, "percent", supply, percent)
    counter = why("charge_counter", "no gauge gives charge_counter")
    yield _record(channels.BATTERY_CHARGE, "Ah", supply, counter)
    cpufreq, no_policy = "/sys/devices/system/cpu/cpufreq", "no frequency domain can be read"
    for prefix, name in (("cur", "cpu.frequency_khz"), ("max", "cpu.frequency_max_khz")):
        if not any(row.startswith(prefix) and not text.startswith("!") for row, _, text in read):
            yield _record(name, "kHz", cpufreq, why(f"{prefix}0", no_policy))
    clock = why("gpu_hz", why("gpu_khz", why("gpu_mhz", "no known driver file")))
    yield _record(channels.GPU_FREQUENCY, "kHz", "/sys/class/kgsl", clock)
    busy = why("gpu_busy", "no known driver file")
    yield _record(channels.GPU_BUSY, "percent", "/sys/class/kgsl", busy)
    if "stat" in refused or not any(name == "stat" for name, _, _ in read):
        reason = why("stat", "/proc/stat cannot be read")
        yield _record(channels.FOREIGN_CPU, "percent", "/proc/stat", reason)


def busy_seconds(stat: str) -> float | None:
    """Seconds that all cores worked, from the first line of ``/proc/stat``."""
    ticks = processor.busy_ticks(stat)
    return None if ticks is None else ticks / processor.TICKS_PER_S
