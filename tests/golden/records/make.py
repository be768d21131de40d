"""Write a golden run of today's record version; delete the folder first to make it again.

``python tests/golden/records/make.py``. Released versions are never written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.clock import ManualClock
from harness.conditions import Cooling
from harness.device import Reading
from harness.findings import Finding, Severity
from harness.record import (
    RECORD_VERSION,
    BlockRecord,
    Cause,
    Cell,
    ChannelRecord,
    ClockOffset,
    DeviceFacts,
    DeviceState,
    Energy,
    Failure,
    LoadTimes,
    Outcome,
    PhaseSpan,
    Placement,
    PlacementVerdict,
    RunPlan,
    Skip,
    SoakWindow,
    Trial,
    TrialRecord,
    Witness,
)
from harness.scenario import Burst, Cold, Offline, Periodic, SingleStream, Sustained
from harness.stats.operators import OperatorTime, Profile
from harness.store.run_writer import RunWriter
from harness.store.store import ResultsStore
from harness.units import NS_PER_S
from harness.variant import ModelFormat, TensorSpec, Variant

_FRAME_NS = 33_366_700


def main() -> None:
    """Write the run: one trial measured, one crashed, one skipped, the others never reached."""
    root = Path(__file__).with_name(f"v{RECORD_VERSION}")
    clock = ManualClock()
    writer = ResultsStore(root, clock=clock).create_run(_plan())
    clock.advance(NS_PER_S)
    _measured(writer, writer.plan.trials[4])
    _crashed(writer, writer.plan.trials[6])
    _skipped(writer, writer.plan.trials[0])
    writer.close("interrupted")
    for file in root.glob("index.sqlite*"):
        file.unlink()


def _plan() -> RunPlan:
    trials = tuple(
        Trial(f"{cell.key}-r0", cell, 0, order, quad, place)
        for order, (cell, quad, place) in enumerate(_visits())
    )
    facts = DeviceFacts(
        "local",
        {"platform": "linux", "cores": 2, "ram_bytes": 8 << 30, "load": 0.25, "simulated": False},
        {"governor": "no cpufreq on this machine"},
    )
    return RunPlan(
        run_id="20260102T030405Z-golden-0a1b",
        scenario="golden",
        label="first ever",
        created_at="2026-01-02T03:04:05.678+00:00",
        trials=trials,
        skips=(Skip("local", "mobilenet_v2/fp32 tflite gpu t1 b1 burst", "no GPU delegate"),),
        facts={"local": facts},
        harness={"version": "0.1.0", "commit": "0123abc", "dirty": "no"},
        scenario_text="name: golden\nmodels: []\n",
    )


def _visits() -> Iterator[tuple[Cell, int | None, int]]:
    """Every cell once, two of them as arms in one quad."""
    cells = _cells()
    yield from ((cell, None, 0) for cell in cells)
    arms = (("reference", ""), ("candidate", "tflite 2.1.0, sha256 0123456789ab"))
    for place, (arm, build) in enumerate(arms):
        yield replace(cells[0], arm=arm, build=build), 0, place


def _cells() -> list[Cell]:
    """One cell of each load kind, and a memory pass of a user's own model on a phone."""
    variant = Variant(
        model="mobilenet_v2",
        name="int8-static",
        format=ModelFormat.TFLITE,
        digest="ab" * 32,
        size_bytes=3_500_000,
        precision="int8",
        origin={"built_by": "benchfarm", "seed": 7, "steps": ["fold", {"bits": 8}]},
        findings=("SYNTHETIC-MODEL",),
    )
    own = Variant("модель", "file", ModelFormat.ONNX, "cd" * 32, 12)
    loads = (
        SingleStream(),
        Burst(inferences=2),
        Offline(samples=8),
        Sustained(seconds=72 * 3600.0),
        Periodic(rate_hz=29.97),
        Cold(page_cache="drop"),
    )
    options = {"xnnpack": True, "scale": 0.5, "load": "mmap", "level": 3}
    cells = [Cell("local", variant, "tflite", "cpu", 4, 1, load, options=options) for load in loads]
    phone, shapes = "android:R58M12ABCDE", {"ids": (1, 128)}
    memory = Cell(phone, own, "onnxruntime", "nnapi", 1, 1, Burst(), shapes, purpose="memory")
    return [*cells, memory]


def _measured(writer: RunWriter, trial: Trial) -> None:
    attempt = writer.begin_trial(trial)
    attempt.add_block(BlockRecord(0, False, 2, 1000, 70_000_000, 9_000_000), _columns(1000, 2))
    intended = np.arange(4) * _FRAME_NS + 100_000_000
    columns = {**_columns(100_000_500, 4), "intended_ns": intended}
    attempt.add_block(BlockRecord(1, True, 4, 100_000_000, 240_000_000, 19_000_000, 1), columns)
    attempt.taint(1, "thermal status light")
    attempt.add_readings(
        [
            Reading("rss", 50_000_000, 81_000_000.0),
            Reading("skin_temperature", 60_000_000, 31.25),
            Reading("rss", 150_000_000, 82_000_000.5),
        ]
    )
    attempt.add_profile(
        Profile("litert", 20, 9000, (OperatorTime(0, "Conv", "CONV_2D", "CPU", 8000, 20),))
    )
    attempt.add_outputs([np.arange(3, dtype=np.int8)])
    record = TrialRecord(
        run_id=writer.run_id,
        trial=trial,
        attempt=attempt.attempt,
        outcome=Outcome.OK,
        started_at="2026-01-02T03:04:06+00:00",
        ended_at="2026-01-02T03:04:09+00:00",
        runner={"name": "python", "pid": 4242},
        engine={"name": "tflite", "version": "2.1.0", "xnnpack": True},
        inputs=(TensorSpec("image", "int8", (1, 224, 224, 3), 0.0078125, -128),),
        outputs=(TensorSpec("logits", "float32", (1, 1000)),),
        input_digests=("ef" * 32,),
        placement={"nodes": 66, "delegated": 66, "witnesses": ["log", {"line": 3}]},
        placed=Placement(
            PlacementVerdict.FULL,
            66,
            66,
            witnesses=(Witness("assignment", PlacementVerdict.FULL, "all on the CPU", 66, 66),),
            contradictions=("latency says FELL_BACK: as slow as the CPU",),
        ),
        load_times=LoadTimes(100_000_000, 30_000_000, 2_000_000, 4_000_000, 9_000_000),
        warmup_capped=True,
        cooling=Cooling("skin", ("temperature.skin_c",), None, 33.5, 27.25, 28.0, 27.0, 240),
        energy=Energy(
            "rails",
            ("energy.cpu_j", "energy.ddr_j"),
            "charging",
            "",
            *(1.0, 120.5, 4),
            *(0.001, 0.002, 0.0005, None),
            {"energy_gross_j": (0.05, 0.07)},
            {"meter": "GAPS: the counter was not read from start to end of the stretch"},
        ),
        windows=(SoakWindow(0.0, 86_400.0, 4, 5002425.5, 1, {"temperature.skin_c": 41.5}, 2.5),),
        phases=(PhaseSpan("LOAD", 10, 20), PhaseSpan("MEASURE", 20, 300)),
        channels=(
            ChannelRecord("rss", "bytes", "host", "/proc/<pid>/statm"),
            ChannelRecord("skin_temperature", "celsius", "device", "thermal_zone0"),
            ChannelRecord("battery", "percent", "host", "none", "no battery"),
        ),
        clock_offsets=(ClockOffset(5, -7, 3),),
        state_before=DeviceState({"load": 0.1, "mode": "plugged"}, {"battery": "no battery"}),
        state_after=DeviceState({"load": 0.2}),
        metrics={"latency_p50_ns": 5002425.5, "inferences": 4.0, "dropped_percent": 0.1 + 0.2},
        findings=(Finding("DROPPED-FRAMES", Severity.NOTE, "1 of 5 frames", "Lower the rate."),),
        harness={"version": "0.1.0", "commit": "0123abc"},
    )
    attempt.finish(record, "loaded\nready\n")


def _columns(start_ns: int, count: int) -> dict[str, np.ndarray]:
    return {
        "start_ns": np.arange(count) * _FRAME_NS + start_ns,
        "input_ns": np.full(count, 1500),
        "invoke_ns": 5_000_000 + np.arange(count) * 17,
        "output_ns": np.full(count, 900),
    }


def _crashed(writer: RunWriter, trial: Trial) -> None:
    attempt = writer.begin_trial(trial)
    record = TrialRecord(
        run_id=writer.run_id,
        trial=trial,
        attempt=attempt.attempt,
        outcome=Outcome.FAILED,
        started_at="2026-01-02T03:05:00+00:00",
        ended_at="2026-01-02T03:05:01+00:00",
        failure=Failure(
            Cause.CRASHED, "the runner was ended by SIGSEGV", "SIGSEGV", "Fatal error: boom"
        ),
    )
    attempt.finish(record, "Fatal error: boom\n")


def _skipped(writer: RunWriter, trial: Trial) -> None:
    writer.skip(
        TrialRecord(
            run_id=writer.run_id,
            trial=trial,
            attempt=0,
            outcome=Outcome.SKIPPED,
            started_at="2026-01-02T03:06:00+00:00",
            ended_at="2026-01-02T03:06:00+00:00",
            reason="the run was stopped after the first failure",
        )
    )


if __name__ == "__main__":
    main()
