"""The engine's own account of who took which part of the graph, as runners send it in ``loaded``.

Evidence is a flat table. TFLite: ``ops`` in the graph, ``delegated_ops`` of them taken by a
delegate, as ``delegate_nodes`` partitions, and ``builtin_ops`` (the types of those left over).
ONNX Runtime: ``nodes``, and a count under each execution provider's name; builds that do not tell
this send ``providers``, the registered ones. ``libraries`` are the names of the files that the
runner's process had mapped when the model was ready (:mod:`libraries`).
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.record import PlacementVerdict, Witness

#: ONNX Runtime's names of what the scenario calls a delegate.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "nnapi": "NnapiExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
}

Evidence = Mapping[str, object]


def assignment_witness(delegate: str, evidence: Evidence, engine: Evidence) -> Witness | None:
    """What the engine says, None where it says nothing.

    ``engine`` holds the engine's facts; its ``xnnpack`` tells whether TFLite's default delegate
    was on, in which case unnamed delegate nodes may be XNNPACK's.
    """
    if _count(evidence, "ops"):
        return _tflite(delegate, evidence, xnnpack=engine.get("xnnpack") is not False)
    if _count(evidence, "nodes"):
        return _onnxruntime(delegate, evidence)
    if "providers" in evidence:
        return _registered(delegate, str(evidence["providers"]))
    return None


def counted(nodes: int, total: int) -> PlacementVerdict:
    """FULL for all nodes, FELL_BACK for none, PARTIAL between."""
    if nodes >= total:
        return PlacementVerdict.FULL
    return PlacementVerdict.PARTIAL if nodes > 0 else PlacementVerdict.FELL_BACK


def _tflite(delegate: str, evidence: Evidence, *, xnnpack: bool) -> Witness:
    total, taken = _count(evidence, "ops"), _count(evidence, "delegated_ops")
    partitions = _count(evidence, "delegate_nodes")
    if delegate == "cpu":
        seen = f"all {total} operations on the CPU, {taken} of them by XNNPACK"
        return Witness("assignment", PlacementVerdict.FULL, seen, total, total)
    seen = f"{taken} of {total} operations taken by a delegate"
    if "builtin_ops" in evidence:
        seen += f"; left to the CPU: {evidence['builtin_ops']}"
    if taken and xnnpack and delegate != "xnnpack":
        seen += ", which may be XNNPACK, the default one"
        return Witness("assignment", PlacementVerdict.UNPROVEN, seen)
    return Witness("assignment", counted(taken, total), seen, taken, total, partitions or None)


def _onnxruntime(delegate: str, evidence: Evidence) -> Witness:
    total = _count(evidence, "nodes")
    by_provider = {name: _count(evidence, name) for name in evidence if name != "nodes"}
    seen = ", ".join(f"{count} on {name}" for name, count in by_provider.items() if count)
    seen = f"of {total} nodes: {seen or 'none accounted for'}"
    provider = PROVIDERS.get(delegate)
    if provider is None:
        return Witness("assignment", PlacementVerdict.UNPROVEN, f"{seen}; none is {delegate!r}")
    taken = min(by_provider.get(provider, 0), total)
    return Witness("assignment", counted(taken, total), seen, taken, total)


def _registered(delegate: str, providers: str) -> Witness:
    """A provider that is registered may still get nothing; one that is not, gets nothing."""
    seen = f"registered providers: {providers}"
    provider = PROVIDERS.get(delegate)
    absent = provider is not None and provider not in providers.split(",")
    says = PlacementVerdict.FELL_BACK if absent else PlacementVerdict.UNPROVEN
    return Witness("assignment", says, seen)


def _count(evidence: Evidence, name: str) -> int:
    value = evidence.get(name)
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
