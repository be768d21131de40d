"""The libraries that this process has mapped: without its driver a delegate cannot have worked."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from harness.wire.messages import Scalar

_MAPS = Path("/proc/self/maps")
#: A string of the wire holds twice as much.
_MOST = 32_000


def mapped_libraries(delegate: str) -> dict[str, Scalar]:
    """Evidence ``libraries`` for a delegate other than ``cpu``: file names with commas between.

    Nothing where the system does not tell.
    """
    if delegate == "cpu":
        return {}
    with suppress(OSError):
        lines = _MAPS.read_text(errors="replace").splitlines()
        names = {line.rpartition("/")[2] for line in lines if ".so" in line and "/" in line}
        text = ",".join(sorted(name for name in names if "," not in name))
        if len(text) <= _MOST:
            return {"libraries": text}
    return {}
