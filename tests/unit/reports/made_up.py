"""Runs that live in memory, with made-up numbers that look like real ones.

Loaded by path (see ``conftest.py``), as test folders are no packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from harness.findings import Finding, finding
from harness.record import (
    Cause,
    Cell,
    ChannelRecord,
    ClockOffset,
    DeviceFacts,
    Failure,
    LoadTimes,
    Outcome,
    RunPlan,
    Skip,
    Trial,
    TrialRecord,
)
from harness.scenario import Load, SingleStream, Sustained
from harness.stats.operators import Profile
from harness.stats.samples import Samples
from harness.variant import ModelFormat, Variant

START = datetime(2026, 11, 20, 21, 12, 33, tzinfo=UTC)
RUNNER_EPOCH_NS = 900_000_000_000
OFFSET_NS = 250_000_000


@dataclass
class MemoryTrace:
    at_ns: np.ndarray
    value: np.ndarray


@dataclass
class MemoryTrial:
    record: TrialRecord
    stored: Samples
    traces: dict[str, MemoryTrace] = field(default_factory=dict)
    profiled: Profile | None = None
    screen: Path | None = None

    def samples(self) -> Samples:
        return self.stored

    def screenshot(self) -> Path | None:
        return self.screen

    def profile(self) -> Profile | None:
        return self.profiled

    def iter_trace_batches(self) -> Iterator[dict[str, MemoryTrace]]:
        yield self.traces


@dataclass
class MemoryRun:
    plan: RunPlan
    trials: dict[str, MemoryTrial]

    @property
    def run_id(self) -> str:
        return self.plan.run_id

    def missing(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.plan.trials if trial.id not in self.trials)

    def trial(self, trial_id: str) -> MemoryTrial:
        return self.trials[trial_id]


def no_samples() -> Samples:
    empty = np.zeros(0, dtype=np.int64)
    return Samples(empty, empty, empty, empty, empty.astype(np.int32), empty.astype(bool))


def make_samples(
    rng: np.random.Generator, p50_ms: float, seconds: float, warmup_s: float = 0.4
) -> Samples:
    """Autocorrelated latencies with a slow start and a few spikes."""
    count = max(4, int((seconds + warmup_s) * 1000 / p50_ms))
    noise = rng.normal(0, 0.012, count)
    for i in range(1, count):
        noise[i] += 0.6 * noise[i - 1]
    latency = p50_ms * np.exp(noise)
    latency[rng.random(count) < 0.006] *= rng.uniform(1.3, 2.6)
    latency *= 1 + 0.35 * np.exp(-np.arange(count) / max(1, 0.1 * warmup_s * 1000 / p50_ms))
    total = (latency * 1e6).astype(np.int64)
    start = RUNNER_EPOCH_NS + np.concatenate([[0], np.cumsum(total + 2_000)[:-1]])
    timed = start - RUNNER_EPOCH_NS >= warmup_s * 1e9
    copy = np.full(count, 21_000, dtype=np.int64)
    block = (np.arange(count) // 256).astype(np.int32)
    return Samples(start, copy, total - 2 * copy, copy, block, timed)


def metrics_of(samples: Samples) -> dict[str, float]:
    timed = samples.latency_ns[samples.timed]
    if not len(timed):
        return {}
    p50, p90, p95, p99 = (float(v) for v in np.percentile(timed, [50, 90, 95, 99]))
    return {
        "latency_p50_ns": p50,
        "latency_p90_ns": p90,
        "latency_p95_ns": p95,
        "latency_p99_ns": p99,
        "latency_min_ns": float(timed.min()),
        "latency_max_ns": float(timed.max()),
        "latency_mean_ns": float(timed.mean()),
        "inferences": float(len(timed)),
        "throughput_per_s": 1e9 / float(timed.mean()),
        "cpu_per_inference_ns": p50 * 0.998,
        "warmup_ns": 4.2e8,
        "warmup_inferences": float(len(samples) - len(timed)),
    }


def make_cell(
    variant: str = "fp32",
    engine: str = "tflite",
    *,
    threads: int = 1,
    load: Load | None = None,
    device: str = "local",
    **other: object,
) -> Cell:
    fmt = ModelFormat.TFLITE if engine == "tflite" else ModelFormat.ONNX
    size = 14_000_000 if variant == "fp32" else 3_900_000
    model = Variant(
        model="mobilenet_v2",
        name=variant,
        format=fmt,
        digest=f"{len(variant):02x}{len(engine):02x}" * 16,
        size_bytes=size,
        precision="fp32" if variant == "fp32" else "int8",
    )
    cell = Cell(device, model, engine, "cpu", threads, 1, load or SingleStream(min_seconds=2.0))
    return replace(cell, **other)


CHANNELS = (
    ChannelRecord("temperature.cpu_thermal_c", "degC", "host", "/sys/class/thermal/zone0"),
    ChannelRecord("runner.rss_bytes", "bytes", "host", "/proc/<pid>/statm"),
    ChannelRecord("runner.cpu_percent", "percent", "host", "/proc/<pid>/stat"),
    ChannelRecord("device.foreign_cpu_percent", "percent", "host", "/proc/stat"),
    ChannelRecord(
        "cpu.frequency_khz.policy0", "kHz", "host", "sysfs", unavailable="no cpufreq in this VM"
    ),
)
NO_TEMPERATURE = replace(CHANNELS[0], unavailable="no /sys/class/thermal zones")


def make_traces(rng: np.random.Generator, seconds: float, start_c: float) -> dict[str, MemoryTrace]:
    at = np.arange(0.0, seconds + 0.5, 0.25)
    at_ns = (RUNNER_EPOCH_NS - OFFSET_NS + at * 1e9).astype(np.int64)
    heat = start_c + 9 * (1 - np.exp(-at / 2.0)) + rng.normal(0, 0.15, len(at))
    return {
        "temperature.cpu_thermal_c": MemoryTrace(at_ns, heat.round(1)),
        "runner.rss_bytes": MemoryTrace(at_ns, 88e6 + 6e6 * (1 - np.exp(-at / 0.3))),
        "runner.cpu_percent": MemoryTrace(at_ns, 99.5 + rng.normal(0, 0.6, len(at))),
        "device.foreign_cpu_percent": MemoryTrace(at_ns, np.abs(rng.normal(2.0, 1.2, len(at)))),
    }


def make_trial(
    trial: Trial,
    *,
    p50_ms: float,
    seed: int,
    run_id: str = "",
    seconds: float = 2.0,
    findings: tuple[Finding, ...] = (),
    channels: tuple[ChannelRecord, ...] = CHANNELS,
    extra: dict[str, float] | None = None,
) -> MemoryTrial:
    rng = np.random.default_rng(seed)
    samples = make_samples(rng, p50_ms * float(np.exp(rng.normal(0, 0.004))), seconds)
    readable = [channel.name for channel in channels if channel.unavailable is None]
    traces = make_traces(rng, seconds + 0.5, 41 + 0.8 * trial.order)
    started = START + timedelta(seconds=6 * trial.order)
    tflite = trial.cell.engine == "tflite"
    record = TrialRecord(
        run_id=run_id,
        trial=trial,
        attempt=1,
        outcome=Outcome.OK,
        started_at=started.isoformat(),
        ended_at=(started + timedelta(seconds=5)).isoformat(),
        engine={"version": "2.3.0" if tflite else "1.31.1"},
        load_times=LoadTimes(
            launch_ns=int(9e7 * rng.uniform(0.95, 1.1)),
            import_ns=int((6e7 if tflite else 1.3e8) * rng.uniform(0.95, 1.1)),
            load_ns=int((4e6 if tflite else 3.4e7) * rng.uniform(0.95, 1.1)),
            prepare_ns=int(2.1e7 * rng.uniform(0.95, 1.1)),
            first_ns=int(p50_ms * 1.6e6),
        ),
        channels=channels,
        clock_offsets=(ClockOffset(RUNNER_EPOCH_NS - OFFSET_NS, OFFSET_NS, 40_000),),
        metrics={
            **metrics_of(samples),
            "first_ns": p50_ms * 1.6e6,
            "load_ns": 4e6 if tflite else 3.4e7,
            "rss_peak_bytes": 9.4e7 * rng.uniform(0.99, 1.01),
            **(extra or {}),
        },
        findings=findings,
    )
    return MemoryTrial(record, samples, {name: traces[name] for name in readable if name in traces})


def make_failure(trial: Trial, run_id: str = "", log_tail: str = "") -> MemoryTrial:
    started = START + timedelta(seconds=6 * trial.order)
    record = TrialRecord(
        run_id=run_id,
        trial=trial,
        attempt=1,
        outcome=Outcome.FAILED,
        started_at=started.isoformat(),
        ended_at=(started + timedelta(seconds=1)).isoformat(),
        failure=Failure(
            Cause.CRASHED,
            "local: the runner was ended by SIGSEGV; it last said: "
            "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
            "SIGSEGV",
            log_tail
            or "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
            "Fatal Python error: Segmentation fault\n\n"
            'Thread 0x00007f1c (most recent call first):\n  File "tflite.py", line 88 in step',
        ),
    )
    return MemoryTrial(record, no_samples())


FACTS = DeviceFacts(
    "local",
    {
        "platform": "linux",
        "cpu": "Intel Xeon Platinum 8481C",
        "cores": 2,
        "ram_bytes": 25_200_000_000,
        "os": "Debian GNU/Linux 12",
        "kernel": "6.1.0",
        "governor": "performance",
        "simulated": False,
    },
    {"frequency_max_khz": "no cpufreq in this VM"},
)


def make_plan(
    cells: list[Cell], repeats: int = 3, run_id: str = "20261120T211233Z-quickstart-1f3a"
) -> RunPlan:
    trials = tuple(
        Trial(f"{cell.key}-r{repeat}", cell, repeat, repeat * len(cells) + index)
        for repeat in range(repeats)
        for index, cell in enumerate(cells)
    )
    return RunPlan(
        run_id=run_id,
        scenario="quickstart",
        label=None,
        created_at=START.isoformat(),
        trials=trials,
        skips=(
            Skip(
                "local",
                "mobilenet_v2/int8-static tflite gpu t1 b1 single_stream",
                "delegate gpu is not on this device",
            ),
        ),
        facts={"local": FACTS},
        harness={"version": "0.1.0", "git_commit": "854e5ff0", "dirty": "false"},
        scenario_text="schema: 1\nname: quickstart\nmodels:\n- family: mobilenet_v2\n"
        "  variants: [fp32, int8-static]\n",
    )


BASE_MS = {
    ("fp32", "tflite"): 12.4,
    ("int8-static", "tflite"): 7.65,
    ("fp32", "onnxruntime"): 10.9,
    ("int8-static", "onnxruntime"): 10.8,
}


def demo_run(seconds: float = 2.0) -> MemoryRun:
    """Four cells, three trials each, one crash, doubts on one cell, a memory pass on another."""
    cells = [make_cell(variant, engine) for variant, engine in BASE_MS]
    memory = make_cell("fp32", "tflite", load=Sustained(seconds=150.0), purpose="memory")
    plan = make_plan([*cells, memory])
    synthetic = finding("SYNTHETIC-MODEL", "seeded weights")
    trials: dict[str, MemoryTrial] = {}
    for trial in plan.trials:
        variant, engine = trial.cell.variant.name, trial.cell.engine
        found = [synthetic, finding("TAIL-UNSUPPORTED", "p99: 2 samples beyond it, 10 wanted")]
        if variant == "int8-static":
            found.append(finding("RANDOM-CALIBRATION", "64 random inputs"))
        if (variant, engine) == ("int8-static", "onnxruntime"):
            seen = f"everyone else used {11 + trial.repeat}.4 % of the machine"
            found.append(finding("INTERFERENCE", seen))
        if (variant, engine, trial.repeat) == ("fp32", "onnxruntime", 1):
            found.append(finding("DRIFT", "last fifth 6.1 % slower than the first"))
        if trial.cell.purpose == "memory":
            found = [synthetic, finding("SHORT-MEMORY-WAIT", "read after 0.5 min")]
        if (variant, engine, trial.repeat, trial.cell.purpose) == ("fp32", "tflite", 2, "timing"):
            trials[trial.id] = make_failure(trial, plan.run_id)
            continue
        made = make_trial(
            trial,
            p50_ms=BASE_MS[variant, engine],
            seed=trial.order,
            run_id=plan.run_id,
            seconds=seconds,
            findings=tuple(found),
        )
        if trial.cell.purpose == "memory":
            steady = {"rss_steady_bytes": 9.31e7 + 1e4 * trial.repeat, "pss_steady_bytes": 7.72e7}
            kept = {**steady, "rss_peak_bytes": 9.5e7}
            made.record = replace(made.record, metrics=kept)
        trials[trial.id] = made
    return MemoryRun(plan, trials)
