"""Starting the runner on this machine: a fresh process for every trial."""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from device_agents.local.socket_link import SLICE_S, SocketLink
from device_agents.local.spawner import SPAWNER
from harness.clock import CancelToken, Deadline
from harness.device import RunnerExit
from harness.errors import DeviceTimeout, DeviceUnavailable, RunnerDied

_DEVICE_ID = "local"
_LOG_TAIL_LINES = 30
_PACKAGES = Path(__file__).resolve().parents[2]
_MODULE = "device_agents.local.runner"
#: An interpreter's own packages come before the folder we lie in, which may be another Python's.
_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    f"from {_MODULE}.__main__ import main; main(sys.argv[1:])"
)
#: Variables that would silently change how many threads or which kernels an engine uses, or how
#: this Python runs. The scenario's options are the only way to change these.
_SCRUBBED = (
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("TF_", "TFLITE_", "XNNPACK_", "LITERT_", "ORT_", "ONNXRUNTIME_", "DNNL_", "ONEDNN_"),
    *("PYTHON", "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD"),
)


class LocalRunner:
    """A runner process on this machine; implements :class:`harness.device.Runner`."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        token: str,
        spawned_at_ns: int,
        log: Path,
        way_in: _SocketPair | _LoopbackPort,
    ) -> None:
        self.token, self.spawned_at_ns = token, spawned_at_ns
        self.pid = process.pid
        self._process, self._log, self._way_in = process, log, way_in

    def connect(self, deadline: Deadline, cancel: CancelToken) -> SocketLink:
        """Open the link; again only for a runner that listens."""
        cancel.raise_if_cancelled()
        return SocketLink(_DEVICE_ID, self._way_in.connect(self, deadline, cancel))

    def log_text(self) -> str:
        """What runner and engine wrote so far."""
        try:
            return self._log.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            return f"log unavailable: {error.strerror}"

    def kill(self) -> None:
        """End the process and its children, and reap it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._way_in.close()

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit | None:
        """How it ended, or None if it still runs at the deadline."""
        while (returncode := self._process.poll()) is None:
            cancel.raise_if_cancelled()
            left_s = deadline.remaining_s
            if left_s <= 0:
                return None
            self._sleep_until_exit(min(left_s, SLICE_S))
        return RunnerExit(
            returncode=returncode if returncode >= 0 else None,
            signal_name=signal.Signals(-returncode).name if returncode < 0 else None,
            log_tail="\n".join(self.log_text().splitlines()[-_LOG_TAIL_LINES:]),
        )

    def _sleep_until_exit(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


class _SocketPair:
    """The inherited link: there is one, and its end is the runner's end."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._taken = False
        self.arguments = ["--fd", str(self.theirs.fileno())]

    def connect(
        self, runner: LocalRunner, deadline: Deadline, cancel: CancelToken
    ) -> socket.socket:
        if self._taken:
            raise RunnerDied(_DEVICE_ID)
        self._taken = True
        return self._ours

    def close(self) -> None:
        self._ours.close()


class _LoopbackPort:
    """A runner that listens; it announces its port through a pipe."""

    def __init__(self) -> None:
        ours, theirs = os.pipe()
        self._announced = os.fdopen(ours, "rb", buffering=0)
        self.theirs = os.fdopen(theirs, "wb", buffering=0)
        self._port: int | None = None
        self.arguments = ["--announce", str(theirs)]

    def connect(
        self, runner: LocalRunner, deadline: Deadline, cancel: CancelToken
    ) -> socket.socket:
        if self._port is None:
            self._port = self._read_port(runner, deadline, cancel)
        try:
            link = socket.create_connection(
                ("127.0.0.1", self._port), timeout=max(SLICE_S, deadline.remaining_s)
            )
        except OSError as error:
            raise DeviceUnavailable(_DEVICE_ID, f"the runner does not answer: {error}") from error
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def close(self) -> None:
        self._announced.close()

    def _read_port(self, runner: LocalRunner, deadline: Deadline, cancel: CancelToken) -> int:
        while not select.select([self._announced], [], [], min(SLICE_S, deadline.remaining_s))[0]:
            cancel.raise_if_cancelled()
            if deadline.expired:
                raise DeviceTimeout(_DEVICE_ID, f"no port after {deadline.seconds:g} s")
        text = self._announced.read(16) or b""
        if not text:
            ended = runner.wait(deadline, cancel)
            raise ended.error(_DEVICE_ID) if ended else RunnerDied(_DEVICE_ID)
        return int(text)


def launch(
    store: Path,
    work: Path,
    engine: str,  # noqa: ARG001 - every local runner has every engine; other agents' may not
    interpreter: Path | None = None,
    *,
    program: Sequence[str] | None = None,
    listen: bool = False,
    spool_limit_bytes: int | None = None,
) -> LocalRunner:
    """Start a runner that loads from ``store`` and keeps its log and spool in ``work``.

    ``interpreter`` is another Python that has the wanted engine (as for tflite-runtime, which
    needs an old numpy); ``program`` another runner that takes the same arguments (the Android
    runner's core on a JVM, which can only listen). With ``listen`` the link is loopback TCP and
    survives being dropped; otherwise it is an inherited socket. Raises DeviceUnavailable when the
    process cannot start.
    """
    spool, log = work / "spool", work / "runner.log"
    token = secrets.token_hex(16)
    way_in = _LoopbackPort() if listen else _SocketPair()
    folders = ["--store", str(store), "--spool", str(spool)]
    limit = [] if spool_limit_bytes is None else ["--spool-limit", str(spool_limit_bytes)]
    try:
        with way_in.theirs as theirs:
            spool.mkdir(parents=True, exist_ok=True)
            command = [*(program or _command(interpreter)), *way_in.arguments, *folders, *limit]
            spawned_at_ns = time.monotonic_ns()
            environment = _environment(token, spawned_at_ns)
            process = _start(command, log, theirs.fileno(), environment)
    except OSError as error:
        way_in.close()
        raise DeviceUnavailable(_DEVICE_ID, f"cannot start the runner: {error}") from error
    return LocalRunner(process, token, spawned_at_ns, log, way_in)


def _start(
    command: list[str], log: Path, descriptor: int, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return SPAWNER.start(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(descriptor,),
                env=environment,
                start_new_session=True,
            )
        )


def _command(interpreter: Path | None) -> list[str]:
    # -P: nothing is imported from the current folder.
    return [str(interpreter or sys.executable), "-P", "-c", _BOOT, str(_PACKAGES)]


def _environment(token: str, spawned_at_ns: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
    return kept | {
        "BENCHFARM_TOKEN": token,
        "BENCHFARM_PARENT": str(os.getpid()),
        "BENCHFARM_SPAWNED_AT_NS": str(spawned_at_ns),
        # numpy's linear algebra is not used by any engine; its thread pool would only cost time.
        "OPENBLAS_NUM_THREADS": "1",
        # ONNX Runtime would keep a database of its use and send it to its maker, beside the work
        # that is measured, and nobody was asked.
        "ORT_DISABLE_TELEMETRY": "1",
    }
