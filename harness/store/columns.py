"""Measured data as columns: what is written while measuring, stored for good, and handed out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.record import BlockRecord
from harness.stats.samples import Int64Array, Samples
from harness.wire.messages import INTENDED_COLUMN, SAMPLE_COLUMNS

#: The measured columns of a sample, in the order in which runners send them.
MEASURED = (*SAMPLE_COLUMNS, INTENDED_COLUMN)
#: What a block is when it has been executed; whether it was tainted is known only later.
FACTS = tuple(item.name for item in fields(BlockRecord) if item.name != "tainted")

#: ``intended_ns`` is null for the samples of blocks without an arrival rate.
SAMPLE_SCHEMA = pa.schema(
    [("block", pa.int32()), ("timed", pa.bool_()), *((name, pa.int64()) for name in MEASURED)]
)
BLOCK_SCHEMA = pa.schema(
    [
        *((name, pa.bool_() if name == "timed" else pa.int64()) for name in FACTS),
        ("tainted", pa.string()),
    ]
)
TRACE_SCHEMA = pa.schema([("channel", pa.string()), ("at_ns", pa.int64()), ("value", pa.float64())])


@dataclass(frozen=True, slots=True)
class Trace:
    """One telemetry channel over time; ``at_ns`` is on the clock that the channel names."""

    at_ns: Int64Array
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks(Sequence[BlockRecord]):
    """The executed blocks of a trial: columns for arithmetic, a sequence of records otherwise."""

    seq: Int64Array
    timed: NDArray[np.bool_]
    counts: Int64Array  #: inferences of each block (a sequence's own ``count`` is something else)
    started_at_ns: Int64Array
    ended_at_ns: Int64Array
    cpu_ns: Int64Array
    dropped: Int64Array
    tainted: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.seq)

    @overload
    def __getitem__(self, index: int) -> BlockRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Blocks: ...
    def __getitem__(self, index: int | slice) -> BlockRecord | Blocks:
        if isinstance(index, slice):
            return Blocks(*(getattr(self, item.name)[index] for item in fields(self)))
        facts = {item.name: getattr(self, item.name)[index].item() for item in fields(self)[:-1]}
        return BlockRecord(count=facts.pop("counts"), **facts, tainted=self.tainted[index])


# --- tables in, arrays out ----------------------------------------------------------------------


def collect_samples(tables: Iterable[pa.Table], rows: int) -> Samples:
    """Samples from tables of SAMPLE_SCHEMA with ``rows`` rows together.

    The arrays are made once, so that three days of samples cost what they weigh. Where only some
    blocks had an arrival rate, the others count as started when intended.
    """
    start, copied_in, invoke, copied_out = (np.empty(rows, np.int64) for _ in range(4))
    block, timed = np.empty(rows, np.int32), np.empty(rows, np.bool_)
    intended: Int64Array | None = None
    first = 0
    for table in tables:
        here = slice(first, first + len(table))
        block[here], timed[here] = to_numpy(table["block"]), to_numpy(table["timed"])
        measured = (start, copied_in, invoke, copied_out)
        for name, array in zip(SAMPLE_COLUMNS, measured, strict=True):
            array[here] = to_numpy(table[name])
        known = table[INTENDED_COLUMN]
        if intended is None and known.null_count < len(known):
            intended = np.empty(rows, np.int64)
            intended[:first] = start[:first]
        if intended is not None:
            intended[here] = to_numpy(pc.coalesce(known, table["start_ns"]))
        first = here.stop
    return Samples(start, copied_in, invoke, copied_out, block, timed, intended)


def collect_blocks(tables: Iterable[pa.Table]) -> Blocks:
    """Blocks from tables of BLOCK_SCHEMA; where a column is missing, nothing is known of it."""
    empty = pa.Table.from_batches([], BLOCK_SCHEMA)
    table = pa.concat_tables([empty, *tables], promote_options="default")
    facts = {name: to_numpy(table[name]) for name in FACTS}
    tainted = tuple(table["tainted"].to_pylist())
    return Blocks(counts=facts.pop("count"), **facts, tainted=tainted)


def collect_trace(tables: Iterable[pa.Table], channel: str) -> Trace:
    """One channel from tables of TRACE_SCHEMA; empty where nothing was read."""
    return collect_traces(tables, [channel])[channel]


def collect_traces(tables: Iterable[pa.Table], channels: Collection[str]) -> dict[str, Trace]:
    """Several channels from tables of TRACE_SCHEMA in one pass; empty where nothing was read."""
    pieces = {name: [_empty_trace()] for name in channels}
    for table in tables:
        for name, trace in traces_by_channel(table).items():
            if name in pieces:
                pieces[name].append(trace)
    return {
        name: Trace(
            np.concatenate([piece.at_ns for piece in found]),
            np.concatenate([piece.value for piece in found]),
        )
        for name, found in pieces.items()
    }


def channel_names(tables: Iterable[pa.Table]) -> tuple[str, ...]:
    """The channels in tables that have the column ``channel``, in alphabetical order."""
    return tuple(sorted({name for table in tables for name in _channels(table)[0]}))


def traces_by_channel(table: pa.Table) -> dict[str, Trace]:
    """The channels of a table of TRACE_SCHEMA apart, in the order of their names."""
    names, _ = _channels(table)
    return {name: _trace(table, name) for name in sorted(names)}


def sorted_by_channel(table: pa.Table) -> pa.Table:
    """The same readings, channel by channel: like values side by side compress far better."""
    _, code = _channels(table)
    return table.take(to_arrow(np.argsort(code, kind="stable")))


def _trace(table: pa.Table, channel: str) -> Trace:
    names, code = _channels(table)
    if channel not in names:
        return _empty_trace()
    rows = code == names.index(channel)
    return Trace(to_numpy(table["at_ns"])[rows], to_numpy(table["value"])[rows])


def _empty_trace() -> Trace:
    return Trace(np.empty(0, np.int64), np.empty(0, np.float64))


def _channels(table: pa.Table) -> tuple[list[str], NDArray[np.int32]]:
    """The names of a table's channels, and for each row the number of its name."""
    coded = table["channel"].combine_chunks().dictionary_encode()
    return coded.dictionary.to_pylist(), to_numpy(coded.indices)


# --- arrays -------------------------------------------------------------------------------------
# pyarrow's own conversions import pandas on first use, which costs a run 0.3 s and 40 MB.


def to_arrow(values: NDArray[Any]) -> pa.Array:
    """A contiguous numeric array as Arrow's, sharing its memory."""
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def to_numpy(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """A numeric or boolean column without nulls as a read-only numpy array."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_boolean(array.type):
        return to_numpy(array.cast(pa.uint8())).view(np.bool_)
    kind = np.dtype(array.type.to_pandas_dtype())
    if len(array) == 0:
        return np.empty(0, kind)
    return np.frombuffer(array.buffers()[1], kind, len(array), array.offset * kind.itemsize)
