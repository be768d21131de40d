"""Energy through the whole path: whole trials of a simulated phone on a manual clock.

The real conductor, session, codec, store and arithmetic; the runner and the gauge are made up.
Two minutes of work between two minutes of idle.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from harness.clock import CancelToken, ManualClock
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.record import Cell, DeviceFacts, RunPlan, Trial, TrialRecord
from harness.scenario import EnergyRequest, Gates, Prepare, Require, SingleStream, Warmup
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant

HERE = Path(__file__).parent
LATENCY_S = 0.05
RUNS = 40


def load(name: str, path: Path) -> ModuleType:
    """A module by its file."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


ENERGY = load("benchmark_energy_phone", HERE / "energy.py")
DEVICE = load(
    "benchmark_scripted_device", HERE.parent / "unit" / "harness" / "conductor" / "conftest.py"
)


def conducted(folder: Path, phone: Any, seed: int, *, plugged: bool | None = False) -> TrialRecord:
    """One trial of ``phone``."""
    clock, cancel = ManualClock(), CancelToken()
    script = DEVICE.Script(latency_ns=round(LATENCY_S * 1e9))
    script.telemetry = lambda clock, script: ENERGY.PhoneTelemetry(
        phone, np.random.default_rng(seed), clock, script.busy_ns, plugged=plugged
    )
    work = SingleStream(Warmup(max_seconds=2.0), min_seconds=120.0, min_inferences=1)
    variant = Variant("net", "fp32", ModelFormat.TFLITE, "d" * 64, 1000, "fp32")
    cell = Cell("local", variant, "tflite", "cpu", 1, 1, work)
    trial = Trial(f"{cell.key}-r0", cell, 0, 0)
    plan = RunPlan(f"run{seed}", "energy", None, "2026-01-01T00:00:00+00:00", (trial,))
    writer = ResultsStore(folder / "results", clock=clock).create_run(plan)
    context = RunContext(
        run_id=plan.run_id,
        facts=DeviceFacts("local"),
        harness={"version": "0"},
        gates=Gates(),
        telemetry_rate_hz=1.0,
        memory=None,
        require=Require(),
        prepare=Prepare(),
        energy=EnergyRequest(idle_seconds=120.0),
    )
    device = DEVICE.ScriptedDevice(script, clock, cancel)
    conductor = Conductor(device, context, InputFactory(folder / "in"), clock, cancel, Silent())
    (folder / "model").write_bytes(b"model")
    record = conductor.run(TrialJob(trial, folder / "model"), writer.begin_trial(trial))
    writer.close("complete")
    return record


def net_errors(phone: Any, runs: int) -> tuple[np.ndarray[Any, Any], float, int]:
    """Relative errors of net energy, the share of intervals that hold the truth, and how many

    trials had none.
    """
    found, held, without = [], [], 0
    truth_j = phone.net_w * LATENCY_S
    for seed in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            record = conducted(Path(folder), phone, seed)
        value = record.metrics.get("energy_net_j")
        if value is None or record.energy is None:
            without += 1
            continue
        found.append(value / truth_j - 1)
        low, high = record.energy.intervals["energy_net_j"]
        held.append(low <= truth_j <= high)
    return np.array(found), float(np.mean(held)) if held else float("nan"), without


def main() -> None:
    """Print the figures."""
    print(f"whole trials, {RUNS} each; net energy error RMS (bias) in %, goal <= 3 at 120 s:")
    for net_w in (4.0, 2.5, 1.0):
        for period_s in (1.0, 5.0):
            found, held, without = net_errors(ENERGY.Phone(net_w=net_w, period_s=period_s), RUNS)
            rms, bias = 100 * np.sqrt(np.mean(found**2)), 100 * found.mean()
            print(
                f"  net {net_w:3.1f} W, gauge {period_s:g} s: {rms:5.2f} ({bias:+5.2f}), "
                f"truth in {100 * held:3.0f} % of 95 % intervals, {without} without a net energy"
            )
    refused = total = 0
    for phone in ENERGY.chargers()[::2]:
        for plugged in (True, False, None):
            with tempfile.TemporaryDirectory() as folder:
                record = conducted(Path(folder), replace(phone), total, plugged=plugged)
            refused += "energy_gross_j" not in record.metrics
            total += 1
    print(f"on a charger: {refused} of {total} refused, whatever the device reports")


if __name__ == "__main__":
    main()
