"""A results store with made-up runs: cells with the trials' values that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from harness.clock import ManualClock
from harness.findings import finding
from harness.plan.order import trials
from harness.record import BlockRecord, Cell, DeviceFacts, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import Order, Repeats, SingleStream
from harness.store.run_reader import RunReader
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "0" * 64, 1000, "fp32")
CELL = Cell("local", VARIANT, "tflite", "cpu", threads=1, batch=1, load=SingleStream())
SAMPLES = 301
Values = Sequence[float | Outcome]


@dataclass
class Lab:
    """Makes runs in a store."""

    store: ResultsStore
    runs: int = 0

    def run(
        self,
        *cells: tuple[Cell, Values],
        label: str | None = None,
        facts: Mapping[str, object] | None = None,
        order: str = "interleaved",
        doubt: str | None = None,
        repeated_percent: Callable[[Cell], float] | None = None,
        **record: object,
    ) -> RunReader:
        """A run of the cells; each value is one trial's median in ms, or a bad outcome."""
        self.runs += 1
        visits = [
            (cell, repeat, value) for cell, values in cells for repeat, value in enumerate(values)
        ]
        if order == "interleaved":
            visits.sort(key=lambda visit: visit[1])
        planned = [
            Trial(f"{cell.key}-r{repeat}", cell, repeat, place)
            for place, (cell, repeat, _) in enumerate(visits)
        ]
        if order == "abba":
            planned, visits = _in_quads(cells)
        devices = {cell.device_id for cell, _ in cells}
        plan = RunPlan(
            run_id=f"2026010{self.runs}T000000Z-made-up",
            scenario="made-up",
            label=label,
            created_at=f"2026-01-0{self.runs}T00:00:00+00:00",
            trials=tuple(planned),
            facts={
                name: DeviceFacts(name, {"platform": "local", "os": "Linux", **(facts or {})})
                for name in devices
            },
        )
        writer = self.store.create_run(plan)
        start = datetime(2026, 1, self.runs, tzinfo=UTC)
        for trial, (_, _, value) in zip(planned, visits, strict=True):
            outcome = value if isinstance(value, Outcome) else Outcome.OK
            median_ns = 5e6 if isinstance(value, Outcome) else value * 1e6
            attempt = writer.begin_trial(trial)
            attempt.add_block(*_block(median_ns, seed=trial.order))
            started = start + timedelta(minutes=trial.order)
            attempt.finish(
                TrialRecord(
                    run_id=writer.run_id,
                    trial=trial,
                    attempt=1,
                    outcome=outcome,
                    started_at=started.isoformat(),
                    ended_at=(started + timedelta(seconds=50)).isoformat(),
                    metrics={
                        "latency_p50_ns": median_ns,
                        "latency_p99_ns": median_ns * 2,
                        "rss_peak_bytes": median_ns,
                        "inferences": float(SAMPLES),
                        **_repeats(trial.cell, repeated_percent, median_ns),
                    },
                    findings=(finding(doubt, "made up"),) if doubt else (),
                    **{"engine": {"version": "1"}, **record},
                ),
                "",
            )
        writer.close("complete")
        return self.store.resolve(writer.run_id)


def _repeats(
    cell: Cell, percent: Callable[[Cell], float] | None, median_ns: float
) -> dict[str, float]:
    """Where blocks were repeated, the median over all is a tenth higher."""
    if percent is None:
        return {}
    share = percent(cell)
    counts = {"repeated_percent": share, "repeated_blocks": share / 10}
    return counts | {"latency_p50_all_ns": (1.1 if share else 1.0) * median_ns}


def _in_quads(
    cells: Sequence[tuple[Cell, Values]],
) -> tuple[list[Trial], list[tuple[Cell, int, float | Outcome]]]:
    """Trials A B B A of pairs of arms, which are next to each other in ``cells``."""
    count = len(cells[0][1])
    values = {cell.key: values for cell, values in cells}
    planned = trials([cell for cell, _ in cells], Order("abba"), Repeats(count, count))
    visits = [(t.cell, t.repeat, values[t.cell.key][t.repeat]) for t in planned]
    return list(planned), visits


def _block(median_ns: float, seed: int) -> tuple[BlockRecord, dict[str, np.ndarray]]:
    """Latencies around a median that is exactly the given one."""
    around = np.exp(np.random.default_rng(seed).normal(0, 0.03, SAMPLES))
    invoke = (median_ns * around / np.median(around)).astype(np.int64)
    start = np.cumsum(invoke) - invoke
    zeros = np.zeros(SAMPLES, np.int64)
    columns = {"start_ns": start, "input_ns": zeros, "invoke_ns": invoke, "output_ns": zeros}
    return BlockRecord(0, True, SAMPLES, 0, int(invoke.sum()), int(invoke.sum())), columns


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    # Nothing here is about power cuts, and half the time would go into waiting for the disk.
    monkeypatch.setattr("os.fsync", lambda _: None)
    return Lab(ResultsStore(tmp_path / "results", clock=ManualClock()))


@pytest.fixture
def cell() -> Callable[..., Cell]:
    """The made-up cell, with changes; ``variant`` and ``digest`` change its file."""

    def make(*, variant: str = "fp32", digest: str = "0", **changes: object) -> Cell:
        file = replace(VARIANT, name=variant, precision=variant, digest=digest * 64)
        return replace(CELL, **{"variant": file, **changes})

    return make
