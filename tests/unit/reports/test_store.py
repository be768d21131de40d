from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.device import Reading
from harness.record import BlockRecord
from harness.store.store import ResultsStore
from reports.html import render_html
from reports.view import build_report


def test_a_stored_run_gives_the_page_of_the_measured_one(made_up, tmp_path: Path) -> None:
    run = made_up.demo_run(seconds=0.5)
    writer = ResultsStore(tmp_path).create_run(run.plan)
    for trial in run.plan.trials:
        store(writer.begin_trial(trial), run.trials[trial.id])
    writer.close("complete")
    read = ResultsStore(tmp_path).resolve("latest")
    assert render_html(build_report([read])) == render_html(build_report([run]))


def store(attempt, made) -> None:
    samples = made.samples()
    # A block is either warm-up or timed: cut where that changes.
    for seq, rows in enumerate(np.split(np.arange(len(samples)), cuts(samples.timed))):
        if not len(rows):
            continue
        columns = {
            name: getattr(samples, name)[rows]
            for name in ("start_ns", "input_ns", "invoke_ns", "output_ns")
        }
        start = int(samples.start_ns[rows[0]])
        end = int(samples.start_ns[rows[-1]] + samples.latency_ns[rows[-1]])
        timed = bool(samples.timed[rows[0]])
        attempt.add_block(BlockRecord(seq, timed, len(rows), start, end, end - start), columns)
    attempt.add_readings(
        [
            Reading(name, int(at_ns), float(value))
            for name, trace in made.traces.items()
            for at_ns, value in zip(trace.at_ns, trace.value, strict=True)
        ]
    )
    attempt.finish(made.record)


def cuts(timed: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(timed)) + 1
