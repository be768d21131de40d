"""How large a difference must be before anybody should act on it, metric by metric.

Margins are declared here and not chosen after looking at the data. They are practical weights, not
properties of a device: 2 % is the margin that the simulations of docs/method.md were made with, and
the others are wider where one trial gives a rougher number. A unit's own smallest detectable change
may be larger than any of them; then the verdict is inconclusive, never wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Margin:
    """What is asked of a verdict on one metric.

    ``relative`` is the margin as a fraction of the reference. ``min_inferences`` is how many timed
    inferences each side must have in all. Metrics that do not ``gate`` get a verdict for people and
    never an exit code.
    """

    relative: float
    min_inferences: int = 0
    gates: bool = True


_SPEED = Margin(0.02)
#: The slowest tenth of a trial scatters about a quarter more than its median.
_TAIL = Margin(0.05)
#: One trial's p99 is off by 30 to 50 % where about 1 % of inferences are outliers, whatever their
#: number. 10,000 inferences put 100 of them beyond it.
_FAR_TAIL = Margin(0.10, min_inferences=10_000, gates=False)
#: One event per trial, with page cache and scheduler in it.
_ONCE = Margin(0.10)
_MEMORY = Margin(0.03)
#: Net energy of one trial on a gauge is off by 2 to 4 % (docs/method.md, Energy).
_ENERGY = Margin(0.05)

_MARGINS: dict[str, Margin] = {
    "latency_p50_ns": _SPEED,
    "latency_mean_ns": _SPEED,
    "invoke_p50_ns": _SPEED,
    "throughput_per_s": _SPEED,
    "cpu_per_inference_ns": _SPEED,
    "peak_p50_ns": _SPEED,
    "late_p50_ns": _SPEED,
    "latency_p90_ns": _TAIL,
    "latency_p95_ns": _TAIL,
    "latency_p99_ns": _FAR_TAIL,
    "load_ns": _ONCE,
    "prepare_ns": _ONCE,
    "first_ns": _ONCE,
    "cold_start_ns": _ONCE,
    "rss_peak_bytes": _MEMORY,
    "rss_steady_bytes": _MEMORY,
    "pss_steady_bytes": _MEMORY,
    "energy_gross_j": _ENERGY,
    "energy_net_j": _ENERGY,
    "power_mean_w": _ENERGY,
    "size_bytes": Margin(0.01),
}


def comparable_metrics() -> tuple[str, ...]:
    """Every metric that can get a verdict.

    Left out: minima, maxima and deviations (one inference decides them), shares and counts (they
    may be zero, so they have no ratio).
    """
    return tuple(name for name in METRICS if name in _MARGINS)


def margin_of(metric: str) -> Margin:
    """The declared margin of a metric; raises KeyError for one that cannot get a verdict."""
    return _MARGINS[metric]


def find_metrics(name: str) -> Iterator[str]:
    """The metrics meant by ``latency_p50``: the stored name, or the same without its unit."""
    yield from (
        metric for metric in comparable_metrics() if name in (metric, metric.rpartition("_")[0])
    )
