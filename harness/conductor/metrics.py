"""The numbers of one trial: from samples, load times and telemetry to ``TrialRecord.metrics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.channels import (
    BEHIND,
    COVERED,
    FOREIGN_CPU,
    HOST_BUSY,
    LOW_POWER,
    NEIGHBOUR_TRIALS,
    PSS,
    RSS,
    RSS_PEAK,
    RUNNER_CPU,
    THERMAL_STATUS,
    frequency_max,
)
from harness.record import BlockRecord, Cell, LoadTimes
from harness.scenario import Cold, MemoryPass, Sustained
from harness.stats.samples import Samples
from harness.stats.summary import summarise
from harness.stats.throttle import sustained_metrics
from harness.stats.traces import Trace

_USED = frozenset(
    {
        RSS,
        RSS_PEAK,
        PSS,
        RUNNER_CPU,
        FOREIGN_CPU,
        THERMAL_STATUS,
        HOST_BUSY,
        NEIGHBOUR_TRIALS,
        COVERED,
        BEHIND,
        LOW_POWER,
    }
)
_USED_FAMILIES = ("temperature.", frequency_max(""), "lab.")


def is_used(channel: str) -> bool:
    """Whether metrics and checks are made from a channel; a long trial reads back no others."""
    return channel in _USED or channel.startswith(_USED_FAMILIES)


def trial_metrics(
    cell: Cell,
    times: LoadTimes,
    samples: Samples,
    blocks: Sequence[BlockRecord],
    traces: Mapping[str, Trace],
    memory: MemoryPass | None,
) -> dict[str, float]:
    """Every metric that was measured; what was not is absent."""
    metrics = {"size_bytes": float(cell.variant.size_bytes)}
    if cell.purpose in ("accuracy", "profile"):
        return metrics  # its process did something else than the timed ones
    metrics |= _load_metrics(cell, times)
    if cell.purpose == "memory":
        if memory is not None:
            metrics |= _steady_memory(traces, memory)
        return metrics | _peak_memory(traces)
    metrics |= summarise(samples, blocks, batch=cell.batch)
    if isinstance(cell.load, Sustained):
        metrics |= sustained_metrics(samples)
    metrics |= _cpu_metrics(traces)
    return metrics | _peak_memory(traces)


def repeat_metrics(samples: Samples, blocks: Sequence[BlockRecord]) -> dict[str, float]:
    """How many timed blocks were done again, and the median over all of them.

    The median is there without any repetition, too, so that a cell's estimate is of all its trials.
    """
    timed = [block for block in blocks if block.timed]
    bad = sum(block.tainted is not None for block in timed)
    if not timed:
        return {}
    found = {"repeated_blocks": float(bad), "repeated_percent": 100.0 * bad / len(timed)}
    latency_ns = samples.latency_ns[samples.timed]
    if len(latency_ns):
        found["latency_p50_all_ns"] = float(np.median(latency_ns))
    return found


def _load_metrics(cell: Cell, times: LoadTimes) -> dict[str, float]:
    named = {
        "import_ns": times.import_ns,
        "load_ns": times.load_ns,
        "prepare_ns": times.prepare_ns,
        "first_ns": times.first_ns,
    }
    if isinstance(cell.load, Cold):
        named["cold_start_ns"] = times.process_to_first_ns
    return {name: float(value) for name, value in named.items() if value is not None}


def _cpu_metrics(traces: Mapping[str, Trace]) -> dict[str, float]:
    found = {}
    for metric, channel in (
        ("cpu_percent", RUNNER_CPU),
        ("foreign_cpu_percent", FOREIGN_CPU),
    ):
        if channel in traces and len(traces[channel].value):
            found[metric] = float(np.median(traces[channel].value))
    return found


def _peak_memory(traces: Mapping[str, Trace]) -> dict[str, float]:
    trace = traces.get(RSS_PEAK)
    return {"rss_peak_bytes": float(trace.value.max())} if trace and len(trace.value) else {}


def _steady_memory(traces: Mapping[str, Trace], memory: MemoryPass) -> dict[str, float]:
    """Median of ``readings`` readings ``every_seconds`` apart, after ``settle_minutes`` of work."""
    found = {}
    for metric, channel in (("rss_steady_bytes", RSS), ("pss_steady_bytes", PSS)):
        trace = traces.get(channel)
        if trace is None or not len(trace.value):
            continue
        wanted_ns = (
            trace.at_ns[0]
            + (
                np.arange(1, memory.readings + 1) * memory.every_seconds
                + memory.settle_minutes * 60
            )
            * 1e9
        )
        places = np.searchsorted(trace.at_ns, wanted_ns, side="right") - 1
        fresh = np.unique(places[trace.at_ns[places] >= wanted_ns[0] - memory.every_seconds * 1e9])
        if len(fresh) == memory.readings:
            found[metric] = float(np.median(trace.value[fresh]))
    return found
