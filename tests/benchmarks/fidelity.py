"""Does the runner's number equal what the engine really takes?

1. Inside one process, chunk by chunk in turn: the runner's timed loop and the loop anybody would
   write, on the same interpreter or session. The ratio of medians should be 0.99 to 1.01.
2. In fresh processes in turn: the runner and ``litert-benchmark``, which ships with LiteRT. That
   program times one run of a CompiledModel without copies and rounds to 0.01 ms, so it is compared
   with the runner's ``invoke``, for networks of 0.2 ms and more. The ratio of medians should be
   0.97 to 1.03.

The networks are MobileNetV2 of several sizes with seeded weights, built on the spot.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device_agents.local.launch import launch
from device_agents.local.runner.engines import Step, open_engine
from device_agents.local.runner.loop import Columns, Schedule, execute
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conductor.arrays import samples_of
from harness.conductor.session import RunnerSession
from harness.models.convert import mobilenet_v2, to_onnx, to_tflite
from harness.models.convert.seeded import NetworkSpec
from harness.wire import messages as m

#: Input size, width and classes of networks that take about 0.1, 0.25, 1 and 10 ms.
SIZES = ((32, 0.1, 10), (32, 0.25, 1000), (96, 0.75, 1000), (224, 1.4, 1000))
CHUNK_NS = 40_000_000
CHUNKS = 60
PROCESS_PAIRS = 12
PROCESS_NS = 600_000_000
WARMUP_RUNS = 30
#: litert-benchmark rounds to 0.01 ms.
SMALLEST_NS = 200_000


@dataclass(frozen=True)
class Net:
    """One network as a file for one engine."""

    label: str
    engine: str
    path: Path


def main() -> None:
    """Print the figures."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as in the runner; here the engines run, too
    with tempfile.TemporaryDirectory() as folder:
        nets = list(build(Path(folder)))
        print("timed loop over bare loop, one process, chunks in turn (goal 0.99 to 1.01)")
        medians = {net.path: inside_one_process(net) for net in nets}
        print(f"runner over litert-benchmark, {PROCESS_PAIRS} fresh processes each, in turn")
        for net in nets:
            if net.engine == "tflite" and medians[net.path] >= SMALLEST_NS:
                between_processes(net, Path(folder), medians[net.path])


def build(folder: Path) -> list[Net]:
    """The networks, for both engines."""
    nets = []
    for size, width, outputs in SIZES:
        spec = NetworkSpec(
            name="mobilenet_v2",
            input_name="image",
            input_shape=(size, size, 3),
            input_range=(-1.0, 1.0),
            output_name="logits",
            outputs=outputs,
            seed=7,
            parameters={"width": width},
        )
        network = mobilenet_v2.build(spec)
        for engine, writer in (("tflite", to_tflite.write), ("onnxruntime", to_onnx.write)):
            path = folder / f"{size}-{width}.{engine}"
            writer(network, path)
            nets.append(Net(f"mobilenet_v2 {width} at {size}", engine, path))
    return nets


# --- one process ----------------------------------------------------------------------------


def inside_one_process(net: Net) -> float:
    """Print the ratio of the two loops; returns the bare loop's median in nanoseconds."""
    request = m.LoadModel("", net.engine, "cpu", threads=1)
    model = open_engine(net.engine).load(net.path, request).prepare()
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(-1, 1, t.shape).astype(t.dtype) for t in model.inputs]
    step = model.step(arrays)
    once = bare_once(net.engine, model, arrays)
    count = max(5, round(CHUNK_NS / statistics.median(bare_loop(once, 20))))
    timed_loop(step, count)
    ours: list[int] = []
    bare: list[int] = []
    for chunk in range(CHUNKS):
        if chunk % 2:
            ours += timed_loop(step, count)
        bare += bare_loop(once, count)
        if not chunk % 2:
            ours += timed_loop(step, count)
    ratio = statistics.median(ours) / statistics.median(bare)
    print(
        f"  {net.label:24} {net.engine:12} {statistics.median(bare) / 1e6:8.4f} ms  "
        f"ratio {ratio:.4f}  ({count} x {CHUNKS} inferences each)",
        flush=True,
    )
    return statistics.median(bare)


def timed_loop(step: Step, count: int) -> list[int]:
    """The runner's loop: the sum of the three parts."""
    done = execute(step, m.Block(0, count), Columns(), Schedule())
    rows = np.frombuffer(done.samples, "<i8").reshape(len(done.columns), done.count)
    return rows[1:4].sum(axis=0).tolist()


def bare_loop(once: Callable[[], object], count: int) -> list[int]:
    """What anybody would write."""
    times = []
    gc.disable()
    for _ in range(count):
        began = time.perf_counter_ns()
        once()
        times.append(time.perf_counter_ns() - began)
    gc.enable()
    return times


def bare_once(engine: str, model: Any, arrays: list[Any]) -> Callable[[], object]:
    """One inference with the engine's own calls, nothing of ours between them."""
    if engine == "tflite":
        interpreter = model._interpreter
        (place,), (result,), (array,) = model._places, model._results, arrays

        def once_tflite() -> None:
            interpreter.set_tensor(place, array)
            interpreter.invoke()
            interpreter.get_tensor(result)

        return once_tflite
    session, binding = model._session, model._binding
    (bound,), (made,), (array,) = model._bound_inputs, model._bound_outputs, arrays
    result = np.empty_like(made)

    def once_ort() -> None:
        np.copyto(bound, array)
        session.run_with_iobinding(binding)
        np.copyto(result, made)

    return once_ort


# --- fresh processes ------------------------------------------------------------------------


def between_processes(net: Net, folder: Path, median_ns: float) -> None:
    """Print the ratio of the runner's invoke to litert-benchmark's run."""
    runs = max(20, round(PROCESS_NS / median_ns))
    ours, theirs = [], []
    for pair in range(PROCESS_PAIRS):
        measures = [(ours, runner_ms), (theirs, litert_benchmark_ms)]
        for medians, measure in measures if pair % 2 else reversed(measures):
            medians.append(measure(net, folder / f"{net.path.stem}-{pair}", runs))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"  {net.label:24} runner {statistics.median(ours):.3f} ms, litert-benchmark "
        f"{statistics.median(theirs):.3f} ms, ratio {ratio:.3f} (goal 0.97 to 1.03; medians "
        f"{min(ours):.3f} to {max(ours):.3f} and {min(theirs):.3f} to {max(theirs):.3f})",
        flush=True,
    )


def runner_ms(net: Net, folder: Path, runs: int) -> float:
    """Median invoke of a fresh runner."""
    store = folder / "store"
    store.mkdir(parents=True)

    def push(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        (store / digest).write_bytes(data)
        return digest

    go, clock = CancelToken(), SystemClock()
    session = RunnerSession("local", launch(store, folder / "work", "tflite"), clock)
    try:
        session.open(Deadline(clock, 60), go)
        load = m.LoadModel(push(net.path.read_bytes()), "tflite", "cpu", threads=1)
        loaded = session.load(load, Deadline(clock, 60), go)
        rng = np.random.default_rng(1)
        inputs = (rng.uniform(-1, 1, t.shape).astype(t.dtype) for t in loaded.inputs)
        blocks = (m.Block(0, WARMUP_RUNS, timed=False), m.Block(1, runs))
        digests = tuple(push(array.tobytes()) for array in inputs)
        session.send(m.Run(digests, blocks, final=True), Deadline(clock, 60), go)
        invokes: list[int] = []
        while (packet := session.receive(Deadline(clock, 60), go)) is not None:
            if isinstance(packet.message, m.Done):
                break
            if isinstance(packet.message, m.BlockDone) and packet.message.timed:
                invokes += samples_of(packet)["invoke_ns"].tolist()
    finally:
        session.close()
    return statistics.median(invokes) / 1e6


def litert_benchmark_ms(net: Net, folder: Path, runs: int) -> float:
    """Median run of a fresh litert-benchmark."""
    folder.mkdir(exist_ok=True)
    result = folder / "result.json"
    numbers = {"num_threads": 1, "num_runs": runs, "warmup_runs": WARMUP_RUNS}
    options = [f"--{name}={value}" for name, value in numbers.items()]
    command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model"]
    subprocess.run(
        [*command, f"--model={net.path}", f"--result_json={result}", *options],
        check=True,
        capture_output=True,
    )
    return float(_find(json.loads(result.read_text()), "median"))


def _find(plain: Any, word: str) -> Any:
    """The first value whose key holds ``word``."""
    for key, value in plain.items():
        if isinstance(value, dict):
            found = _find(value, word)
            if found is not None:
                return found
        elif word in key:
            return value
    return None


if __name__ == "__main__":
    main()
