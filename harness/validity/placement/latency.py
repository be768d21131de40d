"""Is the delegate as fast as the CPU? Then it may well be the CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.record import PlacementVerdict, Witness
from harness.units import format_ms

#: Within this share of a CPU cell's latency the two are called alike: about the spread between
#: fresh processes on a phone.
ALIKE = 0.05


def latency_witness(latency_ns: float, cpu_latencies_ns: Sequence[float]) -> Witness | None:
    """FELL_BACK where latency is that of one of the CPU cells; otherwise it cannot tell.

    All are medians of the same model, batch and device. Another latency proves nothing: a partly
    delegated graph can be faster or slower than the CPU.
    """
    usable = [value for value in cpu_latencies_ns if math.isfinite(value) and value > 0]
    if not usable or not (math.isfinite(latency_ns) and latency_ns > 0):
        return None
    nearest = min(usable, key=lambda value: abs(math.log(latency_ns / value)))
    alike = abs(latency_ns / nearest - 1) <= ALIKE
    says = PlacementVerdict.FELL_BACK if alike else PlacementVerdict.UNPROVEN
    seen = f"{format_ms(latency_ns)} ms, a CPU cell takes {format_ms(nearest)} ms"
    return Witness("latency", says, seen)
