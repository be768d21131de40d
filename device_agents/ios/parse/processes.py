"""What else runs on an iPhone, from one sample of sysmontap."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from device_agents.ios.parse.values import text, whole

#: They work because they are asked.
_ASKED = frozenset({"DTServiceHub", "sysmond"})
_LISTED = 3


def foreign_load(
    processes: Sequence[Mapping[str, Any]], ours: Collection[int | None]
) -> tuple[float, str] | None:
    """Processor use of everyone but ``ours`` (process ids), and the busiest by name.

    In percent, 100 is one core. None where no process tells its use.
    """
    shares: list[tuple[float, str]] = []
    for one in processes:
        share, name = one.get("cpuUsage"), text(one, "name") or "?"
        if not isinstance(share, int | float) or not 0 <= share < math.inf:
            continue
        if name not in _ASKED and whole(one, "pid") not in ours:
            shares.append((float(share), name))
    if not shares:
        return None
    shares.sort(key=lambda one: (-one[0], one[1]))
    listed = ", ".join(f"{name} {share:.0f} %" for share, name in shares[:_LISTED])
    return sum(share for share, _ in shares), listed
