"""A cell's energy over its trials, with what all of them are unsure of alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.record import TrialRecord
from harness.stats.interval import Estimate
from harness.units import format_percent
from harness.validity.energy.inference import cell_energy
from harness.validity.energy.refusal import Refusal
from reports.model import CellView

_WORDS = {
    "battery": "battery gauge",
    "rails": "power rails",
    "rapl": "counters of the processor (RAPL)",
    "accumulator": "the phone's own mean of its load",
    "meter": "external meter",
}
_NO_SOURCE = "no source that could be trusted"


@dataclass(frozen=True, slots=True)
class _Figures:
    """One trial as :func:`cell_energy` wants it."""

    gross_j: float
    net_j: float | None
    idle_error_j: float
    edge_error_j: float
    gain: float | None


def energy_estimates(records: Sequence[TrialRecord]) -> dict[str, Estimate | None]:
    """Gross and net energy of a cell's good trials; empty where none has any.

    None for net where not every trial has it: those without are the ones with the least, so that a
    mean of the others would be too high. Intervals hold the scatter between trials and the
    uncertainty of idle and edges, not the source's gain.
    """
    figures = [one for one in map(_figures, records) if one is not None]
    cell = cell_energy(figures)
    if isinstance(cell, Refusal):
        return {}
    found: dict[str, Estimate | None] = {
        "energy_gross_j": _estimate(cell.gross_j, cell.gross_error_j, cell.n),
        "energy_net_j": None,
    }
    if cell.net_j is not None:
        found["energy_net_j"] = _estimate(cell.net_j, cell.net_error_j, cell.n)
    return found


def power_sources(records: Iterable[TrialRecord]) -> tuple[str, ...]:
    """Where the trials' power was read and how sure its gain is; empty where nobody asked."""
    asked = [record.energy for record in records if record.energy is not None]
    return tuple(dict.fromkeys(_source(one.source, one.gain) for one in asked))


def energy_cells(cells: Sequence[CellView]) -> list[CellView]:
    """The cells of an energy table: all that were asked for it, if one has an answer."""
    asked = [cell for cell in cells if cell.power_sources]
    return asked if any("energy_gross_j" in cell.estimates for cell in asked) else []


def energy_note(cells: Iterable[CellView]) -> str:
    """Where the power of a table was read, by device where that differs; empty without energy."""
    devices: dict[str, dict[str, None]] = {}
    for cell in cells:
        for source in cell.power_sources:
            devices.setdefault(source, {})[cell.facets["device"]] = None
    if not devices:
        return ""
    named = [
        f"{source} ({', '.join(at)})" if len(devices) > 1 else source
        for source, at in devices.items()
    ]
    return f"Power is from: {'; '.join(named)}. The gain of a source is in no interval."


def _source(name: str, gain: float | None) -> str:
    if not name:
        return _NO_SOURCE
    known = "unknown" if gain is None else f"within {format_percent(gain)}"
    return f"{_WORDS.get(name, name)}, gain {known}"


def _figures(record: TrialRecord) -> _Figures | None:
    energy, gross_j = record.energy, record.metrics.get("energy_gross_j")
    if energy is None or gross_j is None:
        return None
    return _Figures(
        gross_j=gross_j,
        net_j=record.metrics.get("energy_net_j"),
        idle_error_j=energy.idle_error_j or 0.0,
        edge_error_j=energy.edge_error_j or 0.0,
        gain=energy.gain,
    )


def _estimate(value: float, error: float | None, n: int) -> Estimate:
    if error is None:
        return Estimate(value, None, None, n)
    return Estimate(value, value - error, value + error, n)
