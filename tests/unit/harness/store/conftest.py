"""Made-up runs for the store's tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.clock import ManualClock
from harness.record import BlockRecord, Cell, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import Burst
from harness.store.run_writer import RunWriter
from harness.store.store import ResultsStore
from harness.store.trial_writer import TrialWriter
from harness.variant import ModelFormat, Variant


@dataclass
class Maker:
    """Makes plans, blocks and records that are alike but for what a test is about."""

    def trial(self, index: int = 0, name: str = "net", repeat: int = 0) -> Trial:
        variant = Variant(name, f"v{index}", ModelFormat.TFLITE, f"{index:064x}", 1000)
        cell = Cell("local", variant, "tflite", "cpu", 1, 1, Burst())
        return Trial(f"{cell.key}-r{repeat}", cell, repeat, index)

    def plan(self, *trials: Trial, **fields: object) -> RunPlan:
        chosen = {"run_id": "20260101T000000Z-quick-0001", "label": None, **fields}
        return RunPlan(
            scenario="quick",
            created_at=chosen.pop("created_at", "2026-01-01T00:00:00.000+00:00"),
            trials=trials or (self.trial(),),
            **chosen,
        )

    def block(
        self, seq: int, count: int = 3, *, timed: bool = True, intended: bool = False
    ) -> tuple[BlockRecord, dict[str, np.ndarray]]:
        start = np.arange(count, dtype=np.int64) * 1000 + seq * 1_000_000
        columns = {
            "start_ns": start,
            "input_ns": np.full(count, seq + 1, np.int64),
            "invoke_ns": np.arange(count, dtype=np.int64) + 500,
            "output_ns": np.full(count, 7, np.int64),
        }
        if intended:
            columns["intended_ns"] = start - 11
        started = seq * 1_000_000
        return BlockRecord(seq, timed, count, started, started + 900, 800, seq % 2), columns

    def record(
        self,
        writer: RunWriter,
        attempt: TrialWriter,
        outcome: Outcome = Outcome.OK,
        **fields: object,
    ) -> TrialRecord:
        return TrialRecord(
            writer.run_id,
            attempt.trial,
            attempt.attempt,
            outcome,
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:01:00+00:00",
            **fields,
        )

    def measure(
        self, writer: RunWriter, trial: Trial, outcome: Outcome = Outcome.OK, blocks: int = 1
    ) -> None:
        attempt = writer.begin_trial(trial)
        for seq in range(blocks):
            attempt.add_block(*self.block(seq))
        attempt.finish(self.record(writer, attempt, outcome), "log of the runner\n")


@pytest.fixture(scope="session")
def make() -> Maker:
    return Maker()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> ResultsStore:
    return ResultsStore(tmp_path / "results", clock=clock)


@pytest.fixture
def finished_run(store: ResultsStore, make: Maker) -> Callable[..., str]:
    """Make a complete run of one trial; its id."""

    def finish(**fields: object) -> str:
        plan = make.plan(**fields)
        writer = store.create_run(plan)
        make.measure(writer, plan.trials[0])
        writer.close("complete")
        return writer.run_id

    return finish
