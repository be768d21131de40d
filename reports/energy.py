"""A cell's energy over its trials, with what all of them are unsure of alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record import TrialRecord
from harness.stats.interval import Estimate
from harness.validity.energy.inference import cell_energy
from harness.validity.energy.refusal import Refusal


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
