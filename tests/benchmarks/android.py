"""What the Android agent costs and how fast it is, on simulated phones behind a real adb server."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness.clock import CancelToken, Deadline, SystemClock
from harness.record import TrialRecord
from harness.scenario import Burst, Prepare, Warmup
from tests.benchmarks import _android as android

TRIALS = 20
PUSH_BYTES = 300_000_000
PUSHES = 20
RATE_HZ = 10.0
STATE_CHANGES = 10
_LOAD = Burst(Warmup(rule="fixed", min_seconds=0, min_inferences=3), inferences=50)
_PREPARE = Prepare(brightness_percent=0, refresh_hz=60)


def main() -> None:
    """Print the figures."""
    with android.Lab("pixel8", "galaxy-s24", latency_ms=2.0) as lab, android.bench(lab) as bench:
        own_cost(bench)
        pushes(bench)
        telemetry_gaps(bench)
        state_changes(lab)
    listing(20)
    side_by_side(10, 50)


def within(seconds: float) -> Deadline:
    """A deadline."""
    return Deadline(SystemClock(), seconds)


def own_cost(bench: android.Bench) -> None:
    """Seconds of a trial less its blocks; the first one also installs the runner."""
    device = bench.open(bench.lab.phones[0])
    costs = []
    for _ in range(TRIALS):
        begun = time.monotonic()
        record = bench.trial(device, _LOAD, _PREPARE, RATE_HZ)
        costs.append(time.monotonic() - begun - block_seconds(record))
    device.close()
    first, later = costs[0], costs[1:]
    print(
        f"own cost per trial: median {statistics.median(later):.3f} s of {len(later)} "
        f"({min(later):.3f} to {max(later):.3f}; goal 0.6); "
        f"the first, with the runner's installation: {first:.3f} s (goal 1.4)"
    )


def block_seconds(record: TrialRecord) -> float:
    """The time of a trial that the scripted runner was asked to take."""
    if record.failure is not None:
        raise RuntimeError(str(record.failure))
    metrics = record.metrics
    timed_s = metrics["latency_mean_ns"] * metrics["inferences"] / 1e9
    return timed_s + (metrics["warmup_ns"] + metrics["prepare_ns"]) / 1e9


def pushes(bench: android.Bench) -> None:
    """The same bytes by us, without the phone's digest, and by ``adb push``; who is first changes.

    Ratios within a turn are compared by their median, and the least times: on a virtual machine the
    kernel's work of writing the simulated phone's file varies threefold with where its pages come
    from, for both alike, and can hide what the senders differ in; in memory (``TMPDIR=/dev/shm``)
    least. Then a whole push, the digest included.
    """
    phone = bench.lab.phones[0]
    device = bench.open(phone)
    device.prepare(Prepare(stay_awake=False, animations=True), within(30), CancelToken())
    bench.new_model(PUSH_BYTES)
    target = "/data/local/tmp/sent"

    def send() -> None:
        device._store.send_as(bench.model, target, within(300), CancelToken())

    def adb_push() -> None:
        bench.lab.adb("push", str(bench.model), target, phone=phone, timeout_s=300)

    def push() -> None:
        device.push(bench.model, bench.digest, within(300), CancelToken())

    took: dict[Callable[[], None], list[float]] = {send: [], adb_push: []}
    for turn in range(PUSHES):
        for one in (send, adb_push) if turn % 2 else (adb_push, send):
            took[one].append(timed(one))
            remove(device, target)
    whole, again = timed(push), timed(push)
    device.close()
    ours, theirs = took[send], took[adb_push]
    median = statistics.median(other / own for own, other in zip(ours, theirs, strict=True))
    megabytes = PUSH_BYTES / 1e6
    print(
        f"push of {megabytes:.0f} MB, ratio to adb push in {PUSHES} turns, median {median:.2f} "
        f"(goal 0.9); the best {megabytes / min(ours):.0f} MB/s, of adb push "
        f"{megabytes / min(theirs):.0f} MB/s, ratio {min(theirs) / min(ours):.2f}; with its "
        f"digest (toybox without hardware hashing) {whole:.1f} s; the second time "
        f"{again * 1000:.1f} ms and no byte"
    )


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes while nothing is left to be written to this machine's disk."""
    os.sync()
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def remove(device: android.AndroidDevice, path: str) -> None:
    """Make room again."""
    device._phone.run(f"rm -f {path}", within(30), CancelToken())


def telemetry_gaps(bench: android.Bench) -> None:
    """Times between samples on the phone's clock while a push saturates the link."""
    phone = bench.lab.phones[0]
    device = bench.open(phone)
    device.prepare(Prepare(stay_awake=False, animations=True), within(30), CancelToken())
    bench.new_model(PUSH_BYTES)
    other = bench.open(phone)
    pushing = threading.Thread(
        target=lambda: other.push(bench.model, bench.digest, within(300), CancelToken())
    )
    telemetry = device.telemetry(RATE_HZ)
    channels = sum(1 for one in telemetry.channels() if one.unavailable is None)
    times: set[int] = set()
    begun, host_s = time.monotonic(), 0.0
    pushing.start()
    while pushing.is_alive() or time.monotonic() - begun < 10:
        before = time.thread_time()
        times |= {one.at_ns for one in telemetry.poll()}
        host_s += time.thread_time() - before
        time.sleep(0.1)
    elapsed = time.monotonic() - begun
    telemetry.close()
    remove(device, f"/data/local/tmp/benchfarm/store/{bench.digest}")
    other.close()
    device.close()
    gaps = sorted((b - a) / 1e6 for a, b in itertools.pairwise(sorted(times)) if b - a > 5e6)
    print(
        f"telemetry at {RATE_HZ:g} Hz of {channels} channels during a saturating push: gaps p50 "
        f"{gaps[len(gaps) // 2]:.0f} ms, p99 {gaps[int(len(gaps) * 0.99)]:.0f} ms (goal 200); host "
        f"{100 * host_s / elapsed:.2f} % of a core (goal 2)"
    )


def state_changes(lab: android.Lab) -> None:
    """From a phone's change of state, the adb server's part included, to a watching person."""
    phone = lab.phones[0]
    command = [sys.executable, "-u", "-m", "harness.cli", "devices", "--watch"]
    took = []
    with subprocess.Popen(
        command, env=os.environ | lab.environment, stdout=subprocess.PIPE, text=True
    ) as watch:
        wait_for(watch, phone, "ready")
        for turn in range(STATE_CHANGES):
            for change, state in (
                (lambda: phone.fault("unauthorized@now"), "unauthorized"),
                (phone.recover, "ready"),
            ):
                time.sleep(turn / STATE_CHANGES)  # changes come at any point between two looks
                begun = time.monotonic()
                change()
                wait_for(watch, phone, state)
                took.append(time.monotonic() - begun)
        watch.kill()
    print(
        f"{len(took)} changes of state shown by devices --watch: median "
        f"{statistics.median(took):.2f} s, longest {max(took):.2f} s (goal 1.5)"
    )


def wait_for(watch: subprocess.Popen[str], phone: android.PhoneHandle, state: str) -> None:
    """Read what the watch shows until the phone has this state."""
    for line in watch.stdout or ():
        if state in line and (phone.serial in line or phone.address in line):
            return
    raise RuntimeError(f"{state} was never shown")


def listing(count: int) -> None:
    """``benchfarm devices --facts`` with many phones, from a fresh process."""
    with android.Lab(*["pixel8"] * count) as lab:
        environment = os.environ | lab.environment
        took = []
        for _ in range(3):
            begun = time.monotonic()
            command = [sys.executable, "-m", "harness.cli", "devices", "--json"]
            done = subprocess.run(command, env=environment, check=True, capture_output=True)
            took.append(time.monotonic() - begun)
            with_facts = sum(1 for one in json.loads(done.stdout) if one["facts"]) - 1
        print(
            f"{with_facts} of {count} phones listed with facts: {statistics.median(took):.2f} s "
            f"(median of 3; first {took[0]:.2f}; goal 5)"
        )


def side_by_side(phones: int, trials: int) -> None:
    """Many phones at once: wall time over the longest phone's own work."""
    with (
        android.Lab(*["pixel8"] * phones, latency_ms=5.0) as lab,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        model = folder / "model.tflite"
        model.write_bytes(
            (android.ROOT.parent / "shared" / "models" / "kws_ref_model.tflite").read_bytes()
        )
        scenario = folder / "scenario.yaml"
        document = {
            "schema": 1,
            "models": [{"path": str(model)}],
            "devices": ["platform=android"],
            "blocks": [{"engine": "tflite"}],
            "loads": [{"kind": "burst", "inferences": 200}],
            "repeats": trials,
            "gates": {"thermal": "off"},
        }
        scenario.write_text(json.dumps(document), "utf-8")
        environment = (
            os.environ
            | lab.environment
            | {"BENCHFARM_RESULTS": name, "BENCHFARM_LEASES": name, "BENCHFARM_CACHE": name}
        )
        begun = time.monotonic()
        command = [sys.executable, "-m", "harness.cli", "run", str(scenario)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        wall = time.monotonic() - begun
        work: dict[str, float] = {}
        for path in folder.glob("runs/*/trials/*/trial.json"):
            record = json.loads(path.read_text())
            spans = record["phases"]
            device = record["trial"]["cell"]["device_id"]
            work[device] = work.get(device, 0.0) + sum(
                (span["ended_at_ns"] - span["started_at_ns"]) / 1e9 for span in spans
            )
        longest = max(work.values())
        print(
            f"{phones} phones, {trials} trials each: {wall:.1f} s, the longest phone's own work "
            f"{longest:.1f} s, ratio {wall / longest:.2f} (goal 1.25)"
        )


if __name__ == "__main__":
    main()
