"""The arrays that packets carry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.wire import messages as m
from harness.wire.codec import Packet


def samples_of(packet: Packet) -> dict[str, NDArray[np.int64]]:
    """The columns of a ``block`` packet by name; see SAMPLE_COLUMNS for their meaning."""
    block = packet.message
    if not isinstance(block, m.BlockDone):
        raise TypeError(f"{type(block).__name__} carries no samples")
    rows = np.frombuffer(packet.frames[0], "<i8").reshape(len(block.columns), block.count)
    return {name: row.astype(np.int64) for name, row in zip(block.columns, rows, strict=True)}


def outputs_of(packet: Packet, loaded: m.Loaded) -> list[NDArray[np.generic]]:
    """The arrays of an ``outputs`` packet, one per output of the loaded model."""
    outputs = packet.message
    if not isinstance(outputs, m.Outputs):
        raise TypeError(f"{type(outputs).__name__} carries no outputs")
    parts = zip(packet.frames, outputs.shapes, loaded.outputs, strict=True)
    return [np.frombuffer(data, spec.dtype).reshape(shape) for data, shape, spec in parts]
