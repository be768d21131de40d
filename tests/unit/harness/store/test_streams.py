from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.store import raw_format, streams
from harness.store.columns import collect_blocks, collect_samples
from harness.store.streams import StreamWriter, read_stream


def write(path: Path, make, blocks: int, **fields) -> list[int]:
    """A stream of blocks; the file's size after each of them."""
    writer = StreamWriter(path, raw_format.RAW_SCHEMA)
    sizes = [path.stat().st_size]
    for seq in range(blocks):
        writer.append(raw_format.block_batch(*make.block(seq, **fields)))
        sizes.append(path.stat().st_size)
    writer.close()
    return sizes


def test_cut_anywhere_a_stream_keeps_its_whole_blocks(tmp_path: Path, make) -> None:
    path = tmp_path / "samples.arrows"
    sizes = write(path, make, blocks=3)
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        found = sum(len(table) for table in read_stream(path))
        assert found == sum(size <= cut for size in sizes[1:]), cut


@pytest.mark.parametrize("tail", [b"\0" * 700, b"\xff\xff\xff\xff" * 100, b"\x40\x01\x00\x00" * 80])
def test_garbage_after_a_power_failure_hides_no_block(tmp_path: Path, make, tail: bytes) -> None:
    path = tmp_path / "samples.arrows"
    write(path, make, blocks=3)
    with path.open("ab") as file:
        file.write(tail)
    assert sum(len(table) for table in read_stream(path)) == 3


def test_a_missing_stream_has_no_blocks(tmp_path: Path) -> None:
    assert list(read_stream(tmp_path / "none.arrows")) == []


def test_a_second_writer_on_the_same_stream_is_refused(tmp_path: Path, make) -> None:
    path = tmp_path / "samples.arrows"
    write(path, make, blocks=1)
    with pytest.raises(StoreError, match=r"samples\.arrows"):
        StreamWriter(path, raw_format.RAW_SCHEMA)


def test_windows_are_bounded_in_blocks_and_bytes(
    tmp_path: Path, make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "samples.arrows"
    write(path, make, blocks=10, count=100)
    monkeypatch.setattr(streams, "_WINDOW_BATCHES", 4)
    assert [len(table) for table in read_stream(path)] == [4, 4, 2]
    monkeypatch.setattr(streams, "_WINDOW_BYTES", 2 * 100 * 4 * 8)
    assert [len(table) for table in read_stream(path)] == [2, 2, 2, 2, 2]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=12),
    st.integers(1, 5),
)
def test_blocks_of_any_mixture_come_back_as_they_were(make, mixture, window) -> None:
    given_blocks = [
        make.block(seq, count, timed=timed, intended=intended)
        for seq, (count, timed, intended) in enumerate(mixture)
    ]
    batches = [raw_format.block_batch(*each) for each in given_blocks]
    tables = [
        pa.Table.from_batches(batches[at : at + window]) for at in range(0, len(batches), window)
    ]
    rows = sum(block.count for block, _ in given_blocks)
    samples = collect_samples(map(raw_format.samples_table, tables), rows)
    blocks = collect_blocks(raw_format.blocks_table(table, {}) for table in tables)

    assert list(blocks) == [block for block, _ in given_blocks]
    for name in ("start_ns", "input_ns", "invoke_ns", "output_ns"):
        expected = [value for _, columns in given_blocks for value in columns[name]]
        assert getattr(samples, name).tolist() == expected
    numbered = [block for block, _ in given_blocks for _ in range(block.count)]
    assert samples.block.tolist() == [block.seq for block in numbered]
    assert samples.timed.tolist() == [block.timed for block in numbered]
    if any("intended_ns" in columns and block.count for block, columns in given_blocks):
        assert samples.intended_ns is not None
        assert samples.intended_ns.tolist() == [
            value
            for _, columns in given_blocks
            for value in columns.get("intended_ns", columns["start_ns"])
        ]
    else:
        assert samples.intended_ns is None


def test_blocks_are_a_sequence_and_columns(make) -> None:
    table = pa.Table.from_batches([raw_format.block_batch(*make.block(seq)) for seq in range(4)])
    blocks = collect_blocks([raw_format.blocks_table(table, {2: "screen went off"})])
    assert blocks[1] == make.block(1)[0]
    assert blocks[2] == replace(make.block(2)[0], tainted="screen went off")
    assert blocks[-1].seq == 3
    assert [block.seq for block in blocks[1:3]] == [1, 2]
    assert blocks.counts.sum() == 12
    assert len(blocks) == 4


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda columns: columns.pop("invoke_ns"), "has the columns"),
        (lambda columns: columns.update(extra_ns=columns["start_ns"]), "has the columns"),
        (lambda columns: columns.update(input_ns=columns["input_ns"][1:]), "2 of 3 values"),
    ],
)
def test_a_block_with_the_wrong_columns_is_a_mistake_of_the_caller(make, change, problem) -> None:
    block, columns = make.block(0)
    change(columns)
    with pytest.raises(ValueError, match=problem):
        raw_format.block_batch(block, columns)


def test_samples_are_never_rounded_silently(make) -> None:
    block, columns = make.block(0)
    columns["invoke_ns"] = np.full(3, 1.5)
    with pytest.raises(TypeError):
        raw_format.block_batch(block, columns)
