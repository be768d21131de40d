"""Was enough measured? Each load kind promises something; these checks hold it to that."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.findings import Finding, finding
from harness.record import BlockRecord, Cell
from harness.scenario import Burst, Cold, MemoryPass, Offline, Periodic, SingleStream, Sustained
from harness.stats.interval import MIN_TRIALS
from harness.stats.summary import PERCENTILES
from harness.units import NS_PER_S, format_duration, format_ms

#: Samples that must lie beyond a percentile for it to be more than an anecdote. With 10 the number
#: beyond has a relative standard error of about 1 / sqrt(10), a third.
MIN_BEYOND = 10
#: Durations may fall short by this part: the last block ends when an inference ends.
DURATION_SLACK = 0.01
#: What single_stream stands for when nothing is said: MLPerf's 1024 queries and 60 s.
STANDARD = SingleStream()
#: Minutes of work after which memory is called steady.
STANDARD_SETTLE_MINUTES = MemoryPass().settle_minutes


@dataclass(frozen=True, slots=True)
class Amount:
    """How much was timed. ``elapsed_ns``: first timed block's start to the last one's end."""

    inferences: int
    elapsed_ns: int
    dropped: int = 0

    @property
    def elapsed_s(self) -> float:
        """The same in seconds."""
        return self.elapsed_ns / NS_PER_S


def few_samples(cell: Cell, amount: Amount, metrics: Mapping[str, float]) -> Iterator[Finding]:
    """FEW-SAMPLES: less was timed than this scenario's load asked for."""
    missing = _missing(cell, amount, metrics)
    if missing:
        yield finding("FEW-SAMPLES", missing)


def repeated(
    tainted: Sequence[BlockRecord], metrics: Mapping[str, float], *, still: bool
) -> Iterator[Finding]:
    """BLOCKS-REPEATED, or STILL-DISTURBED where repeating did not help (``still``)."""
    if not tainted:
        return
    counts = Counter(str(block.tainted) for block in tainted)
    reasons = ", ".join(f"{reason} ({count})" for reason, count in counts.most_common())
    seen = f"{len(tainted)} block{'s' * (len(tainted) != 1)}: {reasons}"
    every, clean = metrics.get("latency_p50_all_ns"), metrics.get("latency_p50_ns")
    if every is not None and clean is not None and every != clean:
        seen += f"; the median is {format_ms(clean)} ms, over all blocks {format_ms(every)} ms"
    yield finding("STILL-DISTURBED" if still else "BLOCKS-REPEATED", seen)


def short_run(cell: Cell) -> Iterator[Finding]:
    """SHORT-RUN: the scenario itself asks for less than single_stream stands for."""
    load = cell.load
    if not isinstance(load, SingleStream):
        return
    if load.min_inferences < STANDARD.min_inferences or load.min_seconds < STANDARD.min_seconds * (
        1 - DURATION_SLACK
    ):
        yield finding(
            "SHORT-RUN",
            f"asked for {load.min_inferences} inferences and {format_duration(load.min_seconds)}; "
            f"the standard is {STANDARD.min_inferences} and "
            f"{format_duration(STANDARD.min_seconds)}",
        )


def tail_unsupported(inferences: int) -> Iterator[Finding]:
    """TAIL-UNSUPPORTED: fewer than 10 samples lie beyond a percentile that is shown."""
    beyond = {rank: inferences * (100 - rank) / 100 for rank in PERCENTILES.values() if rank > 50}
    weak = [f"p{rank:g} ({count:.3g})" for rank, count in beyond.items() if count < MIN_BEYOND]
    if inferences and weak:
        yield finding(
            "TAIL-UNSUPPORTED",
            f"of {inferences} inferences, fewer than {MIN_BEYOND} lie beyond {', '.join(weak)}",
        )


def short_memory_wait(memory: MemoryPass) -> Iterator[Finding]:
    """SHORT-MEMORY-WAIT: memory was called steady before five minutes of work."""
    if memory.settle_minutes < STANDARD_SETTLE_MINUTES:
        yield finding(
            "SHORT-MEMORY-WAIT",
            f"read after {format_duration(memory.settle_minutes * 60)} instead of "
            f"{format_duration(STANDARD_SETTLE_MINUTES * 60)}",
        )


def few_trials(valid_trials: int) -> Iterator[Finding]:
    """FEW-TRIALS: a cell's valid trials are too few for an interval."""
    if valid_trials < MIN_TRIALS:
        yield finding("FEW-TRIALS", f"{valid_trials} valid trial{'s' * (valid_trials != 1)}")


def _missing(cell: Cell, amount: Amount, metrics: Mapping[str, float]) -> str:
    """What the load asked for and did not get, empty when it got all."""
    load = cell.load
    match load:
        case SingleStream():
            return _join(
                _count(amount.inferences, load.min_inferences, "inferences"),
                _duration(amount.elapsed_s, load.min_seconds),
            )
        case Burst():
            return _count(amount.inferences, load.inferences, "inferences")
        case Offline():
            return _join(
                _count(amount.inferences * cell.batch, load.samples, "samples"),
                _duration(amount.elapsed_s, load.min_seconds),
            )
        case Sustained():
            return _duration(amount.elapsed_s, load.seconds)
        case Periodic():
            # Only a device that is far too slow misses arrivals without counting them as dropped.
            frames = max(1, math.floor(load.seconds * load.rate_hz * (1 - DURATION_SLACK)))
            return _count(amount.inferences + amount.dropped, frames, "frames")
        case Cold():
            return "" if "cold_start_ns" in metrics else "no first result was timed"


def _count(got: int, asked: int, what: str) -> str:
    return f"{got} of {asked} {what}" if got < asked else ""


def _duration(got_s: float, asked_s: float) -> str:
    if got_s >= asked_s * (1 - DURATION_SLACK):
        return ""
    return f"{format_duration(got_s)} of {format_duration(asked_s)}"


def _join(*parts: str) -> str:
    return " and ".join(part for part in parts if part)
