"""What Core ML's compute plan says: on which unit it means to run each operation.

MLComputePlan (iOS 17.4 and later) tells *anticipated* usage, not a trace. That nothing is meant for
the accelerator shows a fallback; that something is proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.record import PlacementVerdict, Witness

#: The units that make a request for each kind of compute units worth its name.
_WANTED = {
    "all": ("ane", "gpu"),
    "cpuAndGPU": ("gpu",),
    "cpuAndNeuralEngine": ("ane",),
}
_UNITS = ("ane", "gpu", "cpu")


def compute_plan_witness(delegate: str, evidence: Mapping[str, object]) -> Witness | None:
    """The witness of ``compute_plan.ane``, ``.gpu`` and ``.cpu``: operations by preferred unit.

    None where the runner reports no plan, or the delegate is no request for compute units.
    """
    counts = {unit: evidence.get(f"compute_plan.{unit}") for unit in _UNITS}
    known = {unit: count for unit, count in counts.items() if isinstance(count, int) and count >= 0}
    wanted = _WANTED.get(delegate)
    total = sum(known.values())
    if wanted is None or total == 0:
        return None
    nodes = sum(known.get(unit, 0) for unit in wanted)
    shares = ", ".join(f"{unit} {count}" for unit, count in known.items())
    says = PlacementVerdict.UNPROVEN if nodes else PlacementVerdict.FELL_BACK
    return Witness("compute_plan", says, f"Core ML plans its operations on {shares}", nodes, total)
