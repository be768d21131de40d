"""The local runner as a process: how it dies, with whom, and in what environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from device_agents.local.launch import launch
from harness.clock import CancelToken, SystemClock
from harness.conductor.session import RunnerSession
from harness.errors import (
    Cancelled,
    DeviceTimeout,
    DeviceUnavailable,
    RunnerDied,
)
from harness.wire import messages as m

NEVER = 3600 * 10**9


@pytest.fixture
def bench(local_bench):
    """Python runners only: another language dies in another way."""
    return local_bench


@pytest.fixture
def running(bench, x, deadline):
    """A session whose program does nothing for an hour."""
    runner = bench.start()
    session = RunnerSession("local", runner, SystemClock())
    session.open(deadline(20), CancelToken())
    session.load(bench.load_message(), deadline(20), CancelToken())
    block = m.Block(0, 1, pause_ns=NEVER)
    session.send(m.Run((bench.push(x.tobytes()),), (block,)), deadline(20), CancelToken())
    yield runner, session
    session.close()


@pytest.mark.parametrize("ending", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_native_crash_is_told_by_signal_and_log(running, deadline, ending):
    runner, session = running
    os.kill(runner.pid, ending)
    with pytest.raises(RunnerDied) as caught:
        session.receive(deadline(20), CancelToken())
    assert caught.value.signal_name == ending.name
    if ending != signal.SIGKILL:
        assert "Fatal Python error" in caught.value.log_tail
    assert ending.name in str(caught.value)


def test_messages_to_a_dead_runner_do_not_hide_its_death(running, deadline):
    runner, session = running
    os.kill(runner.pid, signal.SIGSEGV)
    assert runner.wait(deadline(20), CancelToken()).signal_name == "SIGSEGV"
    session.send(m.Append(()), deadline(20), CancelToken())
    with pytest.raises(RunnerDied, match="SIGSEGV"):
        session.receive(deadline(20), CancelToken())


def test_deadline_and_cancel_while_waiting(running, deadline):
    runner, session = running
    assert session.receive(deadline(0.01), CancelToken()) is None
    os.kill(runner.pid, signal.SIGSTOP)  # or it might answer at once
    with pytest.raises(DeviceTimeout):
        session.load(m.LoadModel("", "", "", 1), deadline(0.01), CancelToken())
    cancel = CancelToken()
    cancel.cancel("enough")
    with pytest.raises(Cancelled, match="enough"):
        session.receive(deadline(20), cancel)
    os.kill(runner.pid, signal.SIGCONT)


def test_close_kills_a_busy_runner_and_its_children(running, deadline):
    runner, session = running
    session.close()
    session.close()
    assert runner.wait(deadline(1), CancelToken()) is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(runner.pid, 0)


def test_a_runner_dies_with_its_host(bench, deadline):
    """SIGKILL of the host, which launched from a thread that is gone: nothing survives."""
    host = subprocess.Popen(
        [sys.executable, "-c", _HOST, str(bench.folder), str(bench.kind.reattaches)],
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(host.stdout.readline())
    os.kill(pid, 0)
    host.kill()
    host.wait()
    host.stdout.close()
    _wait_until_gone(pid, deadline(10))


_HOST = """
import sys, threading, time
from pathlib import Path
from device_agents.local.launch import launch
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conductor.session import RunnerSession

folder = Path(sys.argv[1])
started = []
thread = threading.Thread(
    target=lambda: started.append(
        launch(folder / "store", folder / "work", "tflite", listen=sys.argv[2] == "True")
    )
)
thread.start()
thread.join()
session = RunnerSession("local", started[0], SystemClock())
session.open(Deadline(SystemClock(), 20), CancelToken())
print(started[0].pid, flush=True)
time.sleep(3600)
"""


def _wait_until_gone(pid, deadline):
    while not deadline.expired:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
                if file.read().split(") ")[1][0] in "ZX":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} outlived its host")


def test_a_runner_outlives_the_thread_that_launched_it(running, deadline):
    """PR_SET_PDEATHSIG means threads: the spawner's thread must be the one that lives on."""
    import threading

    runner, session = running
    box = []
    thread = threading.Thread(
        target=lambda: box.append(launch(runner._log.parent, runner._log.parent / "2", "tflite"))
    )
    thread.start()
    thread.join()
    other = RunnerSession("local", box[0], SystemClock())
    other.open(deadline(20), CancelToken())
    assert other.ping(deadline(20), CancelToken()).round_trip_ns > 0
    other.close()
    assert session.ping(deadline(20), CancelToken()).round_trip_ns > 0


def test_thread_counts_of_the_shell_do_not_leak_in(bench, monkeypatch, deadline):
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "PYTHONTRACEMALLOC", "LD_PRELOAD"):
        monkeypatch.setenv(name, "7" if name != "LD_PRELOAD" else "")
    monkeypatch.setenv("KEPT", "yes")
    runner, _ = bench.greeted()
    with open(f"/proc/{runner.pid}/environ", "rb") as file:  # noqa: PTH123
        names = {part.split(b"=")[0].decode() for part in file.read().split(b"\0")}
    assert "KEPT" in names
    assert not {"OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "PYTHONTRACEMALLOC"} & names


def test_an_interpreter_that_is_none(tmp_path):
    with pytest.raises(DeviceUnavailable, match="cannot start"):
        launch(tmp_path, tmp_path / "work", "tflite", interpreter=tmp_path / "python9")


@pytest.mark.parametrize("listen", [False, True])
def test_a_runner_that_dies_at_once_tells_why(tmp_path, deadline, listen):
    (tmp_path / "python").write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    runner = launch(
        tmp_path, tmp_path / "work", "tflite", interpreter=tmp_path / "python", listen=listen
    )
    session = RunnerSession("local", runner, SystemClock())
    with pytest.raises(RunnerDied, match="exited with code 3; it last said: no such luck"):
        session.open(deadline(20), CancelToken())
    session.close()


def test_a_work_folder_that_cannot_be(tmp_path):
    (tmp_path / "work").write_text("a file")
    with pytest.raises(DeviceUnavailable, match="cannot start"):
        launch(tmp_path, tmp_path / "work", "tflite")


@pytest.mark.parametrize("engine_bench", ["tflite"], indirect=True)
def test_what_engines_print_stays_out_of_the_wire(engine_bench):
    runner, _ = engine_bench.loaded()
    assert "XNNPACK" in runner.log_text()
