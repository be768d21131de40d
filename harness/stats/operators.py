"""Time per operator, from what engines' own profilers write.

A profiler slows the model down, and its clock is coarse (microseconds): these figures tell where
time goes, never how fast the model is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.units import NS_PER_US

#: What execution providers of ONNX Runtime compute on.
_PROCESSORS = {
    "CPUExecutionProvider": "CPU",
    "XnnpackExecutionProvider": "CPU (XNNPACK)",
    "NnapiExecutionProvider": "NNAPI",
    "CoreMLExecutionProvider": "Core ML",
    "QNNExecutionProvider": "QNN",
    "WebGpuExecutionProvider": "GPU",
}
#: TFLite's kinds of events (tflite/core/api/profiler.h): an operator that the interpreter ran
#: itself, and one inside a delegate.
_BUILTIN, _OF_DELEGATE = 2, 8
#: The event around one whole inference of the interpreter.
_WHOLE, _WHOLE_TAG = 1, "Invoke"
_KERNEL = "_kernel_time"


class ProfileError(ValueError):
    """What a profiler wrote cannot be understood; the message says where."""


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """One node of the graph as it was executed, over all counted runs.

    ``index`` is its place in a run. Fused nodes have the engine's own names.
    """

    index: int
    name: str
    op_type: str
    processor: str
    total_ns: int
    calls: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of ``runs`` inferences went; ``whole_ns`` is their sum as the engine saw it,
    the gaps between operators included.
    """

    engine: str
    runs: int
    whole_ns: int
    nodes: tuple[OperatorTime, ...]

    @property
    def operators_ns(self) -> float:
        """Time in operators per inference."""
        return sum(node.total_ns for node in self.nodes) / self.runs


@dataclass(frozen=True, slots=True)
class TypeTime:
    """All operators of one type on one processor together."""

    op_type: str
    processor: str
    nodes: int
    total_ns: int


def by_type(profile: Profile) -> list[TypeTime]:
    """The types of operators, the most expensive first."""
    nodes: Counter[tuple[str, str]] = Counter()
    times: Counter[tuple[str, str]] = Counter()
    for node in profile.nodes:
        nodes[node.op_type, node.processor] += 1
        times[node.op_type, node.processor] += node.total_ns
    found = [TypeTime(*key, nodes[key], times[key]) for key in nodes]
    return sorted(found, key=lambda item: (-item.total_ns, item.op_type, item.processor))


def read_profile(format_name: str, data: bytes, count: int, warmup: int) -> Profile:
    """What an engine's profiler wrote about ``warmup`` and then ``count`` runs.

    ``format_name`` is that of the wire's ``profiled``. Raises ProfileError.
    """
    readers = {"onnxruntime": _onnxruntime, "litert": _litert}
    reader = readers.get(format_name)
    if reader is None:
        raise ProfileError(f"no profile of {format_name[:40]!r} can be read")
    try:
        events = json.loads(data)
        return reader([one for one in events if isinstance(one, dict)], count, warmup)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, ProfileError):
            raise
        raise ProfileError(f"the {format_name} profile is damaged: {error}") from error


def _onnxruntime(events: Sequence[dict[str, Any]], count: int, warmup: int) -> Profile:
    """Chrome's trace format: ``model_run`` around each run, ``<node>_kernel_time`` within."""
    whole = sorted(
        (one for one in events if one.get("name") == "model_run"), key=lambda one: one["ts"]
    )[warmup:]
    runs = [_Run(one["ts"], one["dur"]) for one in whole]
    _expect(len(runs), count)
    for one in sorted(events, key=lambda one: one.get("ts", 0)):
        if one.get("cat") == "Node" and str(one.get("name", "")).endswith(_KERNEL):
            run = next((run for run in runs if run.holds(one["ts"])), None)
            if run is not None:
                run.nodes.append(_node(one))
    return _gathered("onnxruntime", runs)


def _node(event: dict[str, Any]) -> tuple[str, str, str, int]:
    about = event["args"]
    name = str(event["name"]).removesuffix(_KERNEL)
    provider = str(about.get("provider", ""))
    processor = _PROCESSORS.get(provider, provider.removesuffix("ExecutionProvider") or "unknown")
    return name, str(about.get("op_name", "")), processor, int(event["dur"]) * NS_PER_US


def _litert(events: Sequence[dict[str, Any]], count: int, warmup: int) -> Profile:
    """Events in the order they came: ``Invoke``, then the operators of that run."""
    runs: list[_Run] = []
    for one in events:
        kind, tag, us = int(one["type"]), str(one["tag"]), int(one["us"])
        if kind == _WHOLE and tag == _WHOLE_TAG:
            runs.append(_Run(0, us))
        elif kind in (_BUILTIN, _OF_DELEGATE) and runs:
            processor = "CPU" if kind == _BUILTIN else "CPU (XNNPACK)"
            runs[-1].nodes.append((tag, _kernel(tag), processor, us * NS_PER_US))
    _expect(len(runs) - warmup, count)
    return _gathered("litert", runs[warmup:])


def _kernel(tag: str) -> str:
    """``Convolution (NHWC, F32) IGEMM`` without its layout and algorithm."""
    return tag.partition(" (")[0]


class _Run:
    """One inference; times in microseconds."""

    def __init__(self, start_us: int, whole_us: int) -> None:
        self.start_us, self.whole_us = start_us, whole_us
        self.nodes: list[tuple[str, str, str, int]] = []

    def holds(self, at_us: int) -> bool:
        """Whether something that began then belongs to this run."""
        return self.start_us <= at_us <= self.start_us + self.whole_us


def _expect(found: int, wanted: int) -> None:
    if found != wanted or wanted < 1:
        raise ProfileError(f"the profile holds {max(0, found)} runs, {wanted} were asked for")


def _gathered(engine: str, runs: Sequence[_Run]) -> Profile:
    """Runs of the same graph laid over each other, node by node."""
    shapes = {tuple(node[:3] for node in run.nodes) for run in runs}
    if len(shapes) == 1 and not runs[0].nodes:
        raise ProfileError("the profile names no operator")
    nodes = _aligned(runs) if len(shapes) == 1 else _by_name(runs)
    whole_ns = sum(int(run.whole_us) for run in runs) * NS_PER_US
    return Profile(engine, len(runs), whole_ns, tuple(nodes))


def _aligned(runs: Sequence[_Run]) -> Iterable[OperatorTime]:
    for index, same in enumerate(zip(*(run.nodes for run in runs), strict=True)):
        name, op_type, processor, _ = same[0]
        total_ns = sum(node[3] for node in same)
        yield OperatorTime(index, name, op_type, processor, total_ns, len(same))


def _by_name(runs: Sequence[_Run]) -> Iterable[OperatorTime]:
    """For graphs whose runs differ (branches, loops): nodes of one name together."""
    times: Counter[tuple[str, str, str]] = Counter()
    calls: Counter[tuple[str, str, str]] = Counter()
    for run in runs:
        for *key, ns in run.nodes:
            name, op_type, processor = key
            times[name, op_type, processor] += ns
            calls[name, op_type, processor] += 1
    for index, found in enumerate(calls):
        yield OperatorTime(index, *found, times[found], calls[found])
