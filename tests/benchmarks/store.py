"""What storing costs: a million samples, a plan of 10,000 cells, a record of 72 hours.

``python tests/benchmarks/store.py [samples|plan|runs|long] [--hours H]``; all without arguments.
CPU time is that of the process, all threads, user and system.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from harness.clock import ManualClock
from harness.device import Reading
from harness.record import BlockRecord, Cell, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import SingleStream, Sustained
from harness.store.documents import read_plan, write_plan
from harness.store.run_writer import RunWriter
from harness.store.store import ResultsStore
from harness.units import NS_PER_MS, NS_PER_S
from harness.variant import ModelFormat, Variant

SAMPLES_LIMIT_S, PLAN_LIMIT_S, LONG_LIMIT_MIB = 0.3, 2.0, 300
LONG_CHANNELS, LONG_SAMPLES_PER_S = 20, 10


def main() -> int:
    """Run the chosen parts; 1 when a figure misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["samples", "plan", "runs", "long"])
    parser.add_argument("--hours", type=float, default=72.0)
    chosen = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="benchfarm-store-") as folder:
        for part in chosen.parts:
            work = Path(folder, part)
            if part == "samples":
                good &= samples(work)
            elif part == "plan":
                good &= plan(work)
            elif part == "runs":
                runs(work)
            elif part == "long":
                good &= in_a_fresh_process("long-write", work, chosen.hours)
                good &= in_a_fresh_process("long-read", work, chosen.hours)
            else:
                good &= {"long-write": long_write, "long-read": long_read}[part.partition("=")[0]](
                    Path(part.partition("=")[2]), chosen.hours
                )
    return 0 if good else 1


# --- a million samples --------------------------------------------------------------------------


def samples(work: Path, repeats: int = 7) -> bool:
    """One million samples in blocks of a thousand: add_block and finish."""
    blocks = list(_blocks(1000, 1000, 5 * NS_PER_MS))
    trials = tuple(_trial(index) for index in range(repeats + 1))
    writer = ResultsStore(work).create_run(_plan(trials))
    spent = [cpu_seconds(lambda trial=trial: _store(writer, trial, blocks)) for trial in trials]
    writer.close("complete")
    size = (writer.folder / "trials" / trials[0].id / "samples.parquet").stat().st_size
    median = statistics.median(spent[1:])  # the first one pays for imports
    return _verdict(
        f"1,000,000 samples stored: {median:.3f} s of CPU (median of {repeats}, "
        f"{min(spent[1:]):.3f}-{max(spent[1:]):.3f}), {size / 1e6:.1f} MB",
        median <= SAMPLES_LIMIT_S,
        f"{SAMPLES_LIMIT_S} s",
    )


def _store(writer: RunWriter, trial: Trial, blocks: list[tuple[BlockRecord, dict]]) -> None:
    attempt = writer.begin_trial(trial)
    for block, columns in blocks:
        attempt.add_block(block, columns)
    attempt.finish(_record(writer, trial, attempt.attempt))


def _blocks(number: int, count: int, latency_ns: int) -> Iterator[tuple[BlockRecord, dict]]:
    random = np.random.default_rng(1)
    now = 0
    for seq in range(number):
        invoke = (latency_ns * (1 + random.gamma(2.0, 0.01, count))).astype(np.int64)
        copied_in, copied_out = random.integers(1000, 9000, (2, count))
        service = invoke + copied_in + copied_out
        start = now + np.cumsum(service) - service
        ended = int(start[-1] + service[-1])
        columns = {
            "start_ns": start,
            "input_ns": copied_in,
            "invoke_ns": invoke,
            "output_ns": copied_out,
        }
        yield BlockRecord(seq, seq > 0, count, now, ended, ended - now), columns
        now = ended


# --- plans and lists ----------------------------------------------------------------------------


def plan(work: Path) -> bool:
    """A plan of 10,000 cells with 3 repeats each, written and read."""
    work.mkdir()
    cells = [_cell(index) for index in range(10_000)]
    trials = tuple(
        Trial(f"{cell.key}-r{repeat}", cell, repeat, order)
        for order, (cell, repeat) in enumerate((c, r) for c in cells for r in range(3))
    )
    path, planned = work / "plan.json", _plan(trials)
    written = cpu_seconds(lambda: write_plan(path, planned))
    read = cpu_seconds(lambda: read_plan(path))
    text = (
        f"plan of 10,000 cells x 3: written in {written:.2f} s, read in {read:.2f} s of CPU, "
        f"{path.stat().st_size / 1e6:.1f} MB"
    )
    return _verdict(text, written + read <= PLAN_LIMIT_S, f"{PLAN_LIMIT_S} s together")


def runs(work: Path, number: int = 1000) -> None:
    """A list of a thousand runs: from the index, and from the files."""
    store = ResultsStore(work)
    writer = store.create_run(_plan((_trial(0),)))
    writer.close("complete")
    for index in range(1, number):
        shutil.copytree(writer.folder, writer.folder.with_name(f"{writer.run_id}-{index}"))
    rebuilt = cpu_seconds(store.reindex)
    listed = cpu_seconds(store.runs)
    print(f"list of {number} runs: {listed:.3f} s of CPU, {rebuilt:.3f} s to build the index")


# --- 72 hours -----------------------------------------------------------------------------------


def in_a_fresh_process(part: str, work: Path, hours: float) -> bool:
    """Run a part where nothing else has touched the memory yet."""
    command = [sys.executable, __file__, f"{part}={work}", "--hours", str(hours)]
    return subprocess.run(command, check=False).returncode == 0


def long_write(work: Path, hours: float) -> bool:
    """A second's block, and 20 readings, for each second of ``hours``; then finish."""
    clock = ManualClock()
    trial = _trial(0, hours)
    writer = ResultsStore(work, clock=clock).create_run(_plan((trial,)))
    attempt = writer.begin_trial(trial)
    started = time.process_time()
    one_second = list(_blocks(50, LONG_SAMPLES_PER_S, 90 * NS_PER_MS))
    for second in range(round(hours * 3600)):
        at_ns = second * NS_PER_S
        model, columns = one_second[second % len(one_second)]
        shifted = {**columns, "start_ns": columns["start_ns"] - model.started_at_ns + at_ns}
        block = BlockRecord(second, True, model.count, at_ns, at_ns + NS_PER_S, NS_PER_S // 2)
        attempt.add_block(block, shifted)
        attempt.add_readings(
            [
                Reading(f"channel_{index}", at_ns, 30.0 + index + second % 97 / 100)
                for index in range(LONG_CHANNELS)
            ]
        )
        clock.advance(NS_PER_S)
    stored = time.process_time()
    raw = sum(file.stat().st_size for file in attempt.folder.iterdir())
    read_back = len(attempt.samples())
    back = time.process_time()
    attempt.finish(_record(writer, trial, attempt.attempt))
    ended = time.process_time()
    writer.close("complete")
    kept = sum(file.stat().st_size for file in attempt.folder.iterdir())
    text = (
        f"{hours:g} h written: {stored - started:.1f} s of CPU while measuring, "
        f"{back - stored:.1f} s to read {read_back} samples back, {ended - back:.1f} s to finish; "
        f"{raw / 1e6:.0f} MB raw, {kept / 1e6:.0f} MB kept; peak {_peak_mib():.0f} MiB"
    )
    return _verdict(text, _peak_mib() <= LONG_LIMIT_MIB, f"{LONG_LIMIT_MIB} MiB")


def long_read(work: Path, hours: float) -> bool:
    """All samples, blocks and every channel of the record, as a report reads them."""
    run = ResultsStore(work).resolve("latest")
    trial = run.trial(run.plan.trials[0].id)
    started = time.process_time()
    found, blocks = len(trial.samples()), len(trial.blocks())  # one after the other, as a report
    sampled = time.process_time()
    readings = sum(len(trial.trace(channel)) for channel in trial.trace_channels())
    traced = time.process_time()
    streamed = sum(len(t) for batch in trial.iter_trace_batches() for t in batch.values())
    ended = time.process_time()
    text = (
        f"{hours:g} h read: {found} samples and {blocks} blocks in "
        f"{sampled - started:.1f} s, {readings} readings in {traced - sampled:.1f} s channel by "
        f"channel, {streamed} in {ended - traced:.1f} s in one pass; peak {_peak_mib():.0f} MiB"
    )
    return _verdict(text, _peak_mib() <= LONG_LIMIT_MIB, f"{LONG_LIMIT_MIB} MiB")


# --- made-up records ----------------------------------------------------------------------------


def _cell(index: int, hours: float | None = None) -> Cell:
    variant = Variant("made_up", f"v{index}", ModelFormat.TFLITE, f"{index:064x}", 1000)
    load = SingleStream() if hours is None else Sustained(seconds=hours * 3600)
    return Cell("local", variant, "tflite", "cpu", 1, 1, load)


def _trial(index: int, hours: float | None = None) -> Trial:
    cell = _cell(index, hours)
    return Trial(f"{cell.key}-r0", cell, 0, index)


def _plan(trials: tuple[Trial, ...]) -> RunPlan:
    return RunPlan("20260101T000000Z-made-up-0000", "made-up", None, "2026-01-01", trials)


def _record(writer: RunWriter, trial: Trial, attempt: int) -> TrialRecord:
    return TrialRecord(
        writer.run_id, trial, attempt, Outcome.OK, "2026-01-01T00:00:00", "2026-01-01T00:01:00"
    )


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _verdict(text: str, good: bool, limit: str) -> bool:
    print(f"{text} [limit {limit}: {'met' if good else 'MISSED'}]", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
