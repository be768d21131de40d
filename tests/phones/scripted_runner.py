"""A runner that speaks the real wire and sleeps instead of inferring.

It is the local runner's own service behind another engine, on a thread of this process: it starts
in milliseconds and costs next to nothing, for campaigns of many trials on many phones. How long an
inference takes is the phone's physics: throttling slows it, and its load warms the phone. Every
model takes four floats and gives four zeros.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device_agents.local.runner.door import Door
from device_agents.local.runner.engines import Profiled, Step
from device_agents.local.runner.files import Store
from device_agents.local.runner.lifeline import Lifeline
from device_agents.local.runner.memory import OwnMemory
from device_agents.local.runner.refusal import Refused
from device_agents.local.runner.service import Service
from device_agents.local.runner.spool import Spool
from harness import __version__
from harness.wire.messages import LoadModel, Scalar, WireTensor
from phones.physics import Physics

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TENSOR_SHAPE = (1, 4)


class Killed(BaseException):
    """The process is no more; nothing in the runner may catch this."""


class ScriptedRunner:
    """A runner on a thread; listens on ``port`` of loopback.

    ``readings`` are what it tells of itself and of the phone when the host asks for telemetry;
    without them it is the memory of this process. ``lasting`` is the spool's.
    """

    def __init__(
        self,
        *,
        store: Path,
        spool: Path,
        token: str,
        physics: Physics,
        latency_s: float,
        facts: dict[str, Scalar],
        readings: Callable[[], dict[str, int]] | None = None,
        lasting: bool = False,
    ) -> None:
        self.physics, self.latency_s = physics, latency_s
        self._killed, self._thawed = threading.Event(), threading.Event()
        self._thawed.set()
        spool.mkdir(parents=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        told = {"version": __version__, "build": "scripted", "clock": "CLOCK_MONOTONIC", **facts}
        waiting = Spool(spool, lasting=lasting)
        self._door = Door(token, waiting, told, listener=self._listener)
        service = Service(
            self._door,
            waiting,
            Store(store),
            _Life(self),
            time.perf_counter_ns(),
            lambda name: _Engine(self, name),
        )
        if readings is not None:
            service._memory = _Readings(service._memory, readings)
        self._thread = threading.Thread(target=self._serve, args=(service,), daemon=True)
        self._thread.start()

    @property
    def killed(self) -> bool:
        """Whether :meth:`kill` ended it."""
        return self._killed.is_set()

    @property
    def ended(self) -> bool:
        """Whether it has said goodbye, or was killed."""
        return not self._thread.is_alive()

    def kill(self) -> None:
        """End it as a signal would: at once, and its links with it."""
        self._killed.set()
        self._thawed.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes an idle runner

    def freeze(self, frozen: bool) -> None:
        """Stop it where it is, or let it go on."""
        (self._thawed.clear if frozen else self._thawed.set)()

    def join(self, seconds: float | None = None) -> None:
        """Wait until it is over."""
        self._thread.join(seconds)

    def pass_or_end(self) -> None:
        """Wait while frozen; raises Killed."""
        self._thawed.wait()
        if self._killed.is_set():
            raise Killed

    def sleep(self, seconds: float) -> None:
        """Let time pass; raises Killed as soon as it is."""
        if self._killed.wait(seconds):
            raise Killed
        self.pass_or_end()

    def _serve(self, service: Service) -> None:
        with contextlib.suppress(Killed):
            service.serve()
        self._listener.close()
        for connection in self._door._connections():  # the links of a process that is gone
            connection.close()
        if (memory := service._memory._file) is not None:  # a process would end with it
            os.close(memory)


class _Life(Lifeline):
    """Asked between all steps: where a frozen runner waits and a killed one ends."""

    def __init__(self, runner: ScriptedRunner) -> None:
        self._runner = runner

    @property
    def cut(self) -> bool:
        """Never of itself; a kill ends the thread."""
        self._runner.pass_or_end()
        return False


class _Readings(OwnMemory):
    """What the phone's runner reads, in place of this process's memory."""

    def __init__(self, memory: OwnMemory, readings: Callable[[], dict[str, int]]) -> None:
        self._file, self._readings = memory._file, readings

    def read(self) -> dict[str, int]:
        """Values by channel of the wire."""
        return self._readings()


class _Engine:
    """An engine of any name."""

    def __init__(self, runner: ScriptedRunner, name: str) -> None:
        self._runner, self._name = runner, name

    def load(self, path: Path, request: LoadModel) -> _Model:
        """Takes any file that is not empty."""
        if path.stat().st_size == 0:
            raise Refused("model-rejected", "the file is empty")
        return _Model(self._runner, self._name, request)


class _Model:
    """A model of which only the latency is known."""

    def __init__(self, runner: ScriptedRunner, engine: str, request: LoadModel) -> None:
        self._runner = runner
        shape = (request.batch, *_TENSOR_SHAPE[1:])
        self.inputs = (WireTensor("x", "float32", shape),)
        self.outputs = (WireTensor("y", "float32", shape),)
        self._batch = request.batch
        self.facts: dict[str, Scalar] = {
            "engine": f"{engine} (scripted)",
            "version": __version__,
            "threads": request.threads,
        }

    def prepare(self) -> _Model:
        """Takes as long as one inference."""
        self._infer()
        return self

    def placement(self) -> dict[str, Scalar]:
        """Nothing runs anywhere."""
        return {"scripted": True}

    def step(self, arrays: Sequence[NDArray[Any]]) -> Step:
        """Sleeps."""
        return Step(_nothing, self._infer, _nothing)

    def results(self) -> list[NDArray[Any]]:
        """Zeros."""
        import numpy as np

        return [np.zeros(self.outputs[0].shape, np.float32)]

    def profile(self, arrays: Sequence[NDArray[Any]], runs: int) -> Profiled:
        """There is nothing to profile."""
        raise Refused("unsupported", "a scripted runner has no profiler")

    def _infer(self) -> None:
        runner = self._runner
        with runner.physics.busy("runner"):
            runner.sleep(runner.physics.latency_s(runner.latency_s * self._batch))


def _nothing() -> None:
    return
