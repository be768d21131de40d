"""What a job took, and which tools did it: a part of every manifest."""

from __future__ import annotations

import importlib.metadata
import resource
import sys
import time
from collections.abc import Callable

_TOOLS = (
    "numpy", "onnx", "onnx-ir", "onnxruntime", "ai-edge-litert", "ai-edge-quantizer",
    "coremltools", "flatbuffers", "scikit-learn",
)  # fmt: skip


def measured(work: Callable[[], dict[str, object]]) -> dict[str, object]:
    """What ``work`` returns, with the versions of the tools and the cost of the whole process."""
    started = time.monotonic()
    answer = work()
    return {
        **answer,
        "tools": _tool_versions(),
        "cost": {
            "wall_seconds": round(time.monotonic() - started, 2),
            "cpu_seconds": round(time.process_time(), 2),
            "peak_rss_bytes": _peak_rss_bytes(),
        },
    }


def _tool_versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for name in _TOOLS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a tool that this file did not need
    return versions


def _peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
