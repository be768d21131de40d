"""The layout of the raw streams, made for many small batches: few columns, so little framing.

``samples.arrows`` has one row per block, so that a block is stored whole or not at all: ``facts``,
:data:`~harness.store.columns.FACTS`, and ``samples``, the columns of
:data:`~harness.store.columns.MEASURED` one after another, as the wire sends them; the last one only
for blocks with an arrival rate. ``traces.arrows`` holds readings as ``traces.parquet`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from harness.device import Reading
from harness.record import BlockRecord
from harness.stats.samples import Int64Array
from harness.store.columns import (
    BLOCK_SCHEMA,
    FACTS,
    MEASURED,
    SAMPLE_SCHEMA,
    TRACE_SCHEMA,
    to_arrow,
    to_numpy,
)
from harness.wire.messages import SAMPLE_COLUMNS

RAW_SCHEMA = pa.schema(
    [("facts", pa.list_(pa.int64(), len(FACTS))), ("samples", pa.list_(pa.int64()))],
    metadata={"facts": ",".join(FACTS), "samples": ",".join(MEASURED)},
)


def block_batch(block: BlockRecord, columns: Mapping[str, Int64Array]) -> pa.RecordBatch:
    """A block and its samples as one row of RAW_SCHEMA.

    ``columns`` holds SAMPLE_COLUMNS and, for blocks with an arrival rate, INTENDED_COLUMN, each
    with ``block.count`` values; anything else is a ValueError.
    """
    names = [name for name in MEASURED if name in columns]
    if len(names) < max(len(columns), len(SAMPLE_COLUMNS)):
        raise ValueError(f"block {block.seq} has the columns {', '.join(columns)}")
    for name in names:
        if len(columns[name]) != block.count:
            raise ValueError(
                f"block {block.seq} has {len(columns[name])} of {block.count} values of {name}"
            )
    facts = np.array([getattr(block, name) for name in FACTS], np.int64)
    values = np.concatenate([columns[name] for name in names], dtype=np.int64, casting="safe")
    ends = np.array([0, len(values)], np.int32)
    arrays = [
        pa.FixedSizeListArray.from_arrays(to_arrow(facts), len(FACTS)),
        pa.ListArray.from_arrays(to_arrow(ends), to_arrow(values)),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def readings_batch(readings: Sequence[Reading]) -> pa.RecordBatch:
    """Readings in TRACE_SCHEMA."""
    names = [reading.channel.encode() for reading in readings]
    ends = np.cumsum([0, *map(len, names)], dtype=np.int32)
    arrays = [
        pa.StringArray.from_buffers(len(names), pa.py_buffer(ends), pa.py_buffer(b"".join(names))),
        to_arrow(np.array([reading.at_ns for reading in readings], np.int64)),
        to_arrow(np.array([reading.value for reading in readings], np.float64)),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=TRACE_SCHEMA)


def blocks_table(raw: pa.Table, taints: Mapping[int, str]) -> pa.Table:
    """The blocks in a table of RAW_SCHEMA, in BLOCK_SCHEMA; ``taints`` are by block number."""
    facts = _facts(raw)
    columns = [to_arrow(np.ascontiguousarray(column)) for column in facts.T]
    tainted = pa.nulls(len(facts), pa.string())
    if taints:
        tainted = pa.array([taints.get(int(seq)) for seq in facts[:, 0]], pa.string())
    return pa.Table.from_arrays([*columns, tainted], names=BLOCK_SCHEMA.names).cast(BLOCK_SCHEMA)


def samples_table(raw: pa.Table) -> pa.Table:
    """The samples of the blocks in a table of RAW_SCHEMA, one row each, in SAMPLE_SCHEMA."""
    seq, timed, count = _facts(raw).T[:3]
    lists = raw["samples"].combine_chunks()
    values, size = to_numpy(lists.flatten()), to_numpy(lists.value_lengths())
    # Value k of sample i of a block lies at the block's first value + k * count + i.
    first_value, first_sample = np.cumsum(size) - size, np.cumsum(count) - count
    within_block = np.arange(count.sum()) - np.repeat(first_sample, count)
    place = np.repeat(first_value, count) + within_block
    step = np.repeat(count, count)
    arrays = [
        to_arrow(np.repeat(seq, count).astype(np.int32)),
        to_arrow(np.repeat(timed, count).astype(np.uint8)).cast(pa.bool_()),
        *(to_arrow(values[place + column * step]) for column in range(len(SAMPLE_COLUMNS))),
        _intended(values, place, step, np.repeat(size > count * len(SAMPLE_COLUMNS), count)),
    ]
    return pa.Table.from_arrays(arrays, schema=SAMPLE_SCHEMA)


def _intended(
    values: Int64Array, place: Int64Array, step: Int64Array, present: np.ndarray
) -> pa.Array:
    """The last measured column, null where ``present`` is False."""
    if not present.any():
        return pa.nulls(len(place), pa.int64())
    found = values[np.where(present, place + len(SAMPLE_COLUMNS) * step, 0)]
    bits = np.packbits(present, bitorder="little")
    buffers = [pa.py_buffer(bits), pa.py_buffer(found)]
    return pa.Array.from_buffers(pa.int64(), len(found), buffers)


def _facts(raw: pa.Table) -> Int64Array:
    """One row of facts per block."""
    return to_numpy(raw["facts"].combine_chunks().flatten()).reshape(-1, len(FACTS))
