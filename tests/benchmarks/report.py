"""What reports cost: 1000 trials, and one record of 72 hours, through the real store.

Where there is a Chromium, it also says how smoothly the pages scroll.

``python tests/benchmarks/report.py [trials|long] [--hours H]``; both without arguments. The store
is written in one process and reported on in another, so that the figures are the report's alone.
CPU time is that of the process, all threads, user and system.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from harness.clock import ManualClock
from harness.device import Reading
from harness.findings import finding
from harness.record import (
    BlockRecord,
    Cell,
    ChannelRecord,
    ClockOffset,
    DeviceFacts,
    LoadTimes,
    Outcome,
    RunPlan,
    Trial,
    TrialRecord,
)
from harness.scenario import Load, SingleStream, Sustained
from harness.stats.summary import summarise
from harness.store.run_writer import RunWriter
from harness.store.store import ResultsStore
from harness.store.trial_writer import TrialWriter
from harness.units import NS_PER_MS, NS_PER_S
from harness.variant import ModelFormat, Variant
from reports.render import write_reports

TRIALS_LIMIT_S, LONG_LIMIT_S, LIMIT_MIB, PAGE_LIMIT_MB = 20.0, 10.0, 1024, 3.0
#: Two frames of a usual display.
FRAME_LIMIT_MS = 33.4
REPEATS, LONG_CHANNELS, LONG_SAMPLES_PER_S = 5, 20, 10
CHANNELS = ("temperature.cpu_c", "runner.rss_bytes", "runner.cpu_percent")
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> int:
    """Run the chosen parts; 1 when a figure misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["trials", "long"])
    parser.add_argument("--hours", type=float, default=72.0)
    parser.add_argument("--number", type=int, default=1000)
    chosen = parser.parse_args()
    steps = {
        "write-trials": lambda work: write_trials(work, chosen.number),
        "write-long": lambda work: write_long(work, chosen.hours),
        "report-trials": lambda work: report(work, f"{chosen.number} trials", TRIALS_LIMIT_S),
        "report-long": lambda work: report(work, f"{chosen.hours:g} h", LONG_LIMIT_S),
        "scroll-trials": lambda work: scroll(work, f"{chosen.number} trials"),
        "scroll-long": lambda work: scroll(work, f"{chosen.hours:g} h"),
    }
    good = True
    with tempfile.TemporaryDirectory(prefix="benchfarm-report-") as folder:
        for part in chosen.parts:
            step, _, work = part.partition("=")
            if work:
                good &= steps[step](Path(work))
                continue
            options = ["--hours", str(chosen.hours), "--number", str(chosen.number)]
            for step in (f"write-{part}", f"report-{part}", f"scroll-{part}"):
                command = [sys.executable, "-P", __file__, f"{step}={Path(folder, part)}", *options]
                good &= subprocess.run(command, check=False).returncode == 0
    return 0 if good else 1


def report(work: Path, what: str, limit_s: float) -> bool:
    """The HTML page and the tables of the newest run, read from disk."""
    run = ResultsStore(work).resolve("latest")
    started = time.process_time()
    page = write_reports([run], ["html"], work / "out")[0]
    html = time.process_time()
    write_reports([run], ["md", "csv", "latex"], work / "out")
    tables = time.process_time()
    size = page.stat().st_size
    text = (
        f"report on {what}: {html - started:.1f} s of CPU for {size / 1e6:.1f} MB of HTML, "
        f"{tables - html:.1f} s for Markdown, CSV and LaTeX; peak {_peak_mib():.0f} MiB"
    )
    good = tables - started <= limit_s and _peak_mib() <= LIMIT_MIB and size <= PAGE_LIMIT_MB * 1e6
    limit = f"{limit_s:g} s, {LIMIT_MIB} MiB, {PAGE_LIMIT_MB:g} MB"
    print(f"{text} [limit {limit}: {'met' if good else 'MISSED'}]", flush=True)
    return good


def scroll(work: Path, what: str) -> bool:
    """The HTML page in a browser."""
    from tests.benchmarks._scrolling import available, scrolled

    if not available():
        print(f"scrolling the report on {what}: not measured, needs Chromium on the PATH")
        return True
    found = dict(
        zip(("as it opens", "unfolded", "zooming"), scrolled(work / "out/report.html"), strict=True)
    )
    parts = [
        f"{how} {frames.p95_ms:.1f} ms, at worst {frames.worst_ms:.0f} ms of {frames.count}"
        for how, frames in found.items()
    ]
    good = all(frames.p95_ms <= FRAME_LIMIT_MS for frames in found.values())
    print(
        f"scrolling the report on {what}, p95 between frames: {'; '.join(parts)} "
        f"[limit {FRAME_LIMIT_MS:g} ms: {'met' if good else 'MISSED'}]",
        flush=True,
    )
    return good


# --- made-up stores -----------------------------------------------------------------------------


def write_trials(work: Path, number: int) -> bool:
    """``number`` trials of a minute with 10,000 samples and 1 Hz telemetry each."""
    cells = [_cell(index, SingleStream()) for index in range(-(-number // REPEATS))]
    repeats = [(cell, repeat) for cell in cells for repeat in range(REPEATS)][:number]
    trials = tuple(
        Trial(f"{cell.key}-r{repeat}", cell, repeat, order)
        for order, (cell, repeat) in enumerate(repeats)
    )
    writer = ResultsStore(work).create_run(_plan(trials))
    for trial in trials:
        attempt = writer.begin_trial(trial)
        at_ns = 0
        for block in range(8):
            at_ns = _add_block(attempt, trial, block, 1250, 6 * NS_PER_MS, at_ns)
        attempt.add_readings(
            [
                Reading(channel, second * NS_PER_S, 40.0 + second % 7)
                for channel in CHANNELS
                for second in range(60)
            ]
        )
        _finish(writer, attempt, trial, CHANNELS)
    writer.close("complete")
    return True


def write_long(work: Path, hours: float) -> bool:
    """One sustained trial: ten samples and twenty readings a second, stored minute by minute."""
    clock = ManualClock()
    cell = _cell(0, Sustained(seconds=hours * 3600))
    trial = Trial(f"{cell.key}-r0", cell, 0, 0)
    channels = ("temperature.skin_c", *(f"sensor.{index}" for index in range(LONG_CHANNELS - 1)))
    writer = ResultsStore(work, clock=clock).create_run(_plan((trial,)))
    attempt = writer.begin_trial(trial)
    at_ns = 0
    for minute in range(round(hours * 60)):
        count = 60 * LONG_SAMPLES_PER_S
        at_ns = _add_block(attempt, trial, minute, count, 98 * NS_PER_MS, at_ns)
        attempt.add_readings(
            [
                Reading(name, second * NS_PER_S, 30.0 + index + second % 97 / 100)
                for second in range(60 * minute, 60 * minute + 60)
                for index, name in enumerate(channels)
            ]
        )
        clock.advance(60 * NS_PER_S)
    _finish(writer, attempt, trial, channels)
    writer.close("complete")
    return True


def _add_block(
    attempt: TrialWriter, trial: Trial, seq: int, count: int, latency_ns: int, start_ns: int
) -> int:
    random = np.random.default_rng([trial.order, seq])
    total = (latency_ns * (1 + random.gamma(2.0, 0.01, count))).astype(np.int64)
    starts = start_ns + np.cumsum(total) - total
    copies = np.full(count, 5000)
    columns = {
        "start_ns": starts,
        "input_ns": copies,
        "invoke_ns": total - 2 * copies,
        "output_ns": copies,
    }
    ended = int(starts[-1] + total[-1])
    block = BlockRecord(seq, seq > 0, count, start_ns, ended, ended - start_ns)
    attempt.add_block(block, columns)
    return ended


def _finish(
    writer: RunWriter, attempt: TrialWriter, trial: Trial, channels: tuple[str, ...]
) -> None:
    metrics = summarise(attempt.samples(), attempt.blocks())
    started = STARTED + timedelta(minutes=2 * trial.order)
    record = TrialRecord(
        writer.run_id,
        trial,
        attempt.attempt,
        Outcome.OK,
        started.isoformat(),
        (started + timedelta(minutes=1)).isoformat(),
        engine={"version": "2.3.0"},
        load_times=LoadTimes(90_000_000, 60_000_000, 4_000_000, 20_000_000, 40_000_000),
        channels=tuple(ChannelRecord(name, "degC", "host", "made up") for name in channels),
        clock_offsets=(ClockOffset(0, 1_000_000, 40_000),),
        metrics=metrics,
        findings=(finding("SYNTHETIC-MODEL", "made up"),),
    )
    attempt.finish(record)


def _cell(index: int, load: Load) -> Cell:
    name = "fp32" if index % 2 else "int8-static"
    precision = name.partition("-")[0]
    digest = f"{index:064x}"
    model = Variant("made_up", name, ModelFormat.TFLITE, digest, 4_000_000, precision)
    return Cell("local", model, "tflite", "cpu", 1 + index // 2, 1, load)


def _plan(trials: tuple[Trial, ...]) -> RunPlan:
    facts = {"local": DeviceFacts("local", {"cpu": "made up", "cores": 8})}
    return RunPlan(
        "20260101T000000Z-made-up-0000", "made-up", None, STARTED.isoformat(), trials, facts=facts
    )


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
