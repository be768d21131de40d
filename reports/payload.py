"""The time series of a page, packed for its script."""

from __future__ import annotations

import base64
import json
import math
import zlib
from typing import Any

import numpy as np

from harness.record import Outcome
from reports import labels
from reports.model import CellView, Curve, FloatArray, ReportModel, TrialSeries

#: Channels in the order of their panels; others follow by name.
_ORDER = (
    *("temperature", "cpu.frequency_khz", "runner.rss_bytes"),
    *("runner.cpu_percent", "device.foreign_cpu_percent"),
)
_TEMPERATURE = "temperature"


def packed_series(model: ReportModel) -> str:
    """The series as JSON, deflated (RFC 1951) and in base 64: a sixth of its size.

    Safe inside a script element, whatever the names in it are.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = packer.compress(_series_json(model).encode()) + packer.flush()
    return base64.b64encode(data).decode()


def _series_json(model: ReportModel) -> str:
    names = sorted(model.channels, key=_channel_rank)
    document = {
        "channels": [
            {
                "title": model.channels[name].title,
                "unit": model.channels[name].unit,
                "main": name.startswith(_ORDER),
            }
            for name in names
        ],
        "cells": [_cell(cell, names) for cell in model.cells if cell.series],
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _cell(cell: CellView, names: list[str]) -> dict[str, Any]:
    trials = [
        _trial(row.repeat, row.outcome, cell.series[row.id], names)
        for row in cell.trials
        if row.id in cell.series
    ]
    reasons: dict[str, str] = {}
    for series in cell.series.values():
        for name, reason in series.unavailable.items():
            reasons.setdefault(name, reason)
    recorded = {name for series in cell.series.values() for name in series.curves}
    missing = {
        str(names.index(name)): reason for name, reason in reasons.items() if name not in recorded
    }
    without = not any(name.startswith(_TEMPERATURE) for name in (*reasons, *recorded))
    return {
        "id": cell.anchor,
        "name": ("SIMULATED " if cell.simulated else "")
        + labels.cell_text(cell.facets, frozenset({"run"})),
        "simulated": cell.simulated,
        "trials": trials,
        "missing": missing,
        "temperature": "no temperature channel was recorded" if without else "",
    }


def _trial(repeat: int, outcome: Outcome, series: TrialSeries, names: list[str]) -> dict[str, Any]:
    label = f"repeat {repeat + 1}"
    return {
        "name": label if outcome is Outcome.OK else f"{label} ({outcome.value.lower()})",
        "of": series.shown_of,
        "latency": _curve(series.latency),
        "channels": {
            str(names.index(name)): _curve(curve) for name, curve in series.curves.items()
        },
    }


def _curve(curve: Curve) -> list[list[float]]:
    """Seconds to a ten-thousandth of the line's length, values to five significant digits."""
    span = float(np.ptp(curve.x)) if len(curve.x) else 0.0
    decimals = max(0, 4 - math.floor(math.log10(span))) if span > 0 else 6
    return [np.round(curve.x, decimals).tolist(), _significant(curve.y, 5)]


def _significant(values: FloatArray, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def _channel_rank(name: str) -> tuple[int, str]:
    rank = next((i for i, prefix in enumerate(_ORDER) if name.startswith(prefix)), len(_ORDER))
    return rank, name
