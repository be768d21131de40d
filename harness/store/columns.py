"""Measured data as columns: what is written while measuring, stored for good, and handed out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.record import BlockRecord
from harness.stats.samples import Int64Array, Samples
from harness.wire.messages import INTENDED_COLUMN, SAMPLE_COLUMNS

#: Sample columns a runner sends; the intended start is null for blocks without an arrival rate.
MEASURED = (*SAMPLE_COLUMNS, INTENDED_COLUMN)
_FACTS = tuple(item.name for item in fields(BlockRecord))
_TYPES = {"timed": pa.bool_()}

SAMPLE_SCHEMA = pa.schema(
    [("block", pa.int32()), ("timed", pa.bool_()), *((name, pa.int64()) for name in MEASURED)]
)
BLOCK_SCHEMA = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in _FACTS])
TRACE_SCHEMA = pa.schema([("channel", pa.string()), ("at_ns", pa.int64()), ("value", pa.float64())])
#: One row per block: its facts, and its samples as lists. So a block is stored whole or not at all.
RAW_SCHEMA = pa.schema(
    [*BLOCK_SCHEMA, *(pa.field(name, pa.list_(pa.int64())) for name in MEASURED)]
)


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

    def __len__(self) -> int:
        return len(self.seq)

    @overload
    def __getitem__(self, index: int) -> BlockRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Blocks: ...
    def __getitem__(self, index: int | slice) -> BlockRecord | Blocks:
        if isinstance(index, slice):
            return Blocks(*(getattr(self, item.name)[index] for item in fields(self)))
        return BlockRecord(*(getattr(self, item.name)[index].item() for item in fields(self)))


# --- one block in, tables out -------------------------------------------------------------------


def raw_batch(block: BlockRecord, columns: Mapping[str, Int64Array]) -> pa.RecordBatch:
    """A block and its samples as one row of RAW_SCHEMA.

    ``columns`` holds SAMPLE_COLUMNS and, for blocks with an arrival rate, INTENDED_COLUMN, each
    with ``block.count`` values; anything else is a ValueError.
    """
    if not set(SAMPLE_COLUMNS) <= columns.keys() <= set(MEASURED):
        raise ValueError(f"block {block.seq} has the columns {sorted(columns)}")
    offsets = pa.array(np.array([0, block.count], np.int32))
    arrays = [pa.array([getattr(block, name)], _TYPES.get(name, pa.int64())) for name in _FACTS]
    for name in MEASURED:
        if name not in columns:
            arrays.append(pa.nulls(1, pa.list_(pa.int64())))
            continue
        if len(columns[name]) != block.count:
            raise ValueError(f"block {block.seq} has {len(columns[name])} of {block.count} {name}")
        values = pa.array(np.ascontiguousarray(columns[name]), pa.int64())
        arrays.append(pa.ListArray.from_arrays(offsets, values))
    return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def blocks_table(raw: pa.Table) -> pa.Table:
    """The facts of the blocks in a table of RAW_SCHEMA."""
    return raw.select(_FACTS)


def samples_table(raw: pa.Table) -> pa.Table:
    """The samples of the blocks in a table of RAW_SCHEMA, one row each, in SAMPLE_SCHEMA."""
    count = raw["count"].to_numpy()
    block = np.repeat(raw["seq"].to_numpy(), count).astype(np.int32)
    arrays = [pa.array(block), pa.array(np.repeat(raw["timed"].to_numpy(), count))]
    arrays += [_flattened(raw[name], count) for name in MEASURED]
    return pa.Table.from_arrays(arrays, schema=SAMPLE_SCHEMA)


def _flattened(column: pa.ChunkedArray, count: Int64Array) -> pa.Array:
    """The lists of all blocks one after another; nulls for the samples of a block without list."""
    lists = column.combine_chunks()
    values = lists.flatten()
    if not lists.null_count:
        return values
    present = np.repeat(lists.is_valid().to_numpy(zero_copy_only=False), count)
    spread = np.zeros(len(present), np.int64)
    spread[present] = values.to_numpy()
    return pa.array(spread, mask=~present)


def traces_batch(
    channels: Sequence[str], at_ns: Sequence[int], values: Sequence[float]
) -> pa.RecordBatch:
    """Readings in TRACE_SCHEMA."""
    arrays = [
        pa.array(channels, pa.string()),
        pa.array(at_ns, pa.int64()),
        pa.array(values, pa.float64()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=TRACE_SCHEMA)


# --- tables in, arrays out ----------------------------------------------------------------------


def collect_samples(tables: Iterable[pa.Table], rows: int) -> Samples:
    """Samples from tables of SAMPLE_SCHEMA with ``rows`` rows together.

    The arrays are made once, so that three days of samples cost what they weigh. Where only some
    blocks had an arrival rate, the others count as started when intended.
    """
    start, copied_in, invoke, copied_out, intended = (np.empty(rows, np.int64) for _ in range(5))
    block, timed = np.empty(rows, np.int32), np.empty(rows, np.bool_)
    has_intended, first = False, 0
    for table in tables:
        rows_here = slice(first, first + len(table))
        block[rows_here], timed[rows_here] = table["block"].to_numpy(), table["timed"].to_numpy()
        measured = (start, copied_in, invoke, copied_out)
        for name, array in zip(SAMPLE_COLUMNS, measured, strict=True):
            array[rows_here] = table[name].to_numpy()
        known = table[INTENDED_COLUMN]
        has_intended |= known.null_count < len(known)
        intended[rows_here] = pc.coalesce(known, table["start_ns"]).to_numpy()
        first += len(table)
    return Samples(
        start, copied_in, invoke, copied_out, block, timed, intended if has_intended else None
    )


def collect_blocks(tables: Iterable[pa.Table]) -> Blocks:
    """Blocks from tables of BLOCK_SCHEMA."""
    table = pa.concat_tables([BLOCK_SCHEMA.empty_table(), *tables])
    return Blocks(*(table[name].to_numpy() for name in _FACTS))


def collect_trace(tables: Iterable[pa.Table], channel: str) -> Trace:
    """One channel from tables of TRACE_SCHEMA; empty where nothing was read."""
    wanted = [table.filter(pc.equal(table["channel"], channel)) for table in tables]
    table = pa.concat_tables([TRACE_SCHEMA.empty_table(), *wanted])
    return Trace(table["at_ns"].to_numpy(), table["value"].to_numpy())


def traces_by_channel(table: pa.Table) -> dict[str, Trace]:
    """The channels of a table of TRACE_SCHEMA apart, in the order of their names."""
    names = sorted(pc.unique(table["channel"]).to_pylist())
    return {name: collect_trace([table], name) for name in names}


def sorted_by_channel(table: pa.Table) -> pa.Table:
    """The same readings, channel by channel: like values side by side compress far better."""
    order = np.argsort(table["channel"].combine_chunks().dictionary_encode().indices, kind="stable")
    return table.take(pa.array(order))
