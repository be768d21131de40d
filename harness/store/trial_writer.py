"""One attempt at one trial while it is being measured."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.clock import Clock
from harness.device import Reading
from harness.record import BlockRecord, Trial, TrialRecord
from harness.stats.operators import Profile
from harness.stats.samples import Int64Array, Samples
from harness.store import layout
from harness.store.columns import TRACE_SCHEMA, Blocks, Trace
from harness.store.documents import write_profile, write_record
from harness.store.files import sync_folder, translated, write_atomically
from harness.store.raw_format import RAW_SCHEMA, block_batch, readings_batch
from harness.store.streams import StreamWriter
from harness.store.trial_data import RawData, drop_raw, settle
from harness.units import NS_PER_S

#: How much power loss may take from a long trial: what came in since the last sync.
SYNC_EVERY_NS = 5 * NS_PER_S
_PENDING_READINGS = 4096


class TrialWriter:
    """Takes in the blocks and readings of one attempt; used by one thread.

    Blocks survive the death of this process as soon as :meth:`add_block` returns, and power loss
    within five seconds. Readings are gathered for up to five seconds, since one by one they would
    weigh more in framing than in data.
    """

    def __init__(
        self,
        trial: Trial,
        attempt: int,
        folder: Path,
        clock: Clock,
        finished: Callable[[TrialRecord], None],
    ) -> None:
        self.trial, self.attempt, self.folder = trial, attempt, folder
        self._clock, self._finished = clock, finished
        self._samples: StreamWriter | None = None
        self._traces: StreamWriter | None = None
        self._pending: list[Reading] = []
        self._taints: dict[int, str] = {}
        self._rows = 0
        self._synced_at_ns = clock.monotonic_ns()
        self._data = RawData(folder)

    def add_block(self, block: BlockRecord, columns: Mapping[str, Int64Array]) -> None:
        """Store a block and its samples; StoreError when the disk is full.

        ``columns`` are those of :data:`harness.wire.messages.SAMPLE_COLUMNS`, with ``intended_ns``
        for blocks that have an arrival rate.
        """
        batch = block_batch(block, columns)
        if self._samples is None:
            self._samples = StreamWriter(self.folder / layout.RAW_SAMPLES, RAW_SCHEMA)
        self._samples.append(batch)
        self._rows += block.count
        self._sync_now_and_then()

    def taint(self, block: int, reason: str) -> None:
        """Mark a stored block as disturbed; known only to this process until :meth:`finish`."""
        self._taints[block] = reason

    def add_readings(self, readings: Sequence[Reading]) -> None:
        """Store telemetry readings."""
        self._pending.extend(readings)
        if len(self._pending) >= _PENDING_READINGS:
            self._write_readings()
        self._sync_now_and_then()

    def samples(self) -> Samples:
        """Every sample so far, warm-up included."""
        return self._data.samples(self._rows)

    def blocks(self) -> Blocks:
        """Every block so far."""
        return self._data.blocks(self._taints)

    def trace(self, channel: str) -> Trace:
        """Every reading of one channel so far."""
        return self.traces([channel])[channel]

    def traces(self, channels: Collection[str]) -> dict[str, Trace]:
        """Every reading of several channels so far, by name, in one pass over the data."""
        self._write_readings()
        return self._data.traces(channels)

    def add_profile(self, profile: Profile) -> None:
        """Store what a profile pass found."""
        write_profile(self.folder / layout.PROFILE, profile)

    def add_outputs(self, outputs: Sequence[NDArray[np.generic]]) -> None:
        """Store what the model answered to the trial's input."""
        buffer = io.BytesIO()
        np.savez(buffer, *outputs)
        write_atomically(self.folder / layout.OUTPUTS, buffer.getvalue())

    def add_screenshot(self, png: bytes) -> None:
        """Store a picture of the device's screen."""
        write_atomically(self.folder / layout.SCREEN, png)

    def leave(self, way_back: bytes) -> None:
        """Keep how to find a device that is left alone with this trial, for later attempts too."""
        path = self._left
        with translated(path):
            path.parent.mkdir(exist_ok=True)
        write_atomically(path, way_back)

    def left(self) -> bytes | None:
        """What :meth:`leave` has kept, in this attempt or an earlier one."""
        try:
            return self._left.read_bytes()
        except OSError:
            return None

    def forget_left(self) -> None:
        """The device was found again, or never will be."""
        with translated(self._left):
            self._left.unlink(missing_ok=True)

    @property
    def _left(self) -> Path:
        return self.folder.parent.parent / layout.LEFT / f"{self.folder.name}.json"

    def finish(self, record: TrialRecord, log: str = "") -> None:
        """Settle the data as Parquet, write ``log.txt`` and, last, ``trial.json``.

        After a StoreError nothing half-written is visible; the raw data stay for the next start.
        """
        if (record.trial.id, record.attempt) != (self.trial.id, self.attempt):
            raise ValueError(f"not the record of attempt {self.attempt} of {self.trial.id}")
        self._write_readings()
        self.close()
        write_trial(self.folder, record, log, self._taints)
        self._finished(record)
        drop_raw(self.folder)

    def close(self) -> None:
        """Close the streams; what they hold stays."""
        for stream in self._streams():
            stream.close()

    def _streams(self) -> list[StreamWriter]:
        return [stream for stream in (self._samples, self._traces) if stream is not None]

    def _sync_now_and_then(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._synced_at_ns < SYNC_EVERY_NS:
            return
        self._write_readings()
        for stream in self._streams():
            stream.sync()
        self._synced_at_ns = now_ns

    def _write_readings(self) -> None:
        if not self._pending:
            return
        if self._traces is None:
            self._traces = StreamWriter(self.folder / layout.RAW_TRACES, TRACE_SCHEMA)
        self._traces.append(readings_batch(self._pending))
        self._pending = []


def write_trial(folder: Path, record: TrialRecord, log: str, taints: Mapping[int, str]) -> None:
    """Everything of an ended attempt that is not raw; ``trial.json`` comes last."""
    settle(folder, taints)
    if log:
        write_atomically(folder / layout.LOG, log.encode("utf-8", "backslashreplace"))
    write_record(folder / layout.TRIAL, record)
    with translated(folder):
        sync_folder(folder)
