"""Ctrl-C, kill -9, crashes and neighbours: what was measured is kept, and the run goes on later."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

LONG = {"loads": [{"kind": "sustained", "seconds": 2}], "repeats": 3}


def wait_for_line(process: subprocess.Popen[str], start: str) -> None:
    """Read the background run's stderr until a line begins with ``start``."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(start):
            return
    pytest.fail(f"no line began with {start!r}; exit code {process.wait()}")


def wait_for_runner(process: subprocess.Popen[str]) -> psutil.Process:
    """Wait until a runner of the background run is at work."""
    host = psutil.Process(process.pid)
    while still_running(process):
        for child in host.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # ended while we looked
                if "device_agents.local.runner" in " ".join(child.cmdline()):
                    return child
    pytest.fail("the run ended before a runner was seen")


def still_running(process: subprocess.Popen[str]) -> bool:
    """Give the process a moment; whether it still runs after that."""
    try:
        process.wait(timeout=0.02)
    except subprocess.TimeoutExpired:
        return True
    return False


def outcomes(benchfarm) -> list[str]:
    shown = json.loads(benchfarm("runs", "show", "latest", "--json").stdout)
    return [record["outcome"] for record in shown]


def test_ctrl_c_keeps_what_was_measured_and_resume_goes_on(
    benchfarm, start_benchfarm, write_scenario
) -> None:
    process = start_benchfarm("run", write_scenario(**LONG))
    wait_for_line(process, "[1/3]")
    wait_for_runner(process)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    assert outcomes(benchfarm)[0] == "OK"
    assert json.loads(benchfarm("runs", "list", "--json").stdout)[0]["state"] == "interrupted"

    resumed = benchfarm("run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    assert outcomes(benchfarm) == ["OK"] * 3
    assert json.loads(benchfarm("runs", "list", "--json").stdout)[0]["state"] == "complete"


def test_kill_9_loses_at_most_the_trial_in_progress_and_its_blocks_come_back(
    benchfarm, start_benchfarm, write_scenario, tmp_path: Path
) -> None:
    process = start_benchfarm("run", write_scenario(**LONG))
    wait_for_line(process, "[1/3]")
    runner = wait_for_runner(process)
    second_trial = "results/runs/*/trials/*/samples.arrows"  # raw blocks: a trial in progress
    while still_running(process) and not list(tmp_path.glob(second_trial)):
        pass
    process.kill()
    process.wait()
    runner.wait(timeout=60)  # the runner dies with its host

    resumed = benchfarm("run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    assert outcomes(benchfarm) == ["OK"] * 3
    attempts = list(tmp_path.glob("results/runs/*/**/trial.json"))
    recovered = [path for path in attempts if "RECOVERED" in path.read_text("utf-8")]
    assert len(attempts) == 4
    assert len(recovered) == 1  # the attempt that was cut off, with its blocks
    assert (recovered[0].parent / "samples.parquet").stat().st_size > 0


def test_a_crashing_runner_is_a_failed_trial_with_its_signal_and_the_run_goes_on(
    benchfarm, start_benchfarm, write_scenario
) -> None:
    process = start_benchfarm("run", write_scenario(**LONG))
    wait_for_runner(process).send_signal(signal.SIGSEGV)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 4, stderr
    assert "SIGSEGV" in stderr
    assert outcomes(benchfarm) == ["FAILED", "OK", "OK"]

    retried = benchfarm("run", "--resume", "latest", "--retry-failed")
    assert retried.returncode == 0, retried.stderr
    assert outcomes(benchfarm) == ["OK"] * 3


def test_a_second_run_on_a_held_device_is_told_who_holds_it(
    benchfarm, start_benchfarm, write_scenario
) -> None:
    scenario = write_scenario(loads=[{"kind": "sustained", "minutes": 10}])
    process = start_benchfarm("run", scenario)
    wait_for_runner(process)
    second = benchfarm("run", scenario)
    assert second.returncode == 4
    assert str(process.pid) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert len(json.loads(benchfarm("runs", "list", "--json").stdout)) == 1
