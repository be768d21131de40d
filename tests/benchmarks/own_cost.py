"""What the harness itself costs: per local trial, and before it says anything at all."""

from __future__ import annotations

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
TRIALS = 12


def main() -> None:
    """Print the figures."""
    help_s = [cpu_seconds("--help") for _ in range(9)]
    print(f"benchfarm --help: {statistics.median(help_s):.3f} s of CPU (median of 9; goal 0.2)")
    for engine, model in (("tflite", "kws_ref_model.tflite"), ("onnxruntime", "mnist.onnx")):
        costs = own_costs(engine, MODELS / model)
        print(
            f"own cost per {engine} trial: {statistics.median(costs):.3f} s "
            f"(median of {len(costs)}, {min(costs):.3f} to {max(costs):.3f}; goal 0.4)"
        )


def cpu_seconds(*words: str) -> float:
    """User and system time of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "harness.cli", *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def own_costs(engine: str, model: Path) -> list[float]:
    """Seconds from one trial's start to the next's, less what the engine and the plan took.

    Subtracted: engine import, model load and preparation, and the blocks of warm-up and timed part.
    """
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "scenario.yaml"
        document = {
            "schema": 1,
            "models": [{"path": str(model)}],
            "blocks": [{"engine": engine}],
            "loads": [{"kind": "single_stream", "min_seconds": 0.5, "min_inferences": 10}],
            "repeats": TRIALS,
        }
        scenario.write_text(json.dumps(document), "utf-8")
        environment = os.environ | {"BENCHFARM_RESULTS": folder, "BENCHFARM_LEASES": folder}
        command = [sys.executable, "-m", "harness.cli"]
        subprocess.run(
            [*command, "run", str(scenario)], check=True, env=environment, capture_output=True
        )
        shown = subprocess.run(
            [*command, "runs", "show", "latest", "--json"],
            check=True,
            env=environment,
            capture_output=True,
        )
        records = json.loads(shown.stdout)
    starts = [datetime.fromisoformat(record["started_at"]) for record in records]
    spans = [(b - a).total_seconds() for a, b in itertools.pairwise(starts)]
    return [span - engine_and_plan_s(record) for span, record in zip(spans, records, strict=False)]


def engine_and_plan_s(record: dict[str, dict[str, float]]) -> float:
    """What would be spent by any harness: the engine's own phases and the inferences."""
    metrics = record["metrics"]
    engine_ns = metrics["import_ns"] + metrics["load_ns"] + metrics["prepare_ns"]
    timed_ns = metrics["inferences"] * metrics["latency_mean_ns"]
    return (engine_ns + metrics["warmup_ns"] + timed_ns) / 1e9


if __name__ == "__main__":
    main()
