"""Does the Android runner's core, on a JVM, measure what the Python runner measures?

Fresh processes in turn, the same ONNX files, one thread. The ratio of the medians of the trials'
medians should be 0.95 to 1.05 for networks of 1 ms and more; beside it stands the ratio of the
fastest tenths, which other programs on the machine disturb less.

Both should run the same version of ONNX Runtime: the variable ORT_PYTHON names a Python that has
the version of ``android_app/pom.xml``.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from android_app.build import desktop
from android_app.build.errors import ArtefactUnavailable, ToolMissing
from device_agents.local.launch import LocalRunner, launch
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conductor.arrays import samples_of
from harness.conductor.session import RunnerSession
from harness.models.convert import mobilenet_v2, to_onnx
from harness.models.convert.seeded import NetworkSpec
from harness.wire import messages as m

#: Input size and width of networks that take about 1 and 10 ms.
SIZES = ((96, 0.75), (224, 1.4))
PAIRS = 12
WARMUP = m.Block(0, 1_000_000, duration_ns=1_000_000_000, timed=False)
BLOCKS = tuple(m.Block(number, 1_000_000, duration_ns=500_000_000) for number in (1, 2, 3))
FASTEST_PERCENT = 10

Start = Callable[[Path, Path], LocalRunner]


@dataclass
class Runner:
    """One way to run the runner, and what its trials gave in nanoseconds."""

    name: str
    start: Start
    medians: list[float] = field(default_factory=list)
    fastest: list[float] = field(default_factory=list)
    version: object = ""


def main() -> None:
    """Print the figures."""
    try:
        program = desktop.command()
    except (ToolMissing, ArtefactUnavailable) as error:
        print(f"unavailable: {error}")
        return
    python = Path(os.environ["ORT_PYTHON"]) if "ORT_PYTHON" in os.environ else None

    def start_jvm(store: Path, work: Path) -> LocalRunner:
        return launch(store, work, "onnxruntime", program=program, listen=True)

    def start_python(store: Path, work: Path) -> LocalRunner:
        return launch(store, work, "onnxruntime", interpreter=python)

    for size, width in SIZES:
        compare(size, width, Runner("JVM", start_jvm), Runner("Python", start_python))


def compare(size: int, width: float, jvm: Runner, python: Runner) -> None:
    """Print the ratios of one network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.onnx"
        to_onnx.write(mobilenet_v2.build(_spec(size, width)), model)
        for pair in range(PAIRS):
            for runner in (jvm, python) if pair % 2 else (python, jvm):
                trial(runner, model.read_bytes(), folder / f"{runner.name}{pair}")
    ratio = statistics.median(jvm.medians) / statistics.median(python.medians)
    fastest = statistics.median(jvm.fastest) / statistics.median(python.fastest)
    print(
        f"  mobilenet_v2 {width} at {size}: {_shown(jvm)}, {_shown(python)}, "
        f"ratio {ratio:.3f} (goal 0.95 to 1.05), of the fastest tenths {fastest:.3f}",
        flush=True,
    )


def trial(runner: Runner, model: bytes, folder: Path) -> None:
    """One fresh process; its figures are kept in ``runner``."""
    store = folder / "store"
    store.mkdir(parents=True)

    def push(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        (store / digest).write_bytes(data)
        return digest

    go, clock = CancelToken(), SystemClock()
    session = RunnerSession("local", runner.start(store, folder / "work"), clock)
    try:
        session.open(Deadline(clock, 60), go)
        load = m.LoadModel(push(model), "onnxruntime", "cpu", threads=1)
        loaded = session.load(load, Deadline(clock, 60), go)
        rng = np.random.default_rng(1)
        inputs = (rng.uniform(-1, 1, t.shape).astype(t.dtype) for t in loaded.inputs)
        digests = tuple(push(array.tobytes()) for array in inputs)
        session.send(m.Run(digests, (WARMUP, *BLOCKS), final=True), Deadline(clock, 60), go)
        latencies: list[int] = []
        while (packet := session.receive(Deadline(clock, 60), go)) is not None:
            if isinstance(packet.message, m.Done):
                break
            if isinstance(packet.message, m.BlockDone) and packet.message.timed:
                rows = samples_of(packet)
                total = rows["input_ns"] + rows["invoke_ns"] + rows["output_ns"]
                latencies += total.tolist()
    finally:
        session.close()
    runner.version = loaded.engine["version"]
    runner.medians.append(statistics.median(latencies))
    runner.fastest.append(float(np.percentile(latencies, FASTEST_PERCENT)))


def _spec(size: int, width: float) -> NetworkSpec:
    return NetworkSpec(
        name="mobilenet_v2",
        input_name="image",
        input_shape=(size, size, 3),
        input_range=(-1.0, 1.0),
        output_name="logits",
        outputs=1000,
        seed=7,
        parameters={"width": width},
    )


def _shown(runner: Runner) -> str:
    low, middle, high = (
        value / 1e6
        for value in (min(runner.medians), statistics.median(runner.medians), max(runner.medians))
    )
    return f"{runner.name} {middle:.3f} ms ({low:.3f} to {high:.3f}, ORT {runner.version})"


if __name__ == "__main__":
    main()
