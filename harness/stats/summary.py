"""One trial in numbers: the metrics of ``record.METRICS`` that follow from samples and blocks.

A metric that cannot be computed is absent; it is never zero or NaN. Only timed samples and blocks
enter, except for the two warm-up metrics. An *inference* is one invoke, whatever its batch size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.record import BlockRecord
from harness.stats.samples import Int64Array, Samples
from harness.units import NS_PER_S

#: Shown percentiles of latency by metric name.
PERCENTILES = {
    "latency_p50_ns": 50.0,
    "latency_p90_ns": 90.0,
    "latency_p95_ns": 95.0,
    "latency_p99_ns": 99.0,
}


def summarise(
    samples: Samples, blocks: Iterable[BlockRecord], *, batch: int = 1
) -> dict[str, float]:
    """Metrics of one trial by their stored names.

    ``batch`` is the number of inputs one inference handles; only throughput depends on it.
    Memory stays within a few columns' worth of int64 whatever the number of samples.
    """
    timed, warmup = _totals(blocks)
    return {
        **_latency(samples.latency_ns[samples.timed]),
        **_parts(samples),
        **timed.rates(batch),
        **timed.drops(periodic=samples.intended_ns is not None),
        **warmup.warmup(),
    }


def undisturbed(
    samples: Samples, blocks: Sequence[BlockRecord]
) -> tuple[Samples, Sequence[BlockRecord]]:
    """What the numbers are made of: without the blocks that sensors saw disturbed.

    Everything where no timed block was undisturbed, because then there is nothing else to tell.
    """
    bad = [block.seq for block in blocks if block.tainted is not None]
    clean = [block for block in blocks if block.tainted is None]
    if not bad or not any(block.timed for block in clean):
        return samples, blocks
    return samples.select(~np.isin(samples.block, bad)), clean


def percentiles(values: Int64Array, ranks: Iterable[float]) -> list[float]:
    """Percentiles by linear interpolation between order statistics (Hyndman and Fan's type 7).

    This is numpy's default and what AndroidX and pandas use. ``values`` must not be empty and is
    reordered in place, so that millions of samples need no second copy.
    """
    found = np.percentile(values, list(ranks), method="linear", overwrite_input=True)
    return [float(value) for value in found]


def _latency(latency_ns: Int64Array) -> dict[str, float]:
    """Latency metrics; ``latency_ns`` is reordered.

    One sample has neither a spread nor a tail: of the percentiles only the median is given then.
    """
    if not len(latency_ns):
        return {}
    metrics = {
        "inferences": float(len(latency_ns)),
        "latency_min_ns": float(latency_ns.min()),
        "latency_max_ns": float(latency_ns.max()),
        "latency_mean_ns": float(latency_ns.mean()),
    }
    if len(latency_ns) == 1:
        return {"latency_p50_ns": metrics["latency_mean_ns"], **metrics}
    tails = dict(
        zip(PERCENTILES, percentiles(latency_ns, PERCENTILES.values()), strict=True),
    )
    return {**tails, **metrics, "latency_std_ns": float(latency_ns.std(ddof=1))}


def _parts(samples: Samples) -> dict[str, float]:
    """Medians of the three parts of a sample, one column at a time."""
    if not samples.timed.any():
        return {}
    columns = {
        "input_p50_ns": samples.input_ns,
        "invoke_p50_ns": samples.invoke_ns,
        "output_p50_ns": samples.output_ns,
    }
    return {name: percentiles(column[samples.timed], [50.0])[0] for name, column in columns.items()}


class _Totals:
    """Sums over blocks."""

    def __init__(self) -> None:
        self.inferences = self.dropped = self.span_ns = self.cpu_ns = 0

    def add(self, block: BlockRecord) -> None:
        self.inferences += block.count
        self.dropped += block.dropped
        self.span_ns += block.ended_at_ns - block.started_at_ns
        self.cpu_ns += block.cpu_ns

    def rates(self, batch: int) -> dict[str, float]:
        """Throughput and CPU time per inference.

        Throughput is inputs over the time the blocks took. The gaps between blocks, where the
        runner talks to the host, are not the model's work and do not count.
        """
        metrics = {}
        if self.inferences and self.span_ns > 0:
            metrics["throughput_per_s"] = self.inferences * batch * NS_PER_S / self.span_ns
        if self.inferences and self.cpu_ns > 0:
            metrics["cpu_per_inference_ns"] = self.cpu_ns / self.inferences
        return metrics

    def drops(self, *, periodic: bool) -> dict[str, float]:
        """Dropped frames, absent for loads that have no frames to drop."""
        frames = self.inferences + self.dropped
        if not periodic or not frames:
            return {}
        return {
            "dropped_frames": float(self.dropped),
            "dropped_percent": 100.0 * self.dropped / frames,
        }

    def warmup(self) -> dict[str, float]:
        """How long and how many inferences the warm-up took, absent when there was none."""
        if not self.inferences:
            return {}
        return {"warmup_ns": float(self.span_ns), "warmup_inferences": float(self.inferences)}


def _totals(blocks: Iterable[BlockRecord]) -> tuple[_Totals, _Totals]:
    """Sums over the timed and over the warm-up blocks, in one pass."""
    timed, warmup = _Totals(), _Totals()
    for block in blocks:
        (timed if block.timed else warmup).add(block)
    return timed, warmup
