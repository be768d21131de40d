"""One whole trial that measures energy, and a simulated phone's telemetry for it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.conditions import Gates
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.record import DeviceFacts, RunPlan, TrialRecord
from harness.scenario import (
    EnergyRequest,
    Prepare,
    Require,
    SingleStream,
    Warmup,
)
from harness.store.store import ResultsStore

TWO_MINUTES = SingleStream(Warmup(max_seconds=2.0), min_seconds=120.0, min_inferences=1)
ENERGY = EnergyRequest(idle_seconds=120.0)


@pytest.fixture(scope="session")
def simulation() -> ModuleType:
    """``tests/benchmarks/energy.py``: the same simulator in tests and figures."""
    path = Path(__file__).parents[4] / "benchmarks" / "energy.py"
    spec = importlib.util.spec_from_file_location("benchmark_energy_conducted", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def conducted(tmp_path: Path, scripted, script, make_trial) -> Callable[..., TrialRecord]:
    """One trial with the given telemetry; the stored record."""
    script.latency_ns = 50_000_000
    runs = iter(range(1000))

    def run(telemetry, load=TWO_MINUTES, energy=ENERGY, **context) -> TrialRecord:
        script.telemetry = telemetry
        trial = make_trial(load)
        name = f"run{next(runs)}"
        plan = RunPlan(name, "test", None, "2026-01-01T00:00:00+00:00", (trial,))
        store = ResultsStore(tmp_path / "results")
        writer = store.create_run(plan)
        fields = {
            "gates": Gates(),
            "telemetry_rate_hz": 1.0,
            "memory": None,
            "require": Require(),
            "prepare": Prepare(),
            "energy": energy,
        }
        conductor = Conductor(
            scripted,
            RunContext(name, DeviceFacts("local"), {"version": "0"}, **(fields | context)),
            InputFactory(tmp_path / "inputs"),
            scripted.clock,
            scripted.cancel,
            Silent(),
        )
        (tmp_path / "model").write_bytes(b"model")
        conductor.run(TrialJob(trial, tmp_path / "model"), writer.begin_trial(trial))
        writer.close("complete")
        return store.resolve(name).trial(trial.id).record

    return run


@pytest.fixture
def phone(simulation) -> Callable[..., Callable[..., object]]:
    """Telemetry of a simulated phone."""

    def make(seed: int = 1, plugged: bool | None = False, every_s: float = 1.0, **of_phone):
        def telemetry(clock, script):
            script.busy_ns.clear()
            rng = np.random.default_rng(seed)
            return simulation.PhoneTelemetry(
                simulation.Phone(**of_phone),
                rng,
                clock,
                script.busy_ns,
                plugged=plugged,
                every_s=every_s,
            )

        return telemetry

    return make
