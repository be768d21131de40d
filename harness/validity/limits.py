"""Upper bounds on metrics: what a scenario's ``limits`` may name and whether they hold.

A bound's name is a metric's stored name, or the same with another unit at its end:
``latency_p90_ns`` is bounded by ``latency_p90_ms: 200``, ``rss_peak_bytes`` by
``rss_peak_mib: 300``. Metrics of which more is better, or which are neither, have no upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from harness.metrics import METRICS
from harness.record import Cell, OptionValue
from harness.scenario import Limit
from harness.units import BYTES_PER_KIB, BYTES_PER_MIB, NS_PER_MS, NS_PER_S, NS_PER_US

#: Units that may stand in for a stored one, each with its size in the stored unit.
_UNITS: dict[str, dict[str, float]] = {
    "ns": {"ns": 1, "us": NS_PER_US, "ms": NS_PER_MS, "s": NS_PER_S},
    "bytes": {
        "bytes": 1,
        "kib": BYTES_PER_KIB,
        "mib": BYTES_PER_MIB,
        "kb": 1000,
        "mb": 1000 * 1000,
    },
    "j": {"j": 1.0, "mj": 1e-3, "uj": 1e-6},
    "w": {"w": 1.0, "mw": 1e-3},
}

CellMetrics = tuple[Cell, Mapping[str, float]]


def _bounds() -> Iterator[tuple[str, tuple[str, float]]]:
    for metric in METRICS.values():
        if metric.better != "lower":
            continue
        base, _, unit = metric.name.rpartition("_")
        if unit in _UNITS:
            for other, size in _UNITS[unit].items():
                yield f"{base}_{other}", (metric.name, float(size))
        else:
            yield metric.name, (metric.name, 1.0)


_BOUNDS: dict[str, tuple[str, float]] = dict(_bounds())


def bound_names() -> tuple[str, ...]:
    """Every name that may stand in a limit."""
    return tuple(_BOUNDS)


def metric_for_bound(name: str) -> tuple[str, float]:
    """The metric that ``name`` bounds, and the factor from the bound's unit to the stored one.

    ``metric_for_bound("latency_p90_ms") == ("latency_p90_ns", 1e6)``. Raises KeyError for a name
    that is not in :func:`bound_names`.
    """
    return _BOUNDS[name]


def exceeded(limits: Sequence[Limit], cells: Sequence[CellMetrics]) -> list[str]:
    """One line for every bound that a cell's value is above; values are in stored units."""
    return [
        f"{describe(cell)}: {name} is {value:.6g}, the limit is {bound:g}"
        for limit in limits
        for cell, metrics in cells
        if matches(cell, limit.match)
        for name, bound, value in _measured(limit, metrics)
        if value > bound
    ]


def unchecked(limits: Sequence[Limit], cells: Sequence[CellMetrics]) -> list[str]:
    """One line for every bound that no cell could be held to, because none measured its metric."""
    lines = []
    for limit in limits:
        matching = [metrics for cell, metrics in cells if matches(cell, limit.match)]
        checked = {name for metrics in matching for name, _, _ in _measured(limit, metrics)}
        lines += [
            f"limit {name}: {bound:g} was not checked, no matching cell measured it"
            for name, bound in limit.bounds.items()
            if name not in checked
        ]
    return lines


def matches(cell: Cell, match: Mapping[str, str]) -> bool:
    """Whether every key's pattern (with ``*`` and ``?``) fits the cell; unknown keys fit none."""
    keys = cell_keys(cell)
    return all(
        key in keys and fnmatchcase(keys[key], str(pattern)) for key, pattern in match.items()
    )


def cell_keys(cell: Cell) -> dict[str, str]:
    """What a cell can be picked by in limits and exclusions, as text.

    ``load`` is the load kind, or the name of a pass that takes no times; never the engine option
    ``load``.
    """
    return {
        **{key: _text(value) for key, value in cell.options.items()},
        "device": cell.device_id,
        "model": cell.variant.model,
        "variant": cell.variant.name,
        "precision": cell.variant.precision,
        "format": cell.variant.format.value,
        "engine": cell.engine,
        "delegate": cell.delegate,
        "threads": str(cell.threads),
        "batch": str(cell.batch),
        "load": _load(cell),
        "purpose": cell.purpose,
        "arm": cell.arm,
    }


def _load(cell: Cell) -> str:
    return cell.load.kind if cell.purpose == "timing" else cell.purpose


def _text(value: OptionValue) -> str:
    """As YAML writes it: ``true``, not ``True``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe(cell: Cell) -> str:
    """A cell for people: ``mobilenet_v2/fp32 tflite cpu t1 b1 single_stream on local``."""
    arm = f", {cell.arm} arm" if cell.arm else ""
    return (
        f"{cell.variant.label} {cell.engine} {cell.delegate} t{cell.threads} b{cell.batch} "
        f"{_load(cell)} on {cell.device_id}{arm}"
    )


def _measured(limit: Limit, metrics: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Name, bound and measured value in the bound's unit, for the metrics that are there."""
    for name, bound in limit.bounds.items():
        metric, factor = metric_for_bound(name)
        if metric in metrics:
            yield name, bound, metrics[metric] / factor
