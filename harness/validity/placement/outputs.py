"""Results beside the CPU's: to the last bit the same, or of another computation altogether.

Other hardware rounds otherwise, so equality hints at the CPU. Half precision loses the last digits,
and no more: results far from the CPU's are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.findings import Finding, finding
from harness.record import PlacementVerdict, Witness
from harness.variant import TensorSpec

#: So many floating-point results have to agree in every bit before it is called no coincidence.
MIN_VALUES = 16
#: Least ratio of the CPU's results to the difference from them. Half precision keeps 50 to 70 dB,
#: 8-bit quantization 30 to 50 (docs/families.md); at 20 dB the difference is a tenth in size.
LEAST_DB = 20.0


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


def output_mismatch(
    outputs: Sequence[NDArray[Any]],
    cpu_outputs: Sequence[NDArray[Any]],
    specs: Sequence[TensorSpec] = (),
) -> Iterator[Finding]:
    """OUTPUT-MISMATCH where results are far from the CPU's, are missing, or are no numbers.

    ``specs`` tell scale and zero point of quantized outputs. Integers without a scale, such as the
    numbers of classes, may rightly differ and are not compared.
    """
    if [one.shape for one in outputs] != [one.shape for one in cpu_outputs]:
        yield finding("OUTPUT-MISMATCH", "the outputs have other shapes than the CPU's")
        return
    for place, (ours, cpu) in enumerate(zip(outputs, cpu_outputs, strict=True)):
        spec = specs[place] if place < len(specs) else None
        seen = _difference(_real(ours, spec), _real(cpu, spec))
        if seen:
            name = spec.name if spec else f"output {place}"
            yield finding("OUTPUT-MISMATCH", f"{name[:60]}: {seen}")


def _real(values: NDArray[Any], spec: TensorSpec | None) -> NDArray[np.float64] | None:
    """Real numbers; None for integers that stand for something else."""
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype.kind in "iu" and spec is not None and spec.scale:
        return (values.astype(np.float64) - (spec.zero_point or 0)) * spec.scale
    return None


def _difference(ours: NDArray[np.float64] | None, cpu: NDArray[np.float64] | None) -> str:
    """What is wrong, empty where nothing is."""
    if ours is None or cpu is None or not cpu.size:
        return ""
    usable = np.isfinite(cpu)
    broken = int(np.count_nonzero(usable & ~np.isfinite(ours)))
    if broken:
        return f"{broken} of {cpu.size} results are no numbers where the CPU's are"
    signal = float(np.sum(np.square(cpu[usable])))
    noise = float(np.sum(np.square(ours[usable] - cpu[usable])))
    if noise == 0.0:
        return ""
    ratio_db = 10 * math.log10(signal / noise) if signal > 0 else -math.inf
    return "" if ratio_db >= LEAST_DB else f"{ratio_db:.1f} dB from the CPU's results"
