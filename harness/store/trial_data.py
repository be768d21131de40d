"""The data of one trial on disk: raw streams while measuring, Parquet files afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from harness.errors import StoreError
from harness.stats.operators import Profile
from harness.stats.samples import Samples
from harness.store import columns, layout, raw_format
from harness.store.columns import Blocks, Trace
from harness.store.documents import read_profile
from harness.store.files import translated
from harness.store.parquet import count_rows, parquet_writer, read_parquet
from harness.store.streams import read_stream


def settle(folder: Path, taints: Mapping[int, str]) -> None:
    """Turn the raw streams of a trial into Parquet files, a bounded piece at a time.

    ``taints`` says by block number what disturbed a block.

    The streams stay until :func:`drop_raw`; doing it again gives the same files.
    """
    if (folder / layout.RAW_SAMPLES).exists():
        with (
            parquet_writer(folder / layout.SAMPLES, columns.SAMPLE_SCHEMA) as samples,
            parquet_writer(folder / layout.BLOCKS, columns.BLOCK_SCHEMA) as blocks,
        ):
            for raw in read_stream(folder / layout.RAW_SAMPLES):
                samples.write_table(raw_format.samples_table(raw))
                blocks.write_table(raw_format.blocks_table(raw, taints))
    if (folder / layout.RAW_TRACES).exists():
        with parquet_writer(folder / layout.TRACES, columns.TRACE_SCHEMA) as traces:
            for raw in read_stream(folder / layout.RAW_TRACES):
                traces.write_table(columns.sorted_by_channel(raw))


def drop_raw(folder: Path) -> None:
    """Delete the raw streams of a settled trial and what a killed writer left half-written."""
    with translated(folder):
        for name in (layout.RAW_SAMPLES, layout.RAW_TRACES):
            (folder / name).unlink(missing_ok=True)
        for leftover in folder.glob(f"*{layout.TEMPORARY_SUFFIX}"):
            leftover.unlink()


class RawData:
    """What was written of a trial so far, read back from its streams."""

    def __init__(self, folder: Path) -> None:
        self._samples, self._traces = folder / layout.RAW_SAMPLES, folder / layout.RAW_TRACES

    def samples(self, rows: int) -> Samples:
        """All samples; ``rows`` is how many there are."""
        tables = (raw_format.samples_table(raw) for raw in read_stream(self._samples))
        return columns.collect_samples(tables, rows)

    def blocks(self, taints: Mapping[int, str]) -> Blocks:
        """All blocks; ``taints`` says by number what disturbed one."""
        return columns.collect_blocks(
            raw_format.blocks_table(raw, taints) for raw in read_stream(self._samples)
        )

    def traces(self, channels: Collection[str]) -> dict[str, Trace]:
        """Several channels by name; empty where nothing was read."""
        return columns.collect_traces(read_stream(self._traces), channels)


class SettledData:
    """The Parquet files of an ended trial. What was never measured is empty, not an error."""

    def __init__(self, folder: Path) -> None:
        self._samples, self._blocks = folder / layout.SAMPLES, folder / layout.BLOCKS
        self._traces, self._profile = folder / layout.TRACES, folder / layout.PROFILE
        self._outputs, self._screen = folder / layout.OUTPUTS, folder / layout.SCREEN

    def outputs(self) -> list[NDArray[np.generic]] | None:
        """What the model answered to the trial's input; None where that was not kept."""
        with translated(self._outputs):
            if not self._outputs.exists():
                return None
            try:
                with np.load(self._outputs, allow_pickle=False) as stored:
                    return [stored[name] for name in sorted(stored, key=_place)]
            except (ValueError, KeyError, EOFError, BadZipFile) as error:
                raise StoreError(f"{self._outputs}: damaged: {error}") from error

    def screenshot(self) -> Path | None:
        """The file of the picture of the screen; None where nothing covered the runner."""
        with translated(self._screen):
            return self._screen if self._screen.exists() else None

    def profile(self) -> Profile | None:
        """What a profile pass found; None for other trials."""
        return read_profile(self._profile)

    def samples(self) -> Samples:
        """All samples, warm-up included."""
        return columns.collect_samples(read_parquet(self._samples), count_rows(self._samples))

    def blocks(self) -> Blocks:
        """All blocks."""
        return columns.collect_blocks(read_parquet(self._blocks))

    def trace(self, channel: str) -> Trace:
        """One channel; empty when it was never read."""
        return columns.collect_trace(read_parquet(self._traces), channel)

    def trace_channels(self) -> tuple[str, ...]:
        """Names of the channels that have readings."""
        return columns.channel_names(read_parquet(self._traces, ["channel"]))

    def iter_trace_batches(self) -> Iterator[dict[str, Trace]]:
        """All channels together, one bounded stretch of time after another."""
        for table in read_parquet(self._traces):
            yield columns.traces_by_channel(table)


def _place(name: str) -> int:
    """Of an array in an ``.npz`` file: numpy calls them ``arr_0``, ``arr_1``..."""
    return int(name.removeprefix("arr_"))
