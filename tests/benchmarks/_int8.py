"""INT8 beside FP32 of one network: speed in interleaved processes, and where the time goes."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from device_agents.registry import workbench
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conductor.arrays import samples_of
from harness.conductor.attempt import tensor_specs
from harness.conductor.inputs import InputFactory
from harness.conductor.session import RunnerSession
from harness.models.files import digest_of
from harness.stats.operators import Profile, read_profile
from harness.variant import ENGINE_FORMATS, ModelFormat
from harness.wire.messages import Block, BlockDone, LoadModel, ProfileRequest, Run

ROUNDS, INFERENCES, WARMUP = 9, 60, 10
PROFILED, PASSES = 30, 3
#: A file that others have made: quantization-aware training, unsigned numbers, one scale a tensor.
FOREIGN = (
    Path(__file__).resolve().parents[3] / "shared" / "models" / "mobilenet_v2_1.0_224_quant.tflite"
)
#: Words in the names that engines give to their kernels, or that our layers have.
KINDS = {
    "depthwise convolutions": ("DWConv", "depthwise"),
    "first convolution": ("IGEMM", "stem"),
    "pointwise convolutions, classifier": (
        "Fully Connected",
        "expand",
        "project",
        "head",
        "logits",
    ),
}


OTHERS = "everything else"


@dataclass
class Opened:
    """A model in a runner of its own, and the names of its inputs."""

    session: RunnerSession
    inputs: tuple[str, ...]
    deadline: Deadline
    cancel: CancelToken


@contextmanager
def opened(engine: str, path: Path, folder: Path) -> Iterator[Opened]:
    """The model loaded on one thread in a fresh process."""
    cancel, clock = CancelToken(), SystemClock()
    deadline = Deadline(clock, 120)
    device = workbench(folder / "bench")
    try:
        digest = digest_of(path)
        device.push(path, digest, deadline, cancel)
        session = RunnerSession("local", device.launch(engine, deadline, cancel), clock)
        session.open(deadline, cancel)
        loaded = session.load(LoadModel(digest, engine, "cpu", 1), deadline, cancel)
        inputs = InputFactory(folder / "inputs").make(tensor_specs(loaded.inputs))
        for name, file in inputs:
            device.push(file, name, deadline, cancel)
        yield Opened(session, tuple(name for name, _ in inputs), deadline, cancel)
        session.close()
    finally:
        device.close()


def measured_ms(engine: str, path: Path, folder: Path) -> tuple[float, float]:
    """The median invoke time of one process, and its CPU time per inference."""
    with opened(engine, path, folder) as one:
        blocks = (Block(1, WARMUP, timed=False), Block(2, INFERENCES))
        one.session.send(Run(one.inputs, blocks, final=True), one.deadline, one.cancel)
        while True:
            packet = one.session.receive(one.deadline, one.cancel)
            assert packet is not None
            if isinstance(packet.message, BlockDone) and packet.message.timed:
                median_ns = float(statistics.median(samples_of(packet)["invoke_ns"]))
                return median_ns / 1e6, packet.message.cpu_ns / packet.message.count / 1e6


def profile(engine: str, path: Path, folder: Path) -> Profile:
    """Where the time of one inference goes, as the engine tells."""
    with opened(engine, path, folder) as one:
        request = ProfileRequest(one.inputs, PROFILED, WARMUP)
        answer, written = one.session.profile(request, one.deadline, one.cancel)
        return read_profile(answer.format, written, answer.count, answer.warmup)


def compare(engine: str, files: dict[str, Path], folder: Path) -> None:
    """Print times and speed-ups over ``fp32``.

    Other people's work makes a process slower, never faster: the least median of many processes is
    the nearest to a quiet machine. CPU time does not count the waiting for a processor.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in files}
    for number in range(ROUNDS):
        order = list(files.items())
        for name, path in order if number % 2 else reversed(order):
            found[name].append(measured_ms(engine, path, folder))
    vnni = "VNNI" if "vnni" in Path("/proc/cpuinfo").read_text() else "no VNNI"
    print(f"{engine}, 1 thread, {vnni}, {ROUNDS} interleaved processes each:")
    for name in files:
        told = (
            _told(what, [one[place] for one in found["fp32"]], [one[place] for one in found[name]])
            for place, what in enumerate(("median", "CPU time"))
        )
        print(f"  {name}: {'; '.join(told)}")


def _told(what: str, plain: list[float], small: list[float]) -> str:
    rounds = [a / b for a, b in zip(plain, small, strict=True)]
    return (
        f"least {what} {min(small):.2f} ms, speed-up {min(plain) / min(small):.2f} "
        f"(by rounds {statistics.median(rounds):.2f}, {min(rounds):.2f} to {max(rounds):.2f})"
    )


def tell_operators(engine: str, plain: Path, small: Path, folder: Path) -> None:
    """Print the time by kind of operator, float beside integer: the least of some passes."""
    ours, theirs = (_by_kind(engine, path, folder) for path in (plain, small))
    print(f"{engine}: time by operators with the engine's profiler on, ms")
    for kind in (*KINDS, OTHERS):
        print(
            f"  {kind}: fp32 {ours[kind]:.3f}, int8 {theirs[kind]:.3f}, "
            f"ratio {ours[kind] / theirs[kind]:.2f}"
        )


def _by_kind(engine: str, path: Path, folder: Path) -> dict[str, float]:
    passes = [_times(profile(engine, path, folder)) for _ in range(PASSES)]
    return {kind: min(times[kind] for times in passes) for kind in (*KINDS, OTHERS)}


def _times(found: Profile) -> Counter[str]:
    times: Counter[str] = Counter()
    for node in found.nodes:
        times[_kind(node.name, node.op_type)] += node.total_ns / found.runs / 1e6
    return times


def _kind(name: str, op_type: str) -> str:
    if op_type.endswith(("Add", "Transpose", "Linear")):  # named after the layers beside them
        return OTHERS
    found = (kind for kind, words in KINDS.items() if any(word in name for word in words))
    return next(found, OTHERS)


def tell_all(built: dict[tuple[str, ModelFormat], Path], folder: Path) -> None:
    """Speeds and operators on each engine; the foreign file where there is one."""
    for engine, fmt in ENGINE_FORMATS.items():
        plain, small = built["fp32", fmt], built["int8-static", fmt]
        files = {"fp32": plain, "int8": small}
        if fmt is ModelFormat.TFLITE and FOREIGN.is_file():
            files["uint8 file of google-coral"] = FOREIGN
        compare(engine, files, folder)
        tell_operators(engine, plain, small, folder)
