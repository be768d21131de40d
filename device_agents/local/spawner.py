"""Starts processes from one thread that lives as long as this process.

A runner asks the kernel to be killed when its parent goes (``PR_SET_PDEATHSIG``), and the kernel
means the *thread* that started it. A device's worker thread may well end before its runner.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

_Job = tuple[Callable[[], "subprocess.Popen[bytes]"], "Future[subprocess.Popen[bytes]]"]


class Spawner:
    """One daemon thread, started on first use and again in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._jobs: SimpleQueue[_Job] = SimpleQueue()

    def start(self, job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Run ``job`` on the thread; its exception is raised here."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._jobs = SimpleQueue()
                self._thread = threading.Thread(
                    target=self._work, args=(self._jobs,), name="spawner", daemon=True
                )
                self._thread.start()
        done: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((job, done))
        return done.result()

    @staticmethod
    def _work(jobs: SimpleQueue[_Job]) -> None:
        while True:
            job, done = jobs.get()
            try:
                done.set_result(job())
            except OSError as error:
                done.set_exception(error)


SPAWNER = Spawner()
