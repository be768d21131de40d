"""What runs on a loaded model: a program of timed blocks, or untimed inferences over a file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from device_agents.local.runner.engines import Model, Step
from device_agents.local.runner.files import Store
from device_agents.local.runner.loop import NEVER_NS, Columns, Executed, Schedule, execute
from device_agents.local.runner.refusal import Refused, refusal_of
from harness.wire import messages as m

if TYPE_CHECKING:
    from device_agents.local.runner.service import Service

#: The link is left alone so long before the next periodic frame is due.
_QUIET_NS = 1_000_000
_IDLE_NS = 1_000_000_000
#: Longest wait for more messages after a ping was answered in the middle of a program.
_LINGER_NS = 20_000_000
#: Keeps what a profiler writes within a frame.
_MOST_PROFILED = 10_000

_now = time.perf_counter_ns


class Program:
    """One ``run`` or ``infer``, from its inputs to its ``done``."""

    def __init__(
        self, service: Service, inbox: deque[m.Message], store: Store, model: Model
    ) -> None:
        self._service, self._inbox, self._store, self._model = service, inbox, store, model
        self._columns, self._schedule = Columns(), Schedule()
        self._blocks: deque[m.Block] = deque()
        self._final = True
        self._cancelled = False

    def run(self, request: m.Run) -> None:
        """Execute blocks until the program is closed and empty, or cancelled."""
        paths = self._input_paths(request.inputs)
        step = self._model.step(
            [_whole(path, tensor) for path, tensor in zip(paths, self._model.inputs, strict=True)]
        )
        self._final = False
        self._extend(request.blocks, final=request.final)
        while not self._service.gone:
            if self._cancelled or (self._final and not self._blocks):
                self._done()
                return
            if self._blocks:
                self._next_block(step)
            else:
                self._wait(_IDLE_NS)

    def infer(self, request: m.Infer) -> None:
        """Run every sample of the range once and send its outputs."""
        paths = self._input_paths(request.inputs)
        samples = [
            _samples(path, tensor, request)
            for path, tensor in zip(paths, self._model.inputs, strict=True)
        ]
        for index, arrays in enumerate(zip(*samples, strict=True), start=request.first):
            self._post_outputs(index, self._infer_one(arrays))
            self._service.exchange(_now())
            self._listen()
            while self._service.crowded and not (self._cancelled or self._service.gone):
                self._wait(_IDLE_NS)
            if self._cancelled or self._service.gone:
                break
        self._done()

    def profile(self, request: m.ProfileRequest) -> None:
        """Run with the engine's own profiler on and send what that wrote."""
        runs = request.count + request.warmup
        if request.count < 1 or request.warmup < 0 or runs > _MOST_PROFILED:
            raise Refused("bad-message", f"a profile is of 1 to {_MOST_PROFILED} runs")
        paths = self._input_paths(request.inputs)
        arrays = [
            _whole(path, tensor) for path, tensor in zip(paths, self._model.inputs, strict=True)
        ]
        try:
            found = self._model.profile(arrays, runs)
        except Exception as error:
            raise refusal_of(error, "inference-failed") from error
        self._service.post(
            lambda seq: m.Profiled(
                seq, found.format, request.count, request.warmup, dict(self._model.facts)
            ),
            (found.data,),
        )

    # --- blocks -----------------------------------------------------------------------------

    def _next_block(self, step: Step) -> None:
        block = self._blocks.popleft()
        if block.pause_ns:
            self._pause(block.pause_ns)
            if self._cancelled or self._service.gone:
                return
        try:
            executed = execute(step, block, self._columns, self._schedule)
        except Exception as error:
            raise refusal_of(error, "inference-failed") from error
        if not self._post_block(block, executed):
            raise Refused("spool-full", "the host did not fetch the samples, and the disk is full")
        self._service.exchange(self._quiet_from_ns())
        self._listen()

    def _quiet_from_ns(self) -> int:
        """When the link has to be left alone for the next block's sake."""
        due_ns = self._schedule.next_ns if self._blocks else None
        return NEVER_NS if due_ns is None else due_ns - _QUIET_NS

    def _post_block(self, block: m.Block, executed: Executed) -> bool:
        process_start_ns = self._service.process_start_once()
        return self._service.post(
            lambda seq: m.BlockDone(
                seq=seq,
                block=block.seq,
                timed=block.timed,
                count=executed.count,
                columns=executed.columns,
                started_ns=executed.started_ns,
                ended_ns=executed.ended_ns,
                cpu_ns=executed.cpu_ns,
                dropped=executed.dropped,
                process_start_ns=process_start_ns,
            ),
            (executed.samples,),
        )

    def _pause(self, pause_ns: int) -> None:
        self._schedule.stop()
        until_ns = _now() + pause_ns
        while (left_ns := until_ns - _now()) > 0 and not (self._cancelled or self._service.gone):
            self._service.attend(left_ns)
            self._listen()

    def _wait(self, wait_ns: int) -> None:
        """Nothing to do until the host says more; a schedule does not run on meanwhile."""
        self._schedule.stop()
        self._service.attend(wait_ns)
        self._listen()

    def _done(self) -> None:
        self._service.post(lambda seq: m.Done(seq, cancelled=self._cancelled))

    # --- messages ---------------------------------------------------------------------------

    def _listen(self) -> None:
        while self._inbox:
            message = self._inbox.popleft()
            try:
                self._take(message)
            except Refused as refused:
                self._service.refuse(refused)
            if isinstance(message, m.Ping) and self._blocks:
                self._service.attend(_LINGER_NS)

    def _take(self, message: m.Message) -> None:
        if self._service.take_anytime(message):
            self._cancelled = self._cancelled or self._service.leaving
            return
        match message:
            case m.Append(blocks=blocks, final=final):
                self._extend(blocks, final=final)
            case m.Cancel():
                self._cancelled = True
            case _:
                name = type(message).__name__
                raise Refused("bad-message", f"{name} is not expected while a program runs")

    def _extend(self, blocks: Sequence[m.Block], *, final: bool) -> None:
        if self._final:
            raise Refused("bad-message", "append: the program is closed")
        for block in blocks:
            if not 1 <= block.count <= m.MAX_BLOCK_COUNT:
                raise Refused("bad-message", f"a block's count is 1 to {m.MAX_BLOCK_COUNT}")
            if min(block.duration_ns, block.interval_ns, block.pause_ns) < 0:
                raise Refused("bad-message", "a block's durations are not negative")
        self._blocks.extend(blocks)
        self._final = final

    # --- inputs and outputs -----------------------------------------------------------------

    def _input_paths(self, digests: Sequence[str]) -> list[Path]:
        wanted = self._model.inputs
        if len(digests) != len(wanted):
            raise Refused(
                "input-rejected",
                f"the model has {len(wanted)} inputs ({', '.join(t.name for t in wanted)}), "
                f"not {len(digests)}",
            )
        return [self._store.path(digest) for digest in digests]

    def _infer_one(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            copy_in, invoke, _ = self._model.step(arrays)
            copy_in()
            invoke()
            return self._model.results()
        except Exception as error:
            raise refusal_of(error, "inference-failed") from error

    def _post_outputs(self, index: int, results: Sequence[NDArray[Any]]) -> None:
        shapes = tuple(result.shape for result in results)
        fits = self._service.post(
            lambda seq: m.Outputs(seq, index, shapes), tuple(r.tobytes() for r in results)
        )
        if not fits:
            raise Refused("spool-full", "the host did not fetch the outputs, and the disk is full")


def _whole(path: Path, tensor: m.WireTensor) -> NDArray[Any]:
    """The file's bytes as one input."""
    data = np.fromfile(path, tensor.dtype)
    if path.stat().st_size != _size(tensor):
        raise Refused(
            "input-rejected",
            f"input {tensor.name!r} takes {_size(tensor)} bytes "
            f"({tensor.dtype} {list(tensor.shape)}), the file has {path.stat().st_size}",
        )
    return data.reshape(tensor.shape)


def _samples(path: Path, tensor: m.WireTensor, request: m.Infer) -> Iterator[NDArray[Any]]:
    """Samples ``first`` to ``last`` of a file of whole samples."""
    size, held = _size(tensor), path.stat().st_size
    if size == 0 or held % size or not 0 <= request.first < request.last <= held // size:
        raise Refused(
            "input-rejected",
            f"input {tensor.name!r}: samples {request.first} to {request.last} of {size} bytes "
            f"do not fit a file of {held}",
        )
    return _read_samples(path, tensor, request)


def _read_samples(path: Path, tensor: m.WireTensor, request: m.Infer) -> Iterator[NDArray[Any]]:
    size = _size(tensor)
    with path.open("rb") as file:
        file.seek(request.first * size)
        for _ in range(request.first, request.last):
            yield np.frombuffer(file.read(size), tensor.dtype).reshape(tensor.shape)


def _size(tensor: m.WireTensor) -> int:
    return int(np.dtype(tensor.dtype).itemsize * np.prod(tensor.shape, dtype=np.int64))
