"""MobileNetV2 by every method: built, proven, sized; INT8 beside FP32; mixed precision of digits.

Speeds are ratios of medians of interleaved runner processes, because few machines are quiet.
"""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

from device_agents.registry import workbench
from harness.cli.inference import LocalInfer
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conductor.attempt import tensor_specs
from harness.conductor.inputs import InputFactory
from harness.conductor.session import RunnerSession, samples_of
from harness.errors import CatalogueError
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.models.files import digest_of
from harness.variant import ENGINE_FORMATS, LocalVariant, ModelFormat
from harness.wire.messages import Block, BlockDone, LoadModel, Run

FAMILY = "mobilenet_v2"
ROUNDS, INFERENCES = 7, 60
EXTRA = {
    "int8-static-entropy": {"calibration": "entropy"},
    "int8-static-percentile": {"calibration": "percentile"},
    "int8-static-tensor": {"granularity": "tensor"},
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="benchfarm-variants-") as folder:
        path = Path(folder) / "more.yaml"
        path.write_text(catalogue_text())
        catalogue = Catalogue.load([path])
        cache = ModelCache(Path(folder) / "cache", LocalInfer())
        built = build_all(catalogue, cache)
        for engine, fmt in ENGINE_FORMATS.items():
            compare_speed(engine, built["fp32", fmt], built["int8-static", fmt], Path(folder))


def catalogue_text() -> str:
    """The family again, with the calibrations that the built-in catalogue leaves out."""
    family = {
        "task": "image-classification", "licence": "Apache-2.0", "builder": "mobilenet_v2",
        "parameters": {"width": 1.0}, "weights": "seeded", "seed": 2018,
        "input": {
            "name": "image", "layout": "NHWC", "shape": [1, 224, 224, 3], "range": [-1, 1],
        },
        "output": {"name": "logits", "shape": [1, 1000]}, "formats": ["onnx", "tflite"],
        "variants": {
            "fp32": {"precision": "fp32", "method": "construct"},
            **{
                name: {
                    "precision": "int8", "method": "int8-static", "source": "fp32",
                    "parameters": parameters,
                    "calibration": {"data": "random", "samples": 32, "seed": 7},
                }
                for name, parameters in EXTRA.items()
            },
            "int4-dynamic": {"precision": "int4", "method": "int4-dynamic", "source": "fp32"},
            "int2-weights": {"precision": "int2", "method": "int2-weights", "source": "fp32"},
        },
    }  # fmt: skip
    return json.dumps({"schema": 1, "families": {"more": family}})


def build_all(
    catalogue: Catalogue, cache: ModelCache
) -> dict[tuple[str, ModelFormat], LocalVariant]:
    """Every variant of both families, with what each cost."""
    built = {}
    started, before = time.monotonic(), cpu_seconds()
    for family in (FAMILY, "more"):
        for name in catalogue.variant_names(family):
            for fmt in catalogue.variant_formats(family, name):
                try:
                    local = cache.materialise(catalogue, family, name, fmt)
                except CatalogueError as error:
                    print(f"{family}/{name} {fmt}: refused: {error}")
                    continue
                if family == FAMILY:
                    built[name, fmt] = local
                print(line_of(family, name, local))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"all built and proven: {cpu_seconds() - before:.0f} s of CPU, "
        f"{time.monotonic() - started:.0f} s by the clock, largest process {peak:.0f} MiB"
    )
    return built


def line_of(family: str, name: str, local: LocalVariant) -> str:
    proof = json.loads(local.path.with_suffix(".json").read_text())["proof"]
    shown = [
        f"{key} {proof[key]}" for key in ("size_ratio", "cosine_min", "sqnr_db") if key in proof
    ]
    size = local.variant.size_bytes
    return f"{family}/{name} {local.variant.format}: {size} bytes, {', '.join(shown)}"


def compare_speed(engine: str, plain: LocalVariant, small: LocalVariant, folder: Path) -> None:
    """Median invoke time of interleaved processes, one thread."""
    medians: dict[str, list[float]] = {"fp32": [], "int8": []}
    for _ in range(ROUNDS):
        for name, local in (("fp32", plain), ("int8", small)):
            medians[name].append(median_ms(engine, local, folder))
    ratios = [a / b for a, b in zip(medians["fp32"], medians["int8"], strict=True)]
    vnni = "vnni" in Path("/proc/cpuinfo").read_text()
    print(
        f"{engine}: fp32 {statistics.median(medians['fp32']):.2f} ms, "
        f"int8 {statistics.median(medians['int8']):.2f} ms, "
        f"speed-up {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
        f"{'VNNI' if vnni else 'no VNNI'}; sizes "
        f"{small.variant.size_bytes / plain.variant.size_bytes:.3f}"
    )


def median_ms(engine: str, local: LocalVariant, folder: Path) -> float:
    cancel, clock = CancelToken(), SystemClock()
    deadline = Deadline(clock, 120)
    device = workbench(folder / "bench")
    try:
        digest = digest_of(local.path)
        device.push(local.path, digest, deadline, cancel)
        session = RunnerSession("local", device.launch(engine, deadline, cancel), clock)
        session.open(deadline, cancel)
        loaded = session.load(LoadModel(digest, engine, "cpu", 1), deadline, cancel)
        inputs = InputFactory(folder / "inputs").make(tensor_specs(loaded.inputs))
        for name, path in inputs:
            device.push(path, name, deadline, cancel)
        blocks = (Block(1, 10, timed=False), Block(2, INFERENCES))
        session.send(Run(tuple(name for name, _ in inputs), blocks, final=True), deadline, cancel)
        while True:
            packet = session.receive(deadline, cancel)
            assert packet is not None
            if isinstance(packet.message, BlockDone) and packet.message.timed:
                session.close()
                return float(statistics.median(samples_of(packet)["invoke_ns"])) / 1e6
    finally:
        device.close()


def cpu_seconds() -> float:
    """Of this process and all that it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
