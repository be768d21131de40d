"""Names for people: what a cell, a load, a phase and a telemetry channel are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.record import Cell, PlacementVerdict, TrialRecord
from harness.scenario import Burst, Cold, Load, Offline, Periodic, SingleStream, Sustained
from harness.text import one_line
from harness.units import format_duration, significant
from reports.model import Channel

#: The parts of a cell's name, with the heading tables give them.
FACETS: dict[str, str] = {
    "run": "Run",
    "device": "Device",
    "model": "Model",
    "engine": "Engine",
    "engine_version": "Engine version",
    "delegate": "Delegate",
    "placement": "Placement",
    "threads": "Threads",
    "batch": "Batch",
    "options": "Options",
    "arm": "Arm",
    "load": "Load",
}

#: The order in which a sentence names them.
_SPOKEN = (
    *("model", "engine", "delegate", "placement", "threads"),
    *("batch", "options", "arm", "load", "device", "run"),
)

#: Start-up phases in the order they happen, by field of ``LoadTimes``.
PHASES: dict[str, str] = {
    "launch_ns": "launch",
    "import_ns": "engine import",
    "load_ns": "model load",
    "prepare_ns": "preparation",
    "first_ns": "first inference",
}

_CHANNEL_TITLES = {
    "runner.rss_bytes": "Runner RSS",
    "runner.rss_peak_bytes": "Runner peak RSS",
    "runner.pss_bytes": "Runner PSS",
    "runner.cpu_percent": "Runner CPU",
    "runner.behind": "Runner behind",
    "device.foreign_cpu_percent": "CPU of everyone else",
    "device.steal_percent": "CPU taken by the hypervisor",
    "device.screen_on": "Display lit",
    "device.covered": "Something in front",
    "thermal.status": "Thermal status",
    "gpu.frequency_khz": "GPU frequency",
    "gpu.busy_percent": "GPU load",
    "battery.percent": "Battery",
    "battery.current_a": "Battery current",
    "battery.voltage_v": "Battery voltage",
    "battery.charge_ah": "Battery charge",
    "battery.plugged": "Plugged in",
    "power.battery_w": "Battery power",
    "lab.ambient_c": "Room temperature",
    "host.busy_percent": "Load of the host",
    "host.neighbour_trials": "Trials on neighbours",
}
_CHANNEL_FAMILIES = {
    "temperature": "Temperature",
    "cpu.frequency_khz": "CPU frequency",
    "cpu.frequency_max_khz": "CPU frequency limit",
    "power": "Power",
    "energy": "Energy",
    "battery": "Battery",
}
#: Stored unit to shown unit and the factor between them.
_CHANNEL_UNITS = {
    "bytes": ("MiB", 1 / 1024**2),
    "kHz": ("MHz", 1e-3),
    "percent": ("%", 1.0),
    "degC": ("°C", 1.0),
}


def run_name(run_id: str, label: str | None) -> str:
    """A run's label where it has one, with the id."""
    return f"{one_line(label)} ({run_id})" if label else run_id


def facets(cell: Cell, run: str, records: Sequence[TrialRecord], phone: str = "") -> dict[str, str]:
    """The parts of the cell's name, cleaned for display; an absent part is an empty string.

    Beside those of FACETS there are ``family`` and ``variant``, the two parts of ``model``, and
    ``phone``, the kind of device that ``device`` is a unit of.
    """
    shapes = {name: "x".join(map(str, shape)) for name, shape in sorted(cell.shapes.items())}
    options = [f"{name}={value}" for name, value in sorted(cell.options.items())]
    options += [f"{name}: {shape}" for name, shape in shapes.items()]
    return {
        "run": run,
        "device": one_line(cell.device_id),
        "model": one_line(cell.variant.label),
        "engine": one_line(cell.engine),
        "engine_version": _distinct(engine_version(record) for record in records),
        "delegate": _delegate(cell, records),
        "placement": _placement(cell, records),
        "threads": str(cell.threads),
        "batch": str(cell.batch),
        "options": one_line(", ".join(options)),
        "arm": f"{cell.arm} arm" if cell.arm else "",
        "load": load_text(cell.load) if cell.purpose == "timing" else f"{cell.purpose} pass",
        "family": one_line(cell.variant.model),
        "variant": one_line(cell.variant.name),
        "phone": one_line(phone) or one_line(cell.device_id),
    }


def cell_text(facet: dict[str, str], leave_out: frozenset[str] = frozenset()) -> str:
    """A cell's name on one line: ``mobilenet_v2/fp32, tflite 2.3, cpu, 1 thread``."""
    spelled = dict(facet)
    spelled["engine"] = engine_text(facet)
    spelled["threads"] = f"{facet['threads']} thread{'' if facet['threads'] == '1' else 's'}"
    spelled["batch"] = f"batch {facet['batch']}"
    return ", ".join(spelled[key] for key in _SPOKEN if spelled[key] and key not in leave_out)


def engine_text(facet: dict[str, str]) -> str:
    """``tflite 2.3.0``."""
    return f"{facet['engine']} {facet['engine_version']}".rstrip()


def _distinct(texts: Iterable[str]) -> str:
    return " and ".join(sorted({text for text in texts if text}))


def _delegate(cell: Cell, records: Sequence[TrialRecord]) -> str:
    """The delegate that the numbers belong to: not the one asked for, where it fell back."""
    placed = [record.placed for record in records if record.placed]
    fell_back = [one for one in placed if one.verdict is PlacementVerdict.FELL_BACK]
    if placed and len(fell_back) == len(placed):
        return one_line(f"cpu ({cell.delegate} fell back)")
    return one_line(cell.delegate)


def _placement(cell: Cell, records: Sequence[TrialRecord]) -> str:
    """Where the graph really ran; for the processor itself that goes without saying."""
    if cell.delegate == "cpu":
        return ""
    return _distinct(record.placed.text for record in records if record.placed)


def load_text(load: Load) -> str:
    """A load kind with the number that matters most about it."""
    match load:
        case SingleStream():
            return f"single_stream {significant(load.min_seconds, 3).rstrip('0').rstrip('.')} s"
        case Burst():
            return f"burst of {load.inferences}"
        case Offline():
            return f"offline {load.samples} samples"
        case Sustained():
            return f"sustained {format_duration(load.seconds)}"
        case Periodic():
            return f"periodic {load.rate_hz:g} Hz"
        case Cold():
            return f"cold, page cache {'kept' if load.page_cache == 'keep' else 'dropped'}"


def engine_version(record: TrialRecord) -> str:
    """The engine's version as the runner reported it, empty if it never did."""
    return one_line(str(record.engine.get("version", "")))


def channel(name: str, unit: str) -> tuple[Channel, float]:
    """What a channel is called and shown in, and the factor from its stored unit."""
    shown, factor = _CHANNEL_UNITS.get(unit, (one_line(unit), 1.0))
    return Channel(one_line(name), channel_title(name), shown), factor


def channel_title(name: str) -> str:
    """``temperature.cpu_thermal_c`` is ``Temperature cpu_thermal``."""
    if name in _CHANNEL_TITLES:
        return _CHANNEL_TITLES[name]
    for family, title in _CHANNEL_FAMILIES.items():
        if name == family:
            return title
        if name.startswith(f"{family}."):
            sensor = one_line(name.removeprefix(f"{family}."))
            return f"{title} {sensor.removesuffix('_c').removesuffix('_w')}"
    return one_line(name)
