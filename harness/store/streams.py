"""Arrow IPC streams: appended to while measuring, readable up to the last whole batch after a kill.

Each batch reaches the operating system in one piece before :meth:`StreamWriter.append` returns, so
it survives the death of this process. Power loss may take what was not yet synced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from harness.store.files import translated, write_all

#: A window of a stream that is turned into tables at once: bounds memory, amortises overhead.
_WINDOW_BYTES = 2 * 1024 * 1024
_WINDOW_BATCHES = 4096


class StreamWriter:
    """Appends record batches of one schema to a new file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        with translated(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        self._size = 0
        self._closed = False
        try:
            self._write(schema.serialize())
        except BaseException:
            self.close()
            raise

    def append(self, batch: pa.RecordBatch) -> None:
        """Write one batch; on a full disk the file is cut back to the batches before it."""
        self._write(batch.serialize())

    def _write(self, message: pa.Buffer) -> None:
        with translated(self._path):
            try:
                write_all(self._descriptor, memoryview(message))
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                os.lseek(self._descriptor, self._size, os.SEEK_SET)
                raise
        self._size += message.size

    def sync(self) -> None:
        """Make everything so far survive power loss."""
        with translated(self._path):
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)


def read_stream(path: Path) -> Iterator[pa.Table]:
    """Every whole batch of a stream, in tables of bounded size; a torn end is left out.

    A missing file, or one torn before its schema was whole, has no batches.
    """
    window: list[pa.RecordBatch] = []
    begun_at = 0
    for batch, ends_at in _batches(path):
        window.append(batch)
        if ends_at - begun_at >= _WINDOW_BYTES or len(window) >= _WINDOW_BATCHES:
            yield pa.Table.from_batches(window)
            window, begun_at = [], ends_at
    if window:
        yield pa.Table.from_batches(window)


def _batches(path: Path) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Whole batches with the place in the file where each ends."""
    if not path.exists():
        return
    with translated(path):
        source = pa.OSFile(str(path))
    with source:
        try:
            with pa.ipc.open_stream(source) as reader:
                for batch in reader:
                    yield batch, source.tell()
        except (pa.ArrowInvalid, OSError) as error:
            if getattr(error, "errno", None) is not None:
                with translated(path):  # the disk failed; a torn batch has no error number
                    raise
