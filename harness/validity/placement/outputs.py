"""Are the results the CPU's to the last bit? Other hardware rounds otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.record import PlacementVerdict, Witness

#: So many floating-point results have to agree in every bit before it is called no coincidence.
MIN_VALUES = 16


def output_witness(
    outputs: Sequence[NDArray[Any]], cpu_outputs: Sequence[NDArray[Any]]
) -> Witness | None:
    """FELL_BACK where all floating-point outputs equal the CPU's bit by bit; else it cannot tell.

    Only finite floating-point values are compared: integers of a quantized model may agree on any
    hardware, and so may saturated or constant results (at least ``MIN_VALUES`` distinct ones).
    """
    if len(outputs) != len(cpu_outputs):
        return None
    pairs = [
        (ours, cpu)
        for ours, cpu in zip(outputs, cpu_outputs, strict=True)
        if ours.dtype.kind == cpu.dtype.kind == "f" and ours.shape == cpu.shape
    ]
    if sum(len(np.unique(cpu[np.isfinite(cpu)])) for _, cpu in pairs) < MIN_VALUES:
        return None
    differing = sum(int(np.count_nonzero(ours != cpu)) for ours, cpu in pairs)
    count = sum(cpu.size for _, cpu in pairs)
    if differing:
        seen = f"{differing} of {count} results differ from the CPU's"
        return Witness("outputs", PlacementVerdict.UNPROVEN, seen)
    return Witness("outputs", PlacementVerdict.FELL_BACK, f"all {count} results are the CPU's")
