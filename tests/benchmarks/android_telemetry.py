"""What telemetry at 10 Hz costs: the phone's and the host's processor, and the runner's latency.

On a simulated phone with the real runner core on a JVM, inferring for real. The loop's processor
time is that of this machine's cores, of mksh and toybox; a phone's little core is slower.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from device_agents.android.device import AndroidDevice
from device_agents.android.packages import runner_files
from harness.clock import CancelToken, Deadline, SystemClock
from harness.scenario import Prepare, SingleStream, Warmup
from harness.stats.ratio import log_ratio_interval
from tests.benchmarks import _android as android

MODEL = android.ROOT.parent / "shared" / "models" / "rfb320_nopost.onnx"
RATE_HZ, NEVER_HZ = 10.0, 0.001
PAIRS = 20
LOOKED_AT_S = 20.0
_LOAD = SingleStream(Warmup("fixed", min_seconds=0.5), min_seconds=2.0, min_inferences=1)
_PREPARE = Prepare(stay_awake=False, animations=True)
#: What the loop's command line has and no other's.
_LOOP = b"while read -r u r </proc/uptime"


def main() -> int:
    """Print the figures."""
    if not MODEL.exists():
        print(f"{MODEL.name} is not beside the checkout")
        return 1
    with tempfile.TemporaryDirectory(prefix="benchfarm-") as name:
        os.environ["BENCHFARM_RUNNER_FILES"] = str(with_onnxruntime(Path(name)))
        with android.Lab("pixel8", runner="jvm") as lab, android.bench(lab) as bench:
            device = bench.open(lab.phones[0])
            shares(device)
            effect(bench, device)
            device.close()
    return 0


def with_onnxruntime(folder: Path) -> Path:
    """Our runner files under a flavour that has ONNX Runtime: on a JVM the core has it anyway."""
    listed = {}
    for file in runner_files():
        (folder / file.path.name).symlink_to(file.path)
        listed[file.path.name] = {
            "flavour": "all",
            "abi": file.abi,
            "build": file.build,
            "application_id": file.application_id,
            "sha256": file.sha256,
        }
    (folder / "runners.json").write_text(json.dumps({"runners": listed}))
    return folder


def shares(device: AndroidDevice) -> None:
    """Processor time of the loop on the phone, and of reading it on this host."""
    device.prepare(_PREPARE, Deadline(SystemClock(), 30), CancelToken())
    telemetry = device.telemetry(RATE_HZ)
    channels = sum(1 for one in telemetry.channels() if one.unavailable is None)
    time.sleep(1.0)  # the loop is under way
    (loop,) = loops()
    phone_s, host_s, begun = used_s(loop), 0.0, time.monotonic()
    while time.monotonic() - begun < LOOKED_AT_S:
        before = time.thread_time()
        telemetry.poll()
        host_s += time.thread_time() - before
        time.sleep(1 / RATE_HZ)
    elapsed = time.monotonic() - begun
    phone_s = used_s(loop) - phone_s
    telemetry.close()
    print(
        f"telemetry at {RATE_HZ:g} Hz of {channels} channels: the phone's loop with its sleeps "
        f"{100 * phone_s / elapsed:.2f} % of a core, this host {100 * host_s / elapsed:.2f} % "
        "(goal 2 each)"
    )


def loops() -> list[int]:
    """The shells that run the loop; what wraps one has the same words behind its own name."""
    lines = {int(path.name): command_line(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    return [n for n, line in lines.items() if line.startswith(b"/system/bin/sh") and _LOOP in line]


def command_line(pid: int) -> bytes:
    """Its arguments."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def used_s(pid: int) -> float:
    """Processor time of a process and of its children that are over."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def effect(bench: android.Bench, device: AndroidDevice) -> None:
    """The runner's median latency with telemetry over that without, trials in turn A B B A."""
    bench.use(MODEL)
    p50_ns: dict[float, list[float]] = {RATE_HZ: [], NEVER_HZ: []}
    bench.trial(device, _LOAD, _PREPARE, RATE_HZ, engine="onnxruntime")  # installs, fills caches
    for pair in range(PAIRS):
        for rate_hz in sorted(p50_ns, reverse=pair % 2 == 1):
            record = bench.trial(device, _LOAD, _PREPARE, rate_hz, engine="onnxruntime")
            if record.failure is not None:
                raise SystemExit(str(record.failure))
            p50_ns[rate_hz].append(record.metrics["latency_p50_ns"])
    ratio = log_ratio_interval(p50_ns[RATE_HZ], p50_ns[NEVER_HZ])
    half = 100 * (ratio.high - ratio.low) / 2
    print(
        f"the runner's p50 with telemetry at {RATE_HZ:g} Hz over that without, {PAIRS} trials "
        f"each: {ratio.value:.4f} ({ratio.low:.4f} to {ratio.high:.4f}, half-width {half:.1f} %; "
        "goal: overlaps 0.99 to 1.01)"
    )


if __name__ == "__main__":
    sys.exit(main())
