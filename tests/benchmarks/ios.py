"""Figures of the iPhone agent, on simulated iPhones on this machine.

Each pair is measured in turns, and medians are told: what a trial costs beside its own work, a push
beside pymobiledevice3's own, a round trip to the app's port beside a raw connection, and ten phones
at once in one process.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from device_agents.ios.loop import LOOP
from device_agents.ios.phone import RUNNER_BUNDLE, Connections
from harness.clock import CancelToken, Deadline, SystemClock
from harness.record import Outcome
from harness.scenario import Prepare
from tests.benchmarks import _ios as ios
from tests.benchmarks.android import block_seconds

PUSH_BYTES = 32_000_000
PHONES = 10


def trials(profile: str, count: int) -> float:
    """Median own cost, counted as on Android: seconds of a trial less its blocks.

    The first trial, which opens everything, is left out.
    """
    costs = []
    with ios.bench(profile) as bench:
        device = bench.open()
        for _ in range(count + 1):
            begun = time.monotonic()
            record = bench.trial(device)
            costs.append(time.monotonic() - begun - block_seconds(record))
        device.close()
    return statistics.median(costs[1:])


def pushes(count: int) -> tuple[float, float]:
    """Median seconds for 32 MB: ours, and pymobiledevice3's own push.

    Both write a file that is not there yet, in turns, and whose turn is first changes, too. Only
    our first push also hashes the file: on two cores that the phone shares it takes a fifth longer.
    """
    ours, theirs = [], []
    with ios.bench("iphone12-ios16") as bench:
        device = bench.open()
        device.prepare(Prepare(), _within(), CancelToken())
        bench.new_model(PUSH_BYTES)
        documents = bench.farm.phones[0].apps[RUNNER_BUNDLE].documents

        def push() -> None:
            device.push(bench.model, bench.digest, _within(), CancelToken())

        def their_push() -> None:
            device._phone.call("push", _their_push(bench.model), _within(), CancelToken())

        turns = [
            (push, ours, documents / "models" / bench.digest),
            (their_push, theirs, documents / "theirs.bin"),
        ]
        for _ in range(3 * count):
            turns.reverse()
            for act, times, arrived in turns:
                os.sync()  # what was written before is not written during the next
                times.append(_timed(act))
                arrived.unlink()
        device.close()
    return statistics.median(ours), statistics.median(theirs)


def _their_push(model: Path) -> Callable[[Connections], object]:
    async def push(connections: Connections) -> None:
        await (await connections.documents()).push(
            str(model), "/Documents/theirs.bin", progress_bar=False
        )

    return push


def round_trips(count: int) -> tuple[float, float]:
    """Median milliseconds of a refused hello over our link and over a raw usbmux connection."""
    from harness.wire import messages as m
    from harness.wire.codec import encode

    ping = encode(m.Ping(1))
    with ios.bench("iphone12-ios16") as bench:
        device = bench.open()
        device.prepare(Prepare(), _within(), CancelToken())
        runner = device.launch("tflite", _within(), CancelToken())
        link = runner.connect(_within(), CancelToken())
        hello = encode(m.Hello(m.WIRE_VERSION, runner.token))
        link.send(hello, _within(), CancelToken())
        link.receive(1 << 16, _within(), CancelToken())

        def ours() -> None:
            link.send(ping, _within(), CancelToken())
            link.receive(1 << 16, _within(), CancelToken())

        raw = link._socket

        def plain() -> None:
            raw.setblocking(True)
            raw.sendall(ping)
            raw.recv(1 << 16)
            raw.setblocking(False)

        times = [(_timed(ours), _timed(plain)) for _ in range(count)]
        link.close()
        device.close()
    return tuple(1000 * statistics.median(column) for column in zip(*times, strict=True))  # type: ignore[return-value]


def many(count: int) -> tuple[int, float, float]:
    """Lost trials, the process's peak memory in MB, and the loop's p99 lag in ms, of ten phones."""
    with ios.bench(*["iphone12-ios16"] * PHONES) as bench:
        lags: list[float] = []
        over = threading.Event()
        watch = asyncio.run_coroutine_threadsafe(_watch(lags, over), LOOP.loop)
        with ThreadPoolExecutor(PHONES) as pool:
            lost = sum(pool.map(lambda number: _series(bench, number, count), range(PHONES)))
        over.set()
        watch.result(5)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return lost, peak_mb, 1000 * sorted(lags)[round(0.99 * (len(lags) - 1))]


def _series(bench: ios.Bench, number: int, count: int) -> int:
    folder = bench.folder / f"own{number}"
    (folder / "inputs").mkdir(parents=True)
    own = ios.Bench(bench.farm, folder)
    device = own.open(number)
    lost = sum(own.trial(device).outcome is not Outcome.OK for _ in range(count))
    device.close()
    return lost


async def _watch(lags: list[float], over: threading.Event) -> None:
    while not over.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(max(0.0, time.perf_counter() - begun - 0.005))


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _within() -> Deadline:
    return Deadline(SystemClock(), 60.0)


def main() -> int:
    """Print every figure beside its limit."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    lost, peak_mb, lag_ms = many(3)
    print(f"{PHONES} phones: {lost} trials lost, {peak_mb:.0f} MB with the simulated phones in it")
    print(f"p99 lag of the loop {lag_ms:.1f} ms (at most 50)")
    for profile, limit_s in (("iphone12-ios16", 0.8), ("iphone14pro-ios17.6", 1.5)):
        print(
            f"own cost of a trial on {profile}: {trials(profile, count):.3f} s (at most {limit_s})"
        )
    ours, theirs = pushes(count)
    print(f"32 MB: {ours:.3f} s, pymobiledevice3's own {theirs:.3f} s: {ours / theirs:.2f} (1.2)")
    link, raw = round_trips(30 * count)
    print(f"round trip {link:.3f} ms, raw {raw:.3f} ms: {link - raw:+.3f} ms (at most 0.3)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
